"""What commands that run say and refuse before they serve, and how they end."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from cli.commands import data_connection, producer
from cli.commands.data_connection import ConnectionSettings
from cli.commands.producer import ProducerSettings, QueuedTrades, describe_counting
from cli.commands.up import Past, UpSettings, _require_distinct_ports, until_it_succeeds
from cli.composition import landing_connection
from cli.composition.delivery import Delivery
from cli.composition.hub import HubSettings
from cli.composition.landing_connection import describe_health
from cli.composition.sources import (
    LiveSource,
)
from cli.errors import CliError
from cli.settings.access import Access
from emulator.errors import KustoError
from emulator.eventhubs.data_connection.connection import DataConnection, Destination, Health, Table
from emulator.eventhubs.data_connection.feed import HubUnreachable
from kql.client import Eventhouse
from producer.errors import BadData, ProducerError, Transient
from producer.sources.quotes import QuoteTrades
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource
from tests.producer.clock import ManualClock

HUB = "Endpoint=sb://127.0.0.1:1/;SharedAccessKeyName=n;SharedAccessKey=s3cr3t;EntityPath=trades"
NO_HUB = (
    "no event hub is known",
    "set TICKHOUSE_EVENTHUBS_CONNECTION to the connection string of the namespace and hub",
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TICKHOUSE_EVENTHUBS_CONNECTION", raising=False)
    monkeypatch.setenv("TICKHOUSE_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


def printed() -> tuple[Console, io.StringIO]:
    shown = io.StringIO()
    return Console(file=shown, soft_wrap=True), shown


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(CliError) as caught:
        call()
    return caught.value.message, caught.value.hint


def producing(**changes: object) -> ProducerSettings:
    return replace(ProducerSettings("none", None, None, "D", None, 5.0), **changes)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("changes", "has_hub", "fault"),
    [
        ({"via": "eventhubs"}, False, NO_HUB),
        (
            {"ingestion": "queued"},
            False,
            ("--ingestion is for trades straight into an Eventhouse by URL", "give --eventhouse URL"),
        ),
        (
            {"ingestion": "queued", "url": "http://127.0.0.1:1", "via": "eventhubs"},
            True,
            ("--ingestion is for trades straight into an Eventhouse by URL", "give --eventhouse URL"),
        ),
        ({}, True, ("a producer needs a source", "give --source auto, simulated or live providers")),
        (
            {"ingestion": "queued", "url": "http://127.0.0.1:1"},
            True,
            ("a producer needs a source", "give --source auto, simulated or live providers"),
        ),
    ],
)
def test_what_a_producer_is_refused(
    changes: dict[str, object], has_hub: bool, fault: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_hub:
        monkeypatch.setenv("TICKHOUSE_EVENTHUBS_CONNECTION", HUB)
    assert refused(lambda: asyncio.run(producer._run(producing(**changes), printed()[0]))) == fault


class _Pipeline:
    class counters:  # noqa: N801 - as a pipeline has them
        received, recovered, sent, spooled, unsent = 1_000, 200, 1_100, 90, 10

    async def run(self) -> None: ...


@pytest.mark.parametrize("has_quotes", [False, True])
def test_a_producer_says_what_goes_where_and_how_it_ended(
    has_quotes: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    simulated = SimulatedSource(ManualClock(), SimulatedSettings(symbols=("AAPL",)))
    quotes = cast("QuoteTrades", object()) if has_quotes else None
    asked: dict[str, object] = {}

    async def choose(*_given: object) -> LiveSource:
        return LiveSource(simulated, None, ("AAPL",), quotes)

    @asynccontextmanager
    async def pipeline(delivery: Delivery, *given: object, **named: object) -> AsyncIterator[_Pipeline]:
        role = cast("Callable[[], str]", named.pop("role"))
        asked.update(named, delivery=delivery.name, data=given[1], role=role())
        yield _Pipeline()

    monkeypatch.setattr(producer, "choose_source", choose)
    monkeypatch.setattr(producer, "pipeline_to", pipeline)
    monkeypatch.setattr(producer, "until_signal_or_end", lambda *work: asyncio.gather(*work))
    monkeypatch.setenv("TICKHOUSE_EVENTHUBS_CONNECTION", HUB)
    console, shown = printed()
    asyncio.run(producer._run(producing(data=tmp_path / "d", batch_age=2.0, write_ahead=True), console))
    counting = (
        "Volumes are differences of the day's volume; a second producer of it needs --lease, or volumes count twice;"
        " with --eventhouse it would go on from the volumes on record.\n"
    )
    assert shown.getvalue() == (
        "simulated → hub trades at sb://127.0.0.1:1  Ctrl-C ends it.\n"
        f"{counting if has_quotes else ''}"
        "Ended: 1,200 trades received, 1,100 sent, 90 in the spool, 10 lost.\n"
    )
    assert asked == {
        "delivery": "hub trades at sb://127.0.0.1:1",
        "data": tmp_path / "d",
        "role": "active",
        "batch_age": 2.0,
        "write_ahead": True,
    }


@pytest.mark.parametrize(
    ("lease", "eventhouse", "needs"),
    [
        (
            None,
            None,
            "; a second producer of it needs --lease, or volumes count twice; with --eventhouse it would go on"
            " from the volumes on record.",
        ),
        (Path("l"), None, "; with --eventhouse it would go on from the volumes on record."),
        (None, object(), "; a second producer of it needs --lease, or volumes count twice."),
        (Path("l"), object(), "."),
    ],
)
def test_what_counting_differences_needs(lease: Path | None, eventhouse: object, needs: str) -> None:
    told = describe_counting(producing(lease=lease), cast("Eventhouse | None", eventhouse))
    assert told == f"Volumes are differences of the day's volume{needs}"


@pytest.mark.parametrize(
    ("is_expected", "told"),
    [
        (False, "Streaming ingestion is not possible for a batch: it is queued, safe, and visible later.\n"),
        (True, ""),
    ],
)
def test_queued_trades_are_told_of_once_and_counted(is_expected: bool, told: str) -> None:
    console, shown = printed()
    queued = QueuedTrades(console, is_expected=is_expected)
    assert queued.summary() == ""
    queued.add(1_000)
    queued.add(500)
    assert (shown.getvalue(), queued.summary()) == (told, " Of those sent 1,500 by queued ingestion.")


def connecting(**changes: object) -> ConnectionSettings:
    return replace(ConnectionSettings(None, None, "D", None, None, "g", None), **changes)  # type: ignore[arg-type]  # by name


def test_a_data_connection_needs_a_hub() -> None:
    assert refused(lambda: asyncio.run(data_connection._run(connecting(), printed()[0]))) == NO_HUB


@pytest.mark.parametrize(
    ("table_", "mapping", "expected"),
    [
        (None, None, Destination("TradesRaw", "trades_v1", "D")),
        ("TradesRaw", None, Destination("TradesRaw", "trades_v1", "D")),
        (None, "m", Destination("TradesRaw", "m", "D")),
        ("T", None, Destination("T", None, "D")),
        ("T", "m", Destination("T", "m", "D")),
    ],
)
def test_where_a_data_connection_stores(table_: str | None, mapping: str | None, expected: Destination) -> None:
    assert data_connection._destination(connecting(table=table_, mapping=mapping)) == expected


class _Marks:
    def __init__(self, fault: KustoError | None) -> None:
        self.fault = fault

    def mark(self, name: str) -> int | None:
        assert name == "data-connection"
        if self.fault is not None:
            raise self.fault
        return None


class _Down(KustoError):
    permanent = False


def test_an_eventhouse_without_marks_is_refused_and_one_out_of_reach_waited_for() -> None:
    for fault, told in ((None, ""), (_Down("nobody answers"), "nobody answers; it is waited for.\n")):
        console, shown = printed()
        asyncio.run(data_connection._require_marks(cast("Table", _Marks(fault)), console))
        assert shown.getvalue() == told
    marks = cast("Table", _Marks(KustoError("no such thing", hint="another one")))
    assert refused(lambda: asyncio.run(data_connection._require_marks(marks, printed()[0]))) == (
        "no such thing",
        "another one",
    )


@pytest.mark.parametrize(
    ("health", "text"),
    [
        (Health(True, 0, 0.0), "nothing waits in the hub"),
        (Health(True, 1_500, 1.0), "1,500 events in the hub wait"),
        (Health(False, 1_500, 1.0, ("one", "two")), "one; two"),
    ],
)
def test_how_far_the_table_is_behind_the_hub(health: Health, text: str) -> None:
    assert describe_health(health) == text


class _Draining:
    def __init__(self, fault: Exception | None) -> None:
        self.fault = fault

    async def drained(self) -> None:
        if self.fault is not None:
            raise self.fault

    def health(self) -> Health:
        return Health(True, 7, 1.0)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (None, []),
        (TimeoutError(), ["7 events stay in the hub; the next run stores them"]),
        (HubUnreachable("gone"), ["what is in the hub stays there for the next run: gone"]),
    ],
)
async def test_what_is_not_drained_is_told(
    fault: Exception | None, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    await landing_connection._drain(cast("DataConnection", _Draining(fault)))
    assert [record.getMessage() for record in caplog.records] == told


@pytest.mark.parametrize(
    ("ports", "fault"),
    [
        ((1, 2, None), None),
        ((0, 0, 0), None),
        ((1, 2, 3), None),
        (
            (1, 1, None),
            ("--port and --eventhouse-port are both 1", "give --eventhouse-port another number than --port"),
        ),
        ((1, 2, 1), ("--port and --hub-port are both 1", "give --hub-port another number than --port")),
        (
            (1, 2, 2),
            ("--eventhouse-port and --hub-port are both 2", "give --hub-port another number than --eventhouse-port"),
        ),
    ],
)
def test_servers_of_one_process_have_ports_of_their_own(
    ports: tuple[int, int, int | None], fault: tuple[str, str] | None
) -> None:
    port, wire, hub_port = ports
    hub = None if hub_port is None else HubSettings(hub_port, None, flag="--hub-port")
    settings = UpSettings("none", None, port, wire, "127.0.0.1", Access(), "D", hub=hub)
    if fault is None:
        _require_distinct_ports(settings)
    else:
        assert refused(lambda: _require_distinct_ports(settings)) == fault


def test_callers_are_told_of_a_past_that_is_awaited() -> None:
    assert (Past(True).notice(), Past(False).notice()) == ("The history of prices is still being loaded.", "")


async def test_the_past_is_fetched_again_while_what_is_in_the_way_may_pass() -> None:
    clock, (console, shown) = ManualClock(), printed()
    faults: list[ProducerError] = [Transient("the disk [is] full"), Transient("still")]

    async def fetch() -> None:
        if faults:
            raise faults.pop(0)

    await clock.finish(until_it_succeeds(fetch, clock, console))
    assert shown.getvalue() == (
        "The past is incomplete, next attempt in 10 s: the disk [is] full\n"
        "The past is incomplete, next attempt in 10 s: still\n"
    )
    assert clock.slept == [10.0, 10.0]
    faults.append(BadData("odd"))
    with pytest.raises(BadData):
        await until_it_succeeds(fetch, clock, console)
