"""What each command is asked to do without flags, with all of them, and by its variables; and where a number ends."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.backfill import BackfillOrder
from cli.commands.data_connection import ConnectionSettings
from cli.commands.producer import ProducerSettings
from cli.commands.up import UpSettings
from cli.composition.hub import HubSettings
from cli.main import app
from cli.settings.access import Access
from cli.settings.target import TargetSettings
from producer.sources.files.reading import FileOptions
from tests.companies import KNOWN

RUN = CliRunner()
NOBODY, SOMEBODY = Access(), Access("k", ("a.example",), ("https://b.example",))
LET_IN = "--allowed-hosts a.example --allowed-origins https://b.example"
OTHER = TargetSettings("http://x", None, "D")
AT_OTHER = "--eventhouse http://x --database D"


def asked(monkeypatch: pytest.MonkeyPatch, runs: str, line: str, **environment: str) -> tuple[object, ...]:
    """Return what a command line hands to the function that carries it out: values in order, then named ones."""
    found: list[tuple[object, ...]] = []
    monkeypatch.setattr(f"cli.commands.{runs}", lambda *given, **named: found.append((*given, named)))
    result = RUN.invoke(app, line.split(), env=environment)
    assert (result.exit_code, result.output) == (0, "")
    (only,) = found
    return only


@pytest.mark.parametrize(
    ("line", "runs", "expected"),
    [
        ("deploy", "deploy.run_deploy", (TargetSettings(), {"files": None})),
        (f"deploy {AT_OTHER} --files f", "deploy.run_deploy", (OTHER, {"files": Path("f")})),
        ("lock", "lock.run_lock", ({"files": None, "check": False, "replace": ()},)),
        (
            "lock --files f --check --replace A --replace B",
            "lock.run_lock",
            ({"files": Path("f"), "check": True, "replace": ("A", "B")},),
        ),
        ("query K", "query.run_query", (TargetSettings(), {"text": "K", "parameters": (), "output": "table"})),
        (
            f"query K {AT_OTHER} -p a=1 --parameter b=2 -f csv",
            "query.run_query",
            (OTHER, {"text": "K", "parameters": ("a=1", "b=2"), "output": "csv"}),
        ),
        (
            "load a.csv b.csv --as daily",
            "load.run_load",
            (
                {
                    "files": (Path("a.csv"), Path("b.csv")),
                    "kind": "daily",
                    "options": FileOptions(),
                    "target": TargetSettings(),
                    "mix": False,
                },
            ),
        ),
        (
            f"load a.csv --as trades --adjustment split --mix --symbol S --date 2024-02-03 {AT_OTHER}",
            "load.run_load",
            (
                {
                    "files": (Path("a.csv"),),
                    "kind": "trades",
                    "options": FileOptions(adjustment="split", symbol="S", trading_date=date(2024, 2, 3)),
                    "target": OTHER,
                    "mix": True,
                },
            ),
        ),
        (
            "backfill --from 2024-01-02",
            "backfill.run_backfill_command",
            (BackfillOrder("auto", date(2024, 1, 2), None, "daily", TargetSettings(), mix=False, symbols=KNOWN), {}),
        ),
        (
            "backfill --from 2024-01-02 --to 2024-02-03 --interval 1m --source yahoo --symbols MSFT,AAPL --mix"
            f" {AT_OTHER}",
            "backfill.run_backfill_command",
            (
                BackfillOrder(
                    "yahoo", date(2024, 1, 2), date(2024, 2, 3), "intraday", OTHER, mix=True, symbols=("MSFT", "AAPL")
                ),
                {},
            ),
        ),
        (
            "replay a.csv",
            "replay.run_replay",
            ({"file": Path("a.csv"), "speed": 1.0, "options": FileOptions(), "target": TargetSettings()},),
        ),
        (
            f"replay a.csv --speed 0 --symbol S --date 2024-02-03 {AT_OTHER}",
            "replay.run_replay",
            (
                {
                    "file": Path("a.csv"),
                    "speed": 0.0,
                    "options": FileOptions(symbol="S", trading_date=date(2024, 2, 3)),
                    "target": OTHER,
                },
            ),
        ),
        (
            "up",
            "up.run_up",
            (UpSettings("auto", None, 8000, 8080, "127.0.0.1", NOBODY, "Market", False, None, 5.0, KNOWN), {}),
        ),
        (
            "up --source simulated --symbols AAPL --data d --port 1 --eventhouse-port 2 --host h --api-key k --mix"
            f" --via eventhubs --hub-port 3 --hub n --partitions 5 --trades-per-second 0.1 --database D {LET_IN}",
            "up.run_up",
            (
                UpSettings(
                    "simulated",
                    Path("d"),
                    1,
                    2,
                    "h",
                    SOMEBODY,
                    "D",
                    True,
                    HubSettings(3, Path("d"), "n", 5, flag="--hub-port"),
                    0.1,
                    ("AAPL",),
                ),
                {},
            ),
        ),
        (
            "up --via eventhubs",
            "up.run_up",
            (
                UpSettings(
                    "auto",
                    None,
                    8000,
                    8080,
                    "127.0.0.1",
                    NOBODY,
                    "Market",
                    hub=HubSettings(5672, None, "trades", 4, flag="--hub-port"),
                    symbols=KNOWN,
                ),
                {},
            ),
        ),
        (
            "emulator",
            "emulator.run_emulator",
            ({"port": 8080, "data": None, "host": "127.0.0.1", "access": NOBODY, "database": "NetDefaultDB"},),
        ),
        (
            f"emulator --port 1 --data d --host h --token k --database D {LET_IN}",
            "emulator.run_emulator",
            ({"port": 1, "data": Path("d"), "host": "h", "access": SOMEBODY, "database": "D"},),
        ),
        (
            "eventhubs",
            "eventhubs.run_eventhubs",
            (HubSettings(5672, None, "trades", 4, "127.0.0.1", "--port", (), None, None), {}),
        ),
        (
            "eventhubs --port 1 --data d --hub n --partitions 32 --consumer-group a --consumer-group b --retention 12h"
            " --throughput-units 40",
            "eventhubs.run_eventhubs",
            (
                HubSettings(
                    1, Path("d"), "n", 32, "127.0.0.1", "--port", ("a", "b"), timedelta(hours=12), throughput_units=40
                ),
                {},
            ),
        ),
        ("api", "api.run_api", (TargetSettings(), {"port": 8000, "host": "127.0.0.1", "access": NOBODY})),
        (
            f"api {AT_OTHER} --port 65535 --host h --api-key k {LET_IN}",
            "api.run_api",
            (OTHER, {"port": 65535, "host": "h", "access": SOMEBODY}),
        ),
        ("backup b", "backup.run_backup", (TargetSettings(), {"target": Path("b")})),
        ("restore b", "backup.run_restore", ({"source": Path("b"), "data": Path("data/market")},)),
        ("restore b --data d", "backup.run_restore", ({"source": Path("b"), "data": Path("d")},)),
        ("check-data", "check_data.run_check_data", (TargetSettings(), {"accept": False})),
        (
            "check-data --data d --accept-loss",
            "check_data.run_check_data",
            (TargetSettings(data=Path("d")), {"accept": True}),
        ),
        (
            "producer run",
            "producer.run_producer",
            (ProducerSettings("auto", None, None, "Market", None, 5.0, False, False, 0.0, None, KNOWN, None), {}),
        ),
        (
            "producer run --source yahoo --symbols AAPL --via direct --data d --eventhouse http://x --database D --mix"
            " --trades-per-second 7 --write-ahead --batch-age 60 --lease l --ingestion queued",
            "producer.run_producer",
            (
                ProducerSettings(
                    "yahoo", Path("d"), "http://x", "D", "direct", 7.0, True, True, 60.0, Path("l"), ("AAPL",), "queued"
                ),
                {},
            ),
        ),
        ("producer status", "producer_status.run_producer_status", ({"data": None},)),
        ("producer status --data d", "producer_status.run_producer_status", ({"data": Path("d")},)),
        (
            "data-connection run",
            "data_connection.run_data_connection",
            (ConnectionSettings(None, None, "Market", None, None, "$Default", None), {}),
        ),
        (
            "data-connection run --eventhouse http://x --data d --database D --table T --mapping m --consumer-group g"
            " --token k",
            "data_connection.run_data_connection",
            (ConnectionSettings("http://x", Path("d"), "D", "T", "m", "g", "k"), {}),
        ),
        ("data-connection status", "connection_status.run_connection_status", ({"data": None},)),
    ],
    ids=lambda each: each if isinstance(each, str) and "." not in each else "",
)
def test_what_a_command_line_asks_for(
    monkeypatch: pytest.MonkeyPatch, line: str, runs: str, expected: tuple[object, ...]
) -> None:
    assert asked(monkeypatch, runs, line) == expected


@pytest.mark.parametrize(
    ("line", "runs", "environment", "flags"),
    [
        (
            "up",
            "up.run_up",
            "SOURCE=none SYMBOLS=AAPL DATA=d PORT=1 EVENTHOUSE_PORT=2 HOST=h API_KEY=k ALLOWED_HOSTS=a.example"
            " ALLOWED_ORIGINS=https://b.example DATABASE=D VIA=eventhubs HUB_PORT=3 HUB=n PARTITIONS=5"
            " TRADES_PER_SECOND=7",
            "--source none --symbols AAPL --data d --port 1 --eventhouse-port 2 --host h --api-key k --database D"
            f" --via eventhubs --hub-port 3 --hub n --partitions 5 --trades-per-second 7 {LET_IN}",
        ),
        (
            "emulator",
            "emulator.run_emulator",
            "EVENTHOUSE_PORT=1 DATA=d HOST=h TOKEN=k ALLOWED_HOSTS=a.example ALLOWED_ORIGINS=https://b.example",
            f"--port 1 --data d --host h --token k {LET_IN}",
        ),
        (
            "eventhubs",
            "eventhubs.run_eventhubs",
            "HUB_PORT=1 DATA=d HUB=n PARTITIONS=5 HUB_RETENTION=30m THROUGHPUT_UNITS=2",
            "--port 1 --data d --hub n --partitions 5 --retention 30m --throughput-units 2",
        ),
        (
            "producer run",
            "producer.run_producer",
            "SOURCE=yahoo SYMBOLS=AAPL VIA=direct DATA=d EVENTHOUSE=http://x DATABASE=D TRADES_PER_SECOND=7"
            " WRITE_AHEAD=1 BATCH_AGE=2 LEASE=l INGESTION=streaming",
            "--source yahoo --symbols AAPL --via direct --data d --eventhouse http://x --database D"
            " --trades-per-second 7 --write-ahead --batch-age 2 --lease l --ingestion streaming",
        ),
        (
            "data-connection run",
            "data_connection.run_data_connection",
            "EVENTHOUSE=http://x DATA=d DATABASE=D CONSUMER_GROUP=g TOKEN=k",
            "--eventhouse http://x --data d --database D --consumer-group g --token k",
        ),
        (
            "api",
            "api.run_api",
            "EVENTHOUSE=http://x DATABASE=D PORT=1 HOST=h API_KEY=k",
            "--eventhouse http://x --database D --port 1 --host h --api-key k",
        ),
    ],
)
def test_a_variable_is_worth_the_flag(
    monkeypatch: pytest.MonkeyPatch, line: str, runs: str, environment: str, flags: str
) -> None:
    variables = {f"TICKHOUSE_{name}": value for name, _, value in (each.partition("=") for each in environment.split())}
    assert asked(monkeypatch, runs, line, **variables) == asked(monkeypatch, runs, f"{line} {flags}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("up --port -1", "--port: '-1' is not from 0 to 65535"),
        ("up --port 65536", "--port: '65536' is not from 0 to 65535"),
        ("up --eventhouse-port 65536", "--eventhouse-port: '65536' is not from 0 to 65535"),
        ("up --hub-port 65536", "--hub-port: '65536' is not from 0 to 65535"),
        ("up --partitions 0", "--partitions: '0' is not from 1 to 32"),
        ("up --partitions 33", "--partitions: '33' is not from 1 to 32"),
        ("up --trades-per-second 0.09", "--trades-per-second: '0.09' is not 0.1 or more"),
        ("eventhubs --throughput-units 0", "--throughput-units: '0' is not from 1 to 40"),
        ("eventhubs --throughput-units 41", "--throughput-units: '41' is not from 1 to 40"),
        ("producer run --batch-age -0.1", "--batch-age: '-0.1' is not from 0.0 to 60.0"),
        ("producer run --batch-age 60.1", "--batch-age: '60.1' is not from 0.0 to 60.0"),
        ("replay a.csv --speed -1", "--speed: '-1' is not 0 or more"),
        ("replay a.csv --speed inf", "--speed: inf is not a finite number"),
        ("backfill --from 2024-1-32", "--from: '2024-1-32' is not a date, written YYYY-MM-DD"),
        ("load a.csv --as bars", "--as: 'bars' is not one of daily, intraday, trades, actions"),
    ],
)
def test_what_is_beyond_the_ends_of_a_flag_is_refused(line: str, message: str) -> None:
    result = RUN.invoke(app, line.split())
    command = line.partition(" a.csv")[0].partition(" --")[0]
    assert (result.exit_code, result.output) == (2, f"error: {message}\nhint: see `tickhouse {command} -h`\n")
