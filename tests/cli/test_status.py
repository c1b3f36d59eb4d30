"""What `producer status` and `data-connection status` print of the file that a process leaves, and how they end."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer import Exit

from cli.commands import connection_status, producer_status
from cli.errors import CliError
from cli.status import connection
from cli.status.connection import ConnectionMeter, ConnectionStatus, read_connection_status
from cli.status.liveness import STALE_SECONDS, describe_state, is_running, latest_folder
from cli.status.producer import one_line
from emulator.eventhubs.data_connection.connection import Destination, Health, Progress
from producer.durable_files import is_held
from producer.errors import BadData
from producer.pipeline.status import Status, StatusFile, write_status

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
PRODUCER = Status(
    source="yahoo",
    role="active",
    pid=4711,
    started_at=NOW - timedelta(hours=1),
    at=NOW - timedelta(seconds=1),
    received=12_345,
    sent=12_000,
    per_second=1_234.56,
    lag_seconds=1.5,
    delay_seconds=0.25,
    drops=1_001,
    dead_letters=2_002,
    queued=3_003,
    queue_capacity=100_000,
    spooled=4_004,
    spool_bytes=5_005,
    sink_retries=6_006,
    source_failures=7_007,
    last_event=datetime(2026, 3, 2, 14, 59, 58, 250_000, tzinfo=UTC),
    last_error="down",
)
CONNECTION = ConnectionStatus(
    hub="trades",
    eventhouse="Market in data",
    table="Trades",
    role="active",
    pid=4711,
    started_at=NOW - timedelta(hours=1),
    at=NOW - timedelta(seconds=1),
    partitions=4,
    standby=1,
    lag=1_500,
    lag_seconds=2.5,
    per_second=1_234.56,
    stored=12_345,
    dead_letters=2_002,
    expired=3_003,
    problems=(),
    failures=("partition 0: down",),
)


class _Now(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # a moment of the test's own
        return NOW


@pytest.fixture(autouse=True)
def _at_that_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (producer_status, connection_status, connection):
        monkeypatch.setattr(module, "datetime", _Now)


def told(run: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit code and what is printed."""
    code = 0
    try:
        run()
    except Exit as end:
        code = end.exit_code
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, captured.out


def test_all_that_a_producer_says_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StatusFile(tmp_path / "producer.json") as file:
        file.write(PRODUCER)
        assert told(lambda: producer_status.run_producer_status(data=tmp_path), capsys) == (
            0,
            "state         running (active), process 4711\n"
            "source        yahoo\n"
            "since         2026-03-02 14:00:00 UTC\n"
            "lag           1.500 s, last delivery 0.250 s after its trade\n"
            "rate          1,234.6 trades/s\n"
            "received      12,345\n"
            "sent          12,000\n"
            "drops         1,001\n"
            "dead letters  2,002\n"
            "queue         3,003 of 100,000\n"
            "spool         4,004 trades, 5,005 bytes\n"
            "retries       6,006 of the sink, 7,007 of the source\n"
            "last event    2026-03-02 14:59:58.250000 UTC\n"
            "last error    down\n",
        )


def test_what_a_producer_does_not_know_is_none_and_one_that_has_ended_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = replace(PRODUCER, role="ended", delay_seconds=None, last_event=None, last_error="", lag_seconds=0.0)
    write_status(tmp_path / "producer.json", ended)
    code, text = told(lambda: producer_status.run_producer_status(data=tmp_path), capsys)
    lines = text.splitlines()
    assert (code, lines[0], lines[3], lines[-2:]) == (
        1,
        "state         ended; last heard of 1 s ago",
        "lag           0.000 s",
        ["last event    none", "last error    none"],
    )


def test_a_folder_without_a_producer_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no producer has left a status here"):
        producer_status.run_producer_status(data=tmp_path)


def test_all_that_a_data_connection_says_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StatusFile(tmp_path / "data-connection.json") as file:
        file.write(CONNECTION)
        assert told(lambda: connection_status.run_connection_status(data=tmp_path), capsys) == (
            0,
            "state         running (active), process 4711\n"
            "hub           trades, 4 partitions, 1 of them read by another connection\n"
            "eventhouse    Market in data, table Trades\n"
            "since         2026-03-02 14:00:00 UTC\n"
            "lag           1,500 events, the oldest came 2.500 s ago\n"
            "rate          1,234.6 records/s\n"
            "stored        12,345\n"
            "dead letters  2,002\n"
            "expired       3,003\n"
            "failure       partition 0: down\n",
        )


