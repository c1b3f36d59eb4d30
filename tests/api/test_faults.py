"""What callers see when the Eventhouse is in trouble, and who may ask at all."""

import asyncio
import errno
import os
import re
from collections.abc import Mapping
from datetime import timedelta

import duckdb
import httpx
import pytest

from api.app import create_app
from api.limits import ApiLimits
from cli.composition.embedded import EmbeddedEventhouse
from emulator.context import ParameterValue
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.faults import kusto_fault
from emulator.errors import AccessFault, EngineFault, KustoError, LimitFault, ThrottledFault
from emulator.result import ResultTable
from kql.client.remote import RemoteEventhouse
from kql.registry import Registry

SUMMARY = "/v1/market/summary"


class Troubled(EmbeddedEventhouse):
    """The embedded Eventhouse, whose queries fail in one way."""

    fault: Exception | None = None

    async def query(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> ResultTable:
        if self.fault is not None:
            raise self.fault
        await asyncio.Event().wait()
        return await super().query(text, parameters=parameters, options=options)

    async def command(self, text: str) -> ResultTable:
        if self.fault is not None:
            raise self.fault
        return await super().command(text)


async def ask(
    registry: Registry, eventhouse: EmbeddedEventhouse, path: str, **limits: timedelta | int
) -> httpx.Response:
    app = create_app(registry, eventhouse, limits=ApiLimits(**limits))  # type: ignore[arg-type]  # of one kind each
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
        return await http.get(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (EngineFault("the disk is full", "TH0910"), 503, "TH0910"),
        (LimitFault("busy", "TH_THROTTLED"), 503, "TH_THROTTLED"),
        (LimitFault("too slow", "E_QUERY_TIMEOUT"), 504, "TIMEOUT"),
        (LimitFault("too large", "E_QUERY_RESULT_SET_TOO_LARGE"), 422, "TOO_MANY_RECORDS"),
        (None, 504, "TIMEOUT"),
    ],
)
async def test_trouble_of_the_eventhouse_is_not_the_callers_fault(
    registry: Registry, fault: KustoError | None, status: int, code: str
) -> None:
    engine = Eventhouse.open(None, database="market")
    try:
        eventhouse = Troubled(engine, "market")
        eventhouse.fault = fault
        answer = await ask(registry, eventhouse, SUMMARY, timeout=timedelta(milliseconds=20))
    finally:
        engine.close()
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


RAW = ' Error: Could not read "/secret/market.duckdb"\nLINE 1: SELECT "t7"'
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cause", "code", "retries"),
    [
        (duckdb.IOException("IO" + RAW), "TH0910", True),
        (duckdb.InternalException("INTERNAL" + RAW), "TH0911", True),
        (duckdb.FatalException("FATAL" + RAW), "TH_StorageReopens", True),
        (duckdb.ConversionException("Conversion" + RAW), "SEM0053", False),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/market.duckdb"), "TH_DiskFull", True),
    ],
    ids=["storage", "bug", "fatal", "value", "disk"],
)
async def test_the_engines_own_words_stand_in_the_log_and_nowhere_else(
    registry: Registry, caplog: pytest.LogCaptureFixture, cause: Exception, code: str, retries: bool
) -> None:
    engine = Eventhouse.open(None, database="market")
    try:
        eventhouse = Troubled(engine, "market")
        eventhouse.fault = kusto_fault(cause)
        answer = await ask(registry, eventhouse, SUMMARY)
    finally:
        engine.close()
    found = re.fullmatch(rf"The Eventhouse failed \(fault ({ID})\)\.", answer.json()["detail"])
    assert found is not None
    assert answer.json() == {
        "type": "urn:tickhouse:problem:eventhouse",
        "title": "Eventhouse trouble",
        "status": 503,
        "detail": f"The Eventhouse failed (fault {found[1]}).",
        "code": code,
        "hint": "the cause stands in the API's log under this id",
    }
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, "1" if retries else None)
    logged = [each.getMessage() for each in caplog.records if each.name == "emulator.listening.faults"]
    assert [line.startswith(f"query {found[1]} failed: ") for line in logged] == [True]
    assert ["/secret/market.duckdb" in line for line in logged] == [True]
    assert "\n" not in logged[0]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [EngineFault("raw words", "TH0911"), AccessFault("no access: raw words", "TH_A")])
