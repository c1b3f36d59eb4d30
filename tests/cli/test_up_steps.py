"""What `up` and `backfill` do one after the other, called in this process on stand-ins: what is opened and closed."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from rich.console import Console

from cli.commands import backfill as backfill_command
from cli.commands import up
from cli.commands.backfill import BackfillOrder, run_backfill_command
from cli.commands.up import Past, UpSettings, run_up
from cli.composition.hub import HubSettings
from cli.errors import CliError
from cli.settings.access import Access
from cli.settings.folders import DEFAULT_DATA, SIMULATED_DATA
from cli.settings.target import TargetSettings
from emulator.errors import DiskFull, KustoError
from producer.errors import BadData, Transient
from producer.history.backfill import BackfillProgress, BackfillReport, BackfillSettings
from producer.history.coverage import CoverageRequest
from producer.history.store import Progress
from producer.market_time import MARKET, AlwaysOpen
from tests.cli.test_flows import place, said
from tests.producer.clock import ManualClock

SETTINGS = UpSettings("simulated", Path("data"), 8000, 8001, "0.0.0.0", Access("key", ("h",), ("o",)), "Market")  # noqa: S104 - nothing is bound
HUB = HubSettings(5671, None, flag="--hub-port")


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def shown(by: Console) -> str:
    return by.file.getvalue()  # type: ignore[attr-defined,no-any-return]  # a StringIO


class Doing:
    """Stand-ins that note in what order they are called."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def of(self, name: str, answer: object = None) -> Callable[..., Any]:
        def call(*arguments: object, **named: object) -> object:
            self.done.append((name, *arguments, *named.items()) if arguments or named else name)
            return answer

        return call

    def later(self, name: str, answer: object = None) -> Callable[..., Any]:
        call = self.of(name, answer)

        async def wait(*arguments: object, **named: object) -> object:
            return call(*arguments, **named)

        return wait

    @asynccontextmanager
    async def during(self, name: str, answer: object = None) -> AsyncIterator[Any]:
        self.done.append(f"{name} begins")
        try:
            yield answer
        finally:
            self.done.append(f"{name} ends")


@pytest.mark.parametrize(
    ("port", "eventhouse_port", "hub_port", "message", "hint"),
    [
        (1, 1, None, "--port and --eventhouse-port are both 1", "give --eventhouse-port another number than --port"),
        (1, 2, 1, "--port and --hub-port are both 1", "give --hub-port another number than --port"),
        (1, 2, 2, "--eventhouse-port and --hub-port are both 2", "give --hub-port another number than"
         " --eventhouse-port"),
        (1, 2, 3, None, None),
        # Any that is free: the system gives each another one.
        (0, 0, 0, None, None),
        (0, 0, None, None, None),
    ],
)  # fmt: skip
def test_ports_are_distinct(
    port: int, eventhouse_port: int, hub_port: int | None, message: str | None, hint: str | None
) -> None:
    hub = None if hub_port is None else replace(HUB, port=hub_port)
    settings = replace(SETTINGS, port=port, eventhouse_port=eventhouse_port, hub=hub)
    if message is None:
        up._require_distinct_ports(settings)
        return
    with pytest.raises(CliError) as caught:
        up._require_distinct_ports(settings)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_callers_hear_that_the_past_is_on_its_way() -> None:
    assert Past(is_awaited=True).notice() == "The history of prices is still being loaded."
    assert Past(is_awaited=False).notice() == ""


async def test_the_market_is_deployed_as_soon_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    doing, told = Doing(), console()
    faults: list[Exception] = [DiskFull("no room"), DiskFull("no room")]

    async def deploy(eventhouse: object, definitions: object) -> str:
        doing.done.append((eventhouse, definitions))
        if faults:
            raise faults.pop(0)
        return "3 entities"

    place(monkeypatch, up, deploy=deploy, _NEXT_DEPLOYMENT_SECONDS=0.0)
    house: Any = "house"
    definitions: Any = "definitions"
    assert await up._deployed(house, definitions) is None
    await up._produce_with_room(None, house, definitions, told, doing.later("produce"))
    assert doing.done == [(house, definitions)] * 3 + ["produce"]
    assert shown(told) == "There is room again. Deployed 3 entities.\n"
    deployed: Any = "all"
    await up._produce_with_room(deployed, house, definitions, told, doing.later("produce"))
    assert doing.done[4:] == ["produce"]
    faults.append(KustoError("odd", "Code"))
    with pytest.raises(KustoError):
        await up._deployed(house, definitions)


def live(doing: Doing, *, history: object = "history", is_simulated: bool = False) -> Any:
    return SimpleNamespace(
        name="some", trades="trades", history=history, symbols=("A", "B"), is_simulated=is_simulated,
        go_on=doing.later("go on"), close=doing.later("close"),
    )  # fmt: skip