def test_a_data_connection_that_has_problems_ends_with_one_and_tells_each_thing_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = replace(
        CONNECTION,
        standby=0,
        lag=0,
        problems=("partition 0: down",),
        failures=("partition 0: down", "partition 1: late"),
    )
    with StatusFile(tmp_path / "data-connection.json") as file:
        file.write(failing)
        code, text = told(lambda: connection_status.run_connection_status(data=tmp_path), capsys)
    lines = text.splitlines()
    assert (code, lines[1], lines[4], lines[-2:]) == (
        1,
        "hub           trades, 4 partitions",
        "lag           0 events",
        ["problem       partition 0: down", "failure       partition 1: late"],
    )


def test_a_data_connection_that_does_not_run_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(tmp_path / "data-connection.json", CONNECTION)
    code, text = told(lambda: connection_status.run_connection_status(data=tmp_path), capsys)
    assert (code, text.splitlines()[0]) == (1, "state         not running; last heard of 1 s ago")


def test_a_status_of_a_data_connection_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "data-connection.json"
    with pytest.raises(CliError) as missing:
        read_connection_status(path)
    assert (missing.value.message, missing.value.hint) == (
        f"no data connection has run in '{tmp_path}'",
        "start one with `tickhouse data-connection run` or `tickhouse up --via eventhubs`, or name its --data",
    )
    for content in (b"", b"[]", b"{}", b'{"at": 1}', b'{"started_at": "2026-03-02", "at": "2026-03-02"}'):
        path.write_bytes(content)
        with pytest.raises(CliError) as damaged:
            read_connection_status(path)
        assert damaged.value.message.startswith(f"{path} is no status of a data connection: ")
    write_status(path, CONNECTION)
    found = read_connection_status(path)
    assert replace(found, problems=(), failures=tuple(found.failures)) == CONNECTION


@pytest.mark.parametrize(
    ("role", "is_held", "seconds", "is_alive", "text"),
    [
        ("active", True, 0.0, True, "running (active), process 4711"),
        ("standby", True, STALE_SECONDS, True, "running (standby), process 4711"),
        (
            "active",
            True,
            STALE_SECONDS + 1,
            False,
            "process 4711 stands still, or its disk is full; last heard of 16 s ago",
        ),
        ("active", False, 0.0, False, "not running; last heard of 0 s ago"),
        ("ended", True, 0.0, False, "ended; last heard of 0 s ago"),
        ("ended", False, 3_600.0, False, "ended; last heard of 3,600 s ago"),
    ],
)
def test_a_process_runs_that_holds_its_file_and_has_written_of_late(
    tmp_path: Path, role: str, is_held: bool, seconds: float, is_alive: bool, text: str
) -> None:
    status, path = replace(PRODUCER, role=role), tmp_path / "producer.json"
    now = status.at + timedelta(seconds=seconds)
    with StatusFile(path) as file:
        file.write(status)
        if not is_held:
            file.__exit__(None, None, None)
        assert (is_running(status, path, now), describe_state(status, path, now)) == (is_alive, text)