async def test_nor_does_the_health_check_repeat_them(registry: Registry, fault: KustoError) -> None:
    engine = Eventhouse.open(None, database="market")
    try:
        eventhouse = Troubled(engine, "market")
        eventhouse.fault = fault
        answer = await ask(registry, eventhouse, "/readyz")
    finally:
        engine.close()
    assert answer.status_code == 503
    assert re.fullmatch(rf"The Eventhouse failed \(fault {ID}\)\.", answer.json()["status"])


@pytest.mark.parametrize("path", [SUMMARY, "/readyz"])
async def test_where_the_eventhouse_is_stands_in_the_log_alone(
    registry: Registry, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    eventhouse = RemoteEventhouse.connect("http://127.0.0.1:9/inner", "market")
    try:
        app = create_app(registry, eventhouse)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
            answer = await http.get(path)
    finally:
        await eventhouse.close()
    document = answer.json()
    assert answer.status_code == 503
    text = document["detail"] if path == SUMMARY else document["status"]
    found = re.fullmatch(rf"The Eventhouse cannot be reached \(fault ({ID})\)\.", text)
    assert found is not None
    assert "127.0.0.1" not in answer.text
    logged = [each.getMessage() for each in caplog.records if each.name == "emulator.listening.faults"]
    assert [line.startswith(f"query {found[1]} failed: NetworkFault: ") for line in logged] == [True]
    assert ["http://127.0.0.1:9" in line for line in logged] == [True]


@pytest.mark.slow
async def test_overload_says_when_to_come_back(registry: Registry) -> None:
    engine = Eventhouse.open(None, database="market")
    try:
        eventhouse = Troubled(engine, "market")
        eventhouse.fault = ThrottledFault("too much", "TooManyRequests")
        answer = await ask(registry, eventhouse, SUMMARY)
    finally:
        engine.close()
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["cache-control"]) == (
        429,
        "1",
        "no-store",
    )
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:tickhouse:problem:throttled",
        "title": "Too many requests",
        "status": 429,
        "detail": "The Eventhouse has more to answer than it can.",
        "code": "THROTTLED",
        "hint": "ask again later",
    }


@pytest.mark.slow
async def test_a_bug_is_a_problem_document_without_its_cause(registry: Registry) -> None:
    engine = Eventhouse.open(None, database="market")
    try:
        eventhouse = Troubled(engine, "market")
        eventhouse.fault = RuntimeError("secret detail")
        transport = httpx.ASGITransport(create_app(registry, eventhouse), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
            answer = await http.get(SUMMARY)
    finally:
        engine.close()
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text


@pytest.mark.slow
async def test_a_database_that_is_not_deployed_is_not_ready(registry: Registry) -> None:
    engine = Eventhouse.open(None, database="market")
    try:
        eventhouse = EmbeddedEventhouse(engine, "market")
        ready = await ask(registry, eventhouse, "/readyz")
        assert ready.status_code == 503
        assert "MarketSummary_v1" in ready.json()["status"]
        answer = await ask(registry, eventhouse, SUMMARY)
        assert answer.status_code == 503
        assert "deploy" in answer.json()["hint"]
    finally:
        engine.close()


@pytest.mark.slow
async def test_an_answer_beyond_the_limit_is_refused(registry: Registry, eventhouse: EmbeddedEventhouse) -> None:
    answer = await ask(registry, eventhouse, "/v1/prices/MSFT/history", max_rows=10)
    assert answer.status_code == 422
    assert "more than 10 records" in answer.json()["detail"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (SUMMARY, {}, 401),
        (SUMMARY, {"x-api-key": "wrong"}, 401),
        (SUMMARY, {"x-api-key": "key-1"}, 200),
        (SUMMARY, {"authorization": "Bearer key-1"}, 200),
        ("/docs", {}, 401),
        ("/healthz", {}, 200),
        ("/readyz", {}, 200),
    ],
)
async def test_a_key_is_demanded_where_one_is_set(
    registry: Registry, eventhouse: EmbeddedEventhouse, path: str, headers: dict[str, str], status: int
) -> None:
    app = create_app(registry, eventhouse, api_key="key-1")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
        answer = await http.get(path, headers=headers)
    assert answer.status_code == status
