"""Crowds at the REST API of a running platform: trades go on arriving, who is too many is told when to come back."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.end_to_end.platform import Platform, running

pytestmark = pytest.mark.slow

SUMMARY = "/v1/market/summary"
# Past the cache, which would answer all of them at once.
ANEW = {"Cache-Control": "no-cache"}
# Without lanes of their own trades stood still for 13 to 24 s; half a second is usual here, on a busy machine a few.
LONGEST_SECONDS = 10
AGE = "TradesRaw | summarize Age = (now() - max(ReceivedAt)) / 1s"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    data = tmp_path_factory.mktemp("crowd") / "data"
    with running(data, "--source", "simulated", "--trades-per-second", "20") as started:
        # The past comes first, and takes its time.
        started.wait_for("TradesRaw | where ReceivedAt > ago(5s)")
        yield started


@contextmanager
def trades_going_on(platform: Platform) -> Iterator[None]:
    """Look again and again how old the newest trade is, until some seconds after the block."""
    ages: list[float] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(0.2):
            ages.append(float(str(platform.rows(AGE)[0][0])))

    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(look)
        try:
            yield
            time.sleep(3)
        finally:
            is_over.set()
        looking.result()
    assert len(ages) > 3
    assert max(ages) < LONGEST_SECONDS


def test_trades_go_on_beside_300_who_hang_up_at_once(platform: Platform) -> None:
    host, port = platform.api.removeprefix("http://").split(":")
    request = f"GET {SUMMARY} HTTP/1.1\r\nHost: {host}\r\nCache-Control: no-cache\r\n\r\n".encode()
    with trades_going_on(platform):
        for _ in range(300):
            with socket.create_connection((host, int(port)), 30) as each:
                each.sendall(request)
        assert platform.get(SUMMARY).status_code == httpx.codes.OK


async def crowd(platform: Platform, clients: int, requests: int) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=platform.api, headers=ANEW, timeout=120, limits=limits) as http:

        async def ask() -> list[httpx.Response]:
            return [await http.get(SUMMARY) for _ in range(requests)]

        return [answer for answers in await asyncio.gather(*(ask() for _ in range(clients))) for answer in answers]


async def test_who_of_300_is_too_many_is_told_when_to_come_back(platform: Platform) -> None:
    with trades_going_on(platform):
        answers = await crowd(platform, 300, 1)
    counts = Counter(answer.status_code for answer in answers)
    assert sorted(counts) == [200, 429]
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code == 429} == {"1"}


async def test_fifty_clients_are_all_answered_while_trades_come_in(platform: Platform) -> None:
    with trades_going_on(platform):
        answers = await crowd(platform, 50, 4)
    assert Counter(answer.status_code for answer in answers) == {200: 200}
