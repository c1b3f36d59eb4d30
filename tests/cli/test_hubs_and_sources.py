"""Which hub and which source a command takes by its flags and variables, and what it refuses."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from cli.composition.history_sources import history_source
from cli.composition.hub import HubSettings, connection_in, describe_hub, parse_age
from cli.composition.sources import (
    LiveSource,
    check_names,
    chosen_symbols,
    default_data,
    refuse_mixing,
)
from cli.errors import CliError
from emulator.eventhubs.hubs.log import Retention
from emulator.eventhubs.hubs.throttle import Throttle
from emulator.result import ResultTable
from emulator.types import Scalar
from kql.client import Eventhouse
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource
from tests.cli.test_printing import table
from tests.companies import KNOWN, UNKNOWN
from tests.producer.clock import ManualClock

HUB = "Endpoint=sb://127.0.0.1:1/;SharedAccessKeyName=n;SharedAccessKey=s3cr3t;EntityPath=trades"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TICKHOUSE_EVENTHUBS_CONNECTION", raising=False)
    monkeypatch.setenv("TICKHOUSE_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(CliError) as caught:
        call()
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("7d", timedelta(days=7)),
        (" 12h ", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("99999s", timedelta(seconds=99_999)),
    ],
)
def test_how_long_events_stay(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0d", "1.5h", "100000d", "7 d", "7w"])
def test_what_is_no_time_to_stay(text: str) -> None:
    assert refused(lambda: parse_age(text)) == (
        f"'{text}' is no time that events can stay",
        "for example 7d, 12h, 30m or 90s",
    )


def test_what_a_hub_is_served_with() -> None:
    plain = HubSettings(1, None).options
    assert (plain.consumer_groups, plain.retention, plain.throttle) == (("$Default",), None, None)
    hub = HubSettings(1, None, consumer_groups=("a",), retention=timedelta(hours=1), throughput_units=2)
    on_disk = HubSettings(1, Path("d"), retention=timedelta(hours=1))
    assert hub.options.consumer_groups == ("$Default", "a")
    assert hub.options.throttle == Throttle(2_000, 2_000_000)
    assert on_disk.options.retention == Retention(timedelta(hours=1))
    assert hub.options.retention is not None
    assert (hub.options.retention.age, hub.options.retention.size < Retention().size) == (timedelta(hours=1), True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("trades", ("TICKHOUSE_EVENTHUBS_CONNECTION is not a connection string", "it begins with Endpoint=sb://")),
        (
            "Endpoint=http://127.0.0.1;EntityPath=t",
            ("TICKHOUSE_EVENTHUBS_CONNECTION is not a connection string", "it begins with Endpoint=sb://"),
        ),
        (
            "Endpoint=sb://127.0.0.1",
            ("TICKHOUSE_EVENTHUBS_CONNECTION names no hub", "append ;EntityPath=<hub>"),
        ),
        (
            "Endpoint=sb://127.0.0.1;EntityPath=",
            ("TICKHOUSE_EVENTHUBS_CONNECTION names no hub", "append ;EntityPath=<hub>"),
        ),
        (
            "Endpoint=sb://x.example/;EntityPath=t",
            ("TICKHOUSE_OFFLINE is set: sb://x.example/ is not on this machine", ""),
        ),
    ],
)
def test_a_connection_string_that_cannot_be_used(text: str, fault: tuple[str, str]) -> None:
    environment = {"TICKHOUSE_EVENTHUBS_CONNECTION": text, "TICKHOUSE_OFFLINE": "1"}
    assert refused(lambda: connection_in(environment)) == fault


def test_a_connection_string_is_taken_as_it_is_and_shown_without_its_key() -> None:
    text = " endpoint=SB://127.0.0.1:1/ ; SharedAccessKey=a=b; EntityPath=t "
    assert connection_in({"TICKHOUSE_EVENTHUBS_CONNECTION": text, "TICKHOUSE_OFFLINE": "1"}) == text.strip()
    assert describe_hub(HUB) == "hub trades at sb://127.0.0.1:1"
    assert (connection_in({}), connection_in({"TICKHOUSE_EVENTHUBS_CONNECTION": " "})) == (None, None)
    elsewhere = "Endpoint=sb://x.example;EntityPath=t"
    assert connection_in({"TICKHOUSE_EVENTHUBS_CONNECTION": elsewhere}) == elsewhere


KNOWN_NAMES = {"alone": ("auto", "none"), "chained": ("yahoo", "tiingo")}


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        (("yaho",), ("no source is named 'yaho'", "known are auto, none, yahoo, tiingo")),
        (("yahoo", "auto"), ("the source 'auto' stands alone", "a chain is made of yahoo, tiingo")),
        (("yahoo", "tiingo", "yahoo"), ("--source yahoo,tiingo,yahoo names a source twice", "")),
    ],
)
def test_names_that_are_no_source(wanted: tuple[str, ...], fault: tuple[str, str]) -> None:
    assert refused(lambda: check_names(wanted, **KNOWN_NAMES)) == fault


def test_names_that_are_a_source() -> None:
    for wanted in (("auto",), ("tiingo",), ("tiingo", "yahoo")):
        check_names(wanted, **KNOWN_NAMES)
    assert chosen_symbols(None) == KNOWN
    assert chosen_symbols(" MSFT, AAPL,MSFT") == ("MSFT", "AAPL")
    assert refused(lambda: chosen_symbols(f"AAPL,{UNKNOWN}")) == (
        f"no company is known as '{UNKNOWN}'",
        f"known are {', '.join(KNOWN)}",
    )


async def test_the_source_of_the_past() -> None:
    source = await history_source("simulated", ("AAPL",))
    assert source.name == "simulated"
    with pytest.raises(CliError) as caught:
        await history_source("yahoo", ("AAPL",))
    assert (caught.value.message, caught.value.hint) == (
        "TICKHOUSE_OFFLINE is set: the network is switched off, yahoo cannot be asked",
        "unset it, or --source simulated",
    )


def test_simulated_prices_have_a_folder_of_their_own() -> None:
    simulated = SimulatedSource(ManualClock(), SimulatedSettings())
    assert default_data(None) == Path("data/market")
    assert default_data(LiveSource(simulated, None, ())) == Path("data/simulated")


class _OnRecord:
    def __init__(self, *names: str) -> None:
        self.names = names

    async def query(self, text: str) -> ResultTable:
        assert text == "SourcesOnRecord"
        return table({"Source": Scalar.STRING}, *((name,) for name in self.names))


@pytest.mark.parametrize(
    ("names", "simulated", "message"),
    [
        ((), False, None),
        ((), True, None),
        (("simulated",), True, None),
        (("yahoo", "tiingo"), False, None),
        (
            ("yahoo", "simulated", "tiingo"),
            True,
            "the database holds real prices (tiingo, yahoo); simulated ones would mix with them",
        ),
        (
            ("yahoo", "simulated"),
            False,
            "the database holds simulated prices (simulated); real ones would mix with them",
        ),
    ],
)
async def test_real_and_simulated_prices_do_not_mix(
    names: tuple[str, ...], simulated: bool, message: str | None
) -> None:
    database = cast("Eventhouse", _OnRecord(*names))
    if message is None:
        await refuse_mixing(database, simulated=simulated)
        return
    with pytest.raises(CliError) as caught:
        await refuse_mixing(database, simulated=simulated)
    assert (caught.value.message, caught.value.hint) == (
        message,
        "give another folder with --data, or --mix if that is what you want",
    )
