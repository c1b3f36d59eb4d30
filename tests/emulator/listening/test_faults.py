"""Errors that nobody foresaw: a line in the log, an id in the answer, a connection that is closed where it must be."""

import asyncio
import logging

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emulator.listening.faults import FaultLayer, log_fault
from tests.emulator.listening.sockets import GET, connected, serving


def fail(_id: str) -> Response:
    return Response("failed", 500)


def recurse(depth: int) -> int:
    return recurse_more(depth) + 1


def recurse_more(depth: int) -> int:
    return recurse(depth + 1) + 1


def test_an_error_is_one_line_and_its_traceback_is_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("test")
    with caplog.at_level(logging.DEBUG, "test"):
        try:
            recurse(0)
        except RecursionError as error:
            log_fault("request", "id-1", error, log)
    line, traceback = caplog.records
    assert line.levelno == logging.ERROR
    assert line.getMessage().startswith("request id-1 failed: RecursionError: maximum recursion depth exceeded")
    assert f"({__file__}:" in line.getMessage()
    assert (traceback.levelno, traceback.getMessage(), traceback.exc_info is not None) == (
        logging.DEBUG, "request id-1", True,
    )  # fmt: skip


def test_what_an_error_quotes_stays_in_its_line(caplog: pytest.LogCaptureFixture) -> None:
    log_fault("request", "id-1", ValueError("a\r\nERROR b\0" + "c" * 10_000), logging.getLogger("test"))
    (record,) = caplog.records
    assert record.getMessage() == f"request id-1 failed: ValueError: a\\r\\nERROR b\\x00{'c' * 289} (nowhere)"


@pytest.mark.parametrize("begun", [False, True])
async def test_the_server_logs_no_traceback(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], begun: bool
) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("secret")

    async with serving(FaultLayer(broken, fail)) as served, connected(served) as peer:
        await peer.send(GET)
        if begun:
            assert (await peer.end()).endswith(b"\r\n\r\nhalf")
        else:
            assert await peer.answer() == (500, "failed")
    (record,) = caplog.records
    assert (record.exc_info, record.getMessage().count("ValueError: secret")) == (None, 1)
    # uvicorn has its own way to the terminal.
    said = "ERROR:    ASGI callable returned without completing response.\n" if begun else ""
    assert capsys.readouterr().err == said


async def test_a_client_that_leaves_is_no_fault(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    left = asyncio.Event()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await Request(scope, receive, send).body()
        finally:
            left.set()

    with caplog.at_level(logging.DEBUG, "emulator"):
        async with serving(FaultLayer(reading, fail)) as served:
            async with connected(served) as peer:
                await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
            await left.wait()
    assert [each.getMessage() for each in caplog.records if each.name.startswith("emulator")] == []
    assert capsys.readouterr().err == ""