def test_without_a_folder_it_is_that_of_the_latest_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CliError) as caught:
        latest_folder("data-connection.json", "data connection")
    assert (caught.value.message, caught.value.hint) == (
        "no data connection has run in 'data/market' or 'data/simulated'",
        "start one with `tickhouse up` or `tickhouse data-connection run`, or name its folder with --data",
    )
    market, simulated = Path("data/market"), Path("data/simulated")
    for folder in (market, simulated):
        folder.mkdir(parents=True)
    write_status(simulated / "producer.json", PRODUCER)
    assert latest_folder("producer.json", "producer") == simulated
    write_status(market / "producer.json", PRODUCER)
    for folder, at in ((market, 2), (simulated, 1)):
        os.utime(folder / "producer.json", (at, at))
    assert latest_folder("producer.json", "producer") == market
    os.utime(simulated / "producer.json", (3, 3))
    assert latest_folder("producer.json", "producer") == simulated


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "yahoo → hub: 12,000 trades sent, 1,235/s, last 14:59:58, 4,004 in the spool, last error: down"),
        (
            {"per_second": 9.96, "last_event": None, "spooled": 0, "last_error": ""},
            "yahoo → hub: 12,000 trades sent, 10.0/s",
        ),
        (
            {"per_second": 10.0, "spooled": 1, "last_error": ""},
            "yahoo → hub: 12,000 trades sent, 10/s, last 14:59:58, 1 in the spool",
        ),
        (
            {"sent": 0, "per_second": 0.0, "last_event": None, "spooled": 0},
            "yahoo → hub: 0 trades sent, 0/s, last error: down",
        ),
        (
            {"per_second": 1.0, "last_event": None, "spooled": 0, "last_error": "too late\nhint: wait"},
            "yahoo → hub: 12,000 trades sent, 1.0/s, last error: too late",
        ),
    ],
)
def test_how_a_producer_does_fits_into_a_line(changes: dict[str, object], text: str) -> None:
    assert one_line(replace(PRODUCER, **changes), "hub") == text  # type: ignore[arg-type]  # fields by name


class _Connection:
    hub = "trades"
    destination = Destination("Trades", None, "Market")

    def __init__(self) -> None:
        self.partitions: tuple[Progress, ...] = ()

    def progress(self) -> tuple[Progress, ...]:
        return self.partitions

    def health(self, now: datetime | None = None) -> Health:
        assert now == NOW
        return Health(False, 7, 1.5, ("late",))


def meter_of(watched: _Connection, moments: list[float], monkeypatch: pytest.MonkeyPatch) -> ConnectionMeter:
    """Return a meter whose looks, the first of which is its start, happen at such moments."""
    times = iter(moments)
    monkeypatch.setattr(connection, "monotonic", lambda: next(times))
    return ConnectionMeter(watched, "Market in data")  # type: ignore[arg-type]  # what it looks at


def test_a_look_at_a_data_connection_sums_its_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = _Connection()
    meter = meter_of(watched, [100.0, 100.0, 104.0, 105.0, 106.0], monkeypatch)
    first = meter.look()
    assert (first.role, first.partitions, first.per_second, first.failures) == ("active", 0, 0.0, ())
    watched.partitions = (
        Progress("0", stored=30, dead_letters=1, expired=2, failure="down", is_standby=True),
        Progress("1", stored=10, dead_letters=4, expired=5),
    )
    second = meter.look()
    assert second == replace(
        CONNECTION,
        pid=second.pid,
        started_at=NOW,
        at=NOW,
        partitions=2,
        standby=1,
        lag=7,
        lag_seconds=1.5,
        per_second=10.0,
        stored=40,
        dead_letters=5,
        expired=7,
        problems=("late",),
    )
    watched.partitions = tuple(replace(each, is_standby=True) for each in watched.partitions)
    assert (meter.look().role, meter.look("ended").role) == ("standby", "ended")


def test_the_rate_of_a_data_connection_is_that_of_the_last_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = _Connection()
    meter = meter_of(watched, [0.0, 30.0, 89.0, 90.0, 150.0, 151.0], monkeypatch)
    rates = []
    for stored in (300, 300, 900, 900, 0):
        watched.partitions = (Progress("0", stored=stored),)
        rates.append(meter.look().per_second)
    # Looks count until another is a minute old: since 0, 0, 30, 90, 90; a connection that begins anew has no rate.
    assert rates == [10.0, 300 / 89, 10.0, 0.0, 0.0]


async def test_a_data_connection_leaves_its_last_look(tmp_path: Path) -> None:
    watched = _Connection()
    file = tmp_path / "data-connection.json"
    async with connection.connection_reported(watched, "Market in data", tmp_path):  # type: ignore[arg-type]  # as above
        while not file.exists():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        assert (read_connection_status(file).role, is_held(file)) == ("active", True)
        watched.partitions = (Progress("0", stored=7),)
    last = read_connection_status(file)
    assert (last.role, last.stored, is_held(file)) == ("ended", 7, False)