@pytest.mark.parametrize("history", [None, "history"])
@pytest.mark.parametrize("fault", [None, BadData("unreadable")])
async def test_the_past_comes_before_the_first_trade(
    history: object, fault: BadData | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing, told, past, clock = Doing(), console(), Past(is_awaited=True), ManualClock()

    async def run() -> None:
        doing.done.append(("run", past.notice()))
        if fault is not None:
            raise fault

    async def fetch(*arguments: object) -> None:
        doing.done.append(("fetch", *arguments[:4], arguments[5]))

    place(
        monkeypatch, up, SystemClock=lambda: clock, LandingStore=lambda *_: "store", _fetch_history=fetch,
        _upkeep=lambda *given: doing.during(f"upkeep of {given[1]}"),
        pipeline_to=lambda *given: doing.during(f"way {given[:3]}", SimpleNamespace(run=run)),
    )  # fmt: skip
    house: Any = "house"
    delivery: Any = "delivery"
    work = up.produce(live(doing, history=history), house, delivery, Path("data"), told, past)
    if fault is None:
        await work
    else:
        with pytest.raises(BadData):
            await work
    way = f"way {('delivery', 'trades', Path('data'))}"
    settings = BackfillSettings()
    assert doing.done == [
        *([("fetch", "history", ("A", "B"), "store", clock, settings)] if history else []),
        ("go on", "house", clock),
        f"{way} begins", "upkeep of store begins", ("run", ""), "upkeep of store ends", f"{way} ends",
        "close",
    ]  # fmt: skip
    none = "History: some tells none; `tickhouse backfill` asks the providers that do.\n"
    assert (shown(told), past.is_awaited) == ("" if history else none, False)


@pytest.mark.parametrize(
    ("history", "is_simulated", "due"), [(None, False, 0), ("history", True, 0), (None, True, 0), ("history", False, 2)]
)
async def test_days_are_kept_complete_of_real_prices_alone(
    history: object, is_simulated: bool, due: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing, told, clock, kept = Doing(), console(), ManualClock(), asyncio.Event()
    faults = [Transient("[no] room")]

    async def keep_past(refresh: Callable[[], Any], *given: object) -> None:
        assert given == ("calendar", clock)
        await refresh()
        await refresh()
        kept.set()
        await asyncio.Event().wait()

    async def fetch(*given: object) -> None:
        doing.done.append(given)
        if faults:
            raise faults.pop()

    place(
        monkeypatch, up, SystemClock=lambda: clock, keep_past=keep_past, load_calendar=lambda: "calendar",
        _fetch_history=fetch,
    )  # fmt: skip
    store: Any = "store"
    async with up._upkeep(live(doing, history=history, is_simulated=is_simulated), store, told):
        await (asyncio.wait_for(kept.wait(), 30) if due else asyncio.sleep(0))
    days = BackfillSettings(daily=timedelta(days=10), intraday=timedelta(days=2), trades=timedelta())
    assert doing.done == [("history", ("A", "B"), "store", clock, told, days)] * due
    assert shown(told) == ("The past is incomplete: [no] room\n" if due else "")
    assert len(asyncio.all_tasks()) == 1


async def test_what_of_the_past_was_new_and_what_could_not_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told, clock = console(), ManualClock()
    steps: list[str] = []

    async def backfill(*given: Any) -> BackfillReport:
        *first, show = given
        assert first == ["store", "history", ("A",), clock, "settings"]
        show(Progress("DailyBars", 1_000, 1, 2_000))
        return BackfillReport(1_234, 5_678, failures=("A: [gone]",))

    place(monkeypatch, up, backfill=backfill)

    @contextmanager
    def status(text: str) -> Any:
        steps.append(text)
        yield SimpleNamespace(update=steps.append)

    monkeypatch.setattr(told, "status", status)
    given: Any = ("history", ("A",), "store", clock, told, "settings")
    await up._fetch_history(*given)
    assert steps == ["Fetching history …", "Fetching history … DailyBars: 1,000 of 2,000"]
    assert shown(told).splitlines() == [
        "History: 1,234 daily and 5,678 one-minute bars were new.",
        "No history: A: [gone]",
    ]


class Closing:
    """Something that is closed, and says so."""

    def __init__(self, doing: Doing, name: str) -> None:
        self._doing, self._name = doing, name

    def __repr__(self) -> str:
        return self._name

    def close(self) -> None:
        self._doing.done.append(f"{self._name} closes")


class Embedded(Closing):
    """An Eventhouse that somebody asks."""

    async def close(self) -> None:  # type: ignore[override]  # as the real one
        super().close()


@pytest.mark.parametrize("cores", [None, 1, 8])
@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("mix", [False, True])
@pytest.mark.parametrize("has_source", [False, True])
def test_everything_is_opened_told_and_closed_in_turn(
    has_source: bool, mix: bool, is_full: bool, cores: int | None, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    doing = Doing()
    source = live(doing, history=None) if has_source else None
    place_all(monkeypatch, doing, source, is_full=is_full)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    run_up(replace(SETTINGS, mix=mix, hub=HUB))
    share = {None: 1, 1: 1, 8: 4}[cores]
    assert doing.done == [
        ("listen", "0.0.0.0", 8000, "--port", "--api-key", "key"),  # noqa: S104 - nothing is bound
        ("listen", "127.0.0.1", 8001, "--eventhouse-port", None, None),
        ("choose", "simulated", 5.0, SETTINGS.symbols),
        ("folder", Path("data")),
        ("open", Path("data"), "Market"),
        "deploy",
        *([("refuse mixing", "house 1", False)] if has_source and not mix else []),
        "announced begins",
        ("app", "registry", f"house 2 api {share}", "key", ("h",), ("o",), ""),
        ("wire", f"wire {share}"),
        "servers begins", "hub begins",
        ("work", "stop", "end servers"),
        *([("produce", source, "house 1", "way", Path("data"), "")] if has_source and not is_full else []),
        "hub ends", "servers ends", "announced ends",
        "house 2 closes", "house 1 closes", "engine closes", "socket 8001 closes", "socket 8000 closes",
    ]  # fmt: skip
    full = "The disk is full: what is stored can be read, and nothing is taken in until there is room."
    assert said(capsys) == [
        full if is_full else "Deployed all.",
        "API         http://socket 8000  documentation at http://socket 8000/docs",
        "Eventhouse  http://socket 8001  database Market, data in data",
        f"Source      {'some' if has_source else 'none'}  Ctrl-C ends everything.",
        "Hub         way  connection string for the Azure clients:",
        "Endpoint=1",
        "Ended; everything acknowledged is on disk.",
    ]


def place_all(  # noqa: C901 - a dozen stand-ins
    monkeypatch: pytest.MonkeyPatch, doing: Doing, source: object, *, is_full: bool
) -> None:
    """Put a stand-in for all that `up` opens."""
    number = iter((1, 2))

    def listen(host: str, port: int, port_flag: str, key_flag: str | None = None, key: str | None = None) -> Closing:
        doing.done.append(("listen", host, port, port_flag, key_flag, key))
        return Closing(doing, f"socket {port}")

    async def choose(names: str, told: object, rate: float, symbols: object) -> object:
        doing.done.append(("choose", names, rate, symbols))
        return source

    def opened(data: Path, database: str) -> Closing:
        doing.done.append(("open", data, database))
        return Closing(doing, "engine")

    def embedded(engine: object, database: str, lanes: object = None) -> Embedded:
        assert (repr(engine), database) == ("engine", "Market")
        house = Embedded(doing, f"house {next(number)}")
        house.lanes = lanes  # type: ignore[attr-defined]  # to tell of
        return house

    async def deploy(house: object, definitions: object) -> str:
        doing.done.append("deploy")
        if is_full:
            raise DiskFull("no room")
        return "all"

    async def refuse_mixing(house: object, *, simulated: bool) -> None:
        doing.done.append(("refuse mixing", repr(house), simulated))

    @contextmanager
    def announced(instance: Any) -> Any:
        assert (instance.url, instance.database, instance.folder) == ("http://socket 8001", "Market", Path("data"))
        doing.done.append("announced begins")
        yield
        doing.done.append("announced ends")

    def app(registry: object, house: Any, *, api_key: object, hosts: object, origins: object, notice: Any) -> str:
        doing.done.append(("app", registry, f"{house!r} {house.lanes}", api_key, hosts, origins, notice()))
        return "app"

    def wire(engine: object, lanes: object) -> str:
        doing.done.append(("wire", lanes))
        return "wire"

    def hub(settings: HubSettings, engine: object, database: str, data: Path) -> Any:
        assert (settings, repr(engine), database, data) == (replace(HUB, data=data), "engine", "Market", Path("data"))
        return doing.during("hub", SimpleNamespace(name="way", connection="Endpoint=1"))

    def servers(first: Any, second: Any) -> Any:
        assert [first[0], repr(first[1]), second[0], repr(second[1])] == ["app", "socket 8000", "wire", "socket 8001"]
        return doing.during("servers", "end servers")

    async def work(awaited: Any, *, stop: object, on_end: object) -> None:
        doing.done.append(("work", stop, on_end))
        with suppress(TimeoutError):
            await asyncio.wait_for(awaited, 0.01)

    async def produce(*given: Any) -> None:
        doing.done.append(("produce", given[0], repr(given[1]), given[2].name, given[3], given[5].notice()))

    place(
        monkeypatch, up, listen=listen, choose_source=choose, serving=lambda data: None,
        make_data_folder=doing.of("folder"), Eventhouse=SimpleNamespace(open=opened), EmbeddedEventhouse=embedded,
        Lanes=lambda name, share: f"{name} {share}", load_database=lambda: "definitions", deploy=deploy,
        refuse_mixing=refuse_mixing, announced=announced, url_of=lambda socket: f"http://{socket!r}",
        load_registry=lambda database: "registry" if database == "definitions" else None, create_app=app,
        create_wire=wire, produce=produce, stop_on_signals=lambda: "stop", running=servers,
        through_hub=hub, until_signal_or_end=work, run=asyncio.run,
    )  # fmt: skip


def test_a_folder_that_is_served_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    doing = Doing()
    place_all(monkeypatch, doing, None, is_full=False)
    place(
        monkeypatch, up, serving=lambda data: SimpleNamespace(url=f"http://{data}"),
        default_data=lambda source: Path("of none") if source is None else Path("of some"),
    )  # fmt: skip
    with pytest.raises(CliError) as caught:
        run_up(replace(SETTINGS, data=None))
    assert caught.value.message == "data folder 'of none' is served already at http://of none"
    assert caught.value.hint == "end that process, or give --data"
    assert doing.done[3:] == ["socket 8001 closes", "socket 8000 closes"]


TODAY = date(2026, 3, 2)


@pytest.mark.parametrize("is_complete", [False, True])
@pytest.mark.parametrize("mix", [False, True])
@pytest.mark.parametrize(
    ("name", "last", "until"), [("simulated", None, TODAY), ("yahoo", date(2026, 2, 5), date(2026, 2, 5))]
)
def test_a_backfill_asks_plans_fills_and_reports(
    name: str, last: date | None, until: date, mix: bool, is_complete: bool, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    doing, clock = Doing(), ManualClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    is_simulated = name == "simulated"
    source, house = Embedded(doing, "source"), Embedded(doing, "house")
    plan = SimpleNamespace(ranges=(1, 2))
    dates = AlwaysOpen(MARKET.day_starts) if is_simulated else "calendar"

    async def planned(where: object, request: object, days: object, now: datetime) -> object:
        doing.done.append(("plan", where, request, now))
        assert type(days) is type(dates)
        return plan

    async def filled(*given: object, on_progress: Callable[[BackfillProgress], None]) -> object:
        assert given[:4] == (house, "store", source, plan)
        on_progress(BackfillProgress(1, 2, None, 3))
        doing.done.append("fill")
        return SimpleNamespace(is_complete=is_complete)

    bars = SimpleNamespace(add_task=doing.of("task", 7), update=doing.of("update"))

    @contextmanager
    def shown_bars(_: object) -> Any:
        yield bars

    target = SimpleNamespace(tell=lambda _: doing.done.append("tell"))
    place(
        monkeypatch, backfill_command, SystemClock=lambda: clock, history_source=doing.later("source", source),
        load_calendar=lambda: "calendar", find_target=doing.of("target", target),
        open_eventhouse=doing.later("open", house), require_market=doing.later("market"),
        refuse_mixing=doing.later("refuse mixing"), plan_backfill=planned, run_backfill=filled,
        describe_plan=lambda *given: "The plan." if given == (plan, source) else "", _bars=shown_bars,
        LandingStore=lambda *given: "store" if given == (house, clock) else "", print_report=lambda *_: None,
    )  # fmt: skip
    settings, first = TargetSettings(), date(2026, 2, 1)
    order = BackfillOrder(name, first, last, "daily", settings, mix, ("A",))
    if is_complete:
        run_backfill_command(order)
    else:
        with pytest.raises(typer.Exit) as caught:
            run_backfill_command(order)
        assert caught.value.exit_code == 1
    request = CoverageRequest(("A",), "daily", first, until, simulated=is_simulated)
    folder = SIMULATED_DATA if is_simulated else DEFAULT_DATA
    assert doing.done == [
        ("source", name, ("A",)),
        ("target", settings, folder),
        "tell",
        ("open", target, ("create", True)),
        ("market", house),
        *([] if mix else [("refuse mixing", house, ("simulated", is_simulated))]),
        ("plan", house, request, clock.now()),
        ("task", "", ("total", 2), ("written", 0)),
        ("update", 7, ("completed", 1), ("description", "splits and dividends"), ("written", 3)),
        "fill",
        "house closes",
        "source closes",
    ]
    assert said(capsys) == ["The plan."]
