"""Liveness and readiness over an Eventhouse of a test's own: ready, without some functions, silent, and in trouble."""

import asyncio
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api import health, trouble
from emulator.errors import EntityNotFound, NetworkFault
from emulator.result import ResultTable
from emulator.types import Scalar
from kql.client import Eventhouse
from kql.registry import Registry
from tests.cli.test_printing import table

REGISTRY = cast(
    "Registry",
    SimpleNamespace(endpoints=[SimpleNamespace(contract=SimpleNamespace(name=name)) for name in ("B_v1", "A_v1")]),
)
ID = UUID(int=7)


class Functions:
    """Answers which functions there are, a fault, or nothing at all."""

    def __init__(self, *names: str, fault: Exception | None = None, is_silent: bool = False) -> None:
        self.names, self.fault, self.is_silent = names, fault, is_silent

    async def command(self, text: str) -> ResultTable:
        assert text == ".show functions"
        if self.is_silent:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        return table({"Name": Scalar.STRING}, *((name,) for name in self.names))


async def asked(eventhouse: Functions, path: str) -> tuple[int, object]:
    app = FastAPI()
    health.add_health(app, REGISTRY, cast("Eventhouse", eventhouse))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        answer = await http.get(path)
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "application/json")
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("eventhouse", "status", "text"),
    [
        (Functions("A_v1", "B_v1", "C"), 200, "ready"),
        (Functions("A_v1"), 503, "not deployed: B_v1"),
        (Functions(), 503, "not deployed: A_v1, B_v1"),
        (Functions(is_silent=True), 503, "the Eventhouse does not answer"),
        (Functions(fault=EntityNotFound("no such database")), 503, "The Eventhouse refused: no such database"),
        (Functions(fault=NetworkFault("no connection")), 503, f"The Eventhouse cannot be reached (fault {ID})."),
    ],
)
async def test_readiness(eventhouse: Functions, status: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(trouble, "uuid4", lambda: ID)
    assert await asked(eventhouse, "/readyz") == (status, {"status": text})


async def test_a_process_lives_whatever_its_eventhouse_does() -> None:
    assert await asked(Functions(is_silent=True), "/healthz") == (200, {"status": "ok"})
