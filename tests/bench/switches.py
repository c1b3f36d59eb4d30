"""What each part that only makes things faster brings: with it and without it, in turns, with equal answers.

CPU time is that of the process, DuckDB's threads included; it is what counts, since wall time depends on what else
the machine does. Whatever the program is made of is replaced here alone, by the names in `reading` and `writing`.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from unittest.mock import patch

import duckdb

from emulator.engine.derived.shown_views import ShownViews
from emulator.engine.derived.upkeep import Deduplicating, Merging
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.running import query
from emulator.engine.running.query import CompiledQueries
from emulator.engine.session.cores import Cores
from emulator.engine.session.deadline import Watch
from emulator.engine.session.session import Session
from emulator.engine.session.statement import ResultSet, Statement
from emulator.engine.storage.known_groups import KnownGroups
from emulator.engine.storage.known_keys import Span
from emulator.engine.storage.transaction import Transaction
from emulator.optimize.request_values import Separated
from emulator.work import Work
from tests.bench.market import Question, deployed, fill, ingest_trade, questions
from tests.bench.measure import Pair

ROUNDS = 9
# Of one side in a row: what a connection keeps is met again, and a round stays short.
REQUESTS = 4
TRADES = 10
# One-minute bars and trades that queries find: an hour after the first start, a month, and sixteen years of minutes.
READ = ((0, 3_000), (48_000, 12_000), (8_000_000, 2_000_000))
# Trades that a trade finds stored.
STORED = (400, 60_000)
VIEWS = ("TradesUnique", "Bars1m", "Bars1d", "LatestTrade")


@dataclass(frozen=True, slots=True)
class Replacement:
    """Something of the program that is replaced while a switch is off; a name that is gone is an AttributeError."""

    owner: object
    name: str
    by: Callable[..., object]


@dataclass(slots=True)
class Switch:
    """A part that can be left out, by its name; `uses` counts how often what stands in for it was called."""

    name: str
    replacements: tuple[Replacement, ...]
    uses: int = field(default=0)

    @contextmanager
    def off(self) -> Iterator[None]:
        """Leave the part out."""
        with ExitStack() as stack:
            for each in self.replacements:
                stack.enter_context(patch.object(each.owner, each.name, self._counted(each.by)))
            yield

    def check(self) -> None:
        """Raise where the program never asked for what was replaced, so that nothing was measured."""
        if self.replacements and not self.uses:
            raise RuntimeError(f"'{self.name}' was never asked for: the program works in another way now")

    def _counted(self, stand_in: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            self.uses += 1
            return stand_in(*arguments, **options)

        return call


@dataclass(slots=True)
class Seconds:
    """CPU and wall seconds of one side."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def take(self, call: Callable[[], object]) -> None:
        """Measure one call."""
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    def beside(self, other: "Seconds", name: str, reference: str) -> Pair:
        """Return the medians as a pair."""
        wall = statistics.median(self.wall) / statistics.median(other.wall)
        return Pair(name, reference, statistics.median(self.cpu), statistics.median(other.cpu), f"wall {wall:.2f}")


def _all_cores(cores: Cores) -> None:
    cores.take()
    cores.give_back()


def _parsed_anew(statement: Statement, connection: duckdb.DuckDBPyConnection) -> duckdb.Statement:
    (parsed,) = connection.extract_statements(statement.sql)
    return parsed


@contextmanager
def _timer(_: Watch, work: Work, end: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(work.seconds_left, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def reading() -> tuple[Switch, ...]:
    """Return what makes queries faster."""
    run_statement = Statement.run

    def streamed(
        statement: Statement, connection: duckdb.DuckDBPyConnection, values: dict[str, object], **_: bool
    ) -> ResultSet:
        return run_statement(statement, connection, values, streams=True)

    return (
        Switch("one core for small statements", (Replacement(Cores, "rest", _all_cores),)),
        Switch("narrowing", (Replacement(query, "narrowed", lambda plan: plan),)),
        Switch("request values by themselves", (Replacement(query, "separated", Separated),)),
        Switch("views of the columns read", (Replacement(ShownViews, "of", lambda *_: lambda _: None),)),
        Switch("statements parsed once", (Replacement(Statement, "parsed", _parsed_anew),)),
        Switch("bounded results copied", (Replacement(Statement, "run", streamed),)),
        Switch("one thread for all deadlines", (Replacement(Watch, "interrupting", _timer),)),
    )


def writing() -> tuple[Switch, ...]:
    """Return what makes small ingestions faster."""
    run_statement, merge, add = Session.execute, Merging.apply, Deduplicating.apply
    always = Span(datetime(1970, 1, 1), datetime(9999, 1, 1))  # noqa: DTZ001 - as ingestion times are

    def planned_anew(session: Session, sql: str, times: dict[str, datetime], _: int) -> duckdb.DuckDBPyConnection:
        return run_statement(session, sql, times, None)

    def merged_as_two(view: Merging, transaction: Transaction, rows: int | None = None) -> None:
        merge(view, transaction, _not_one(rows))

    def added_as_two(view: Deduplicating, transaction: Transaction, rows: int | None = None) -> None:
        add(view, transaction, _not_one(rows))

    return (
        Switch("kept plans", (Replacement(Session, "execute", planned_anew),)),
        Switch("merging by comparing pairs", (Replacement(Merging, "_compares", lambda *_: False),)),
        Switch("Bloom filter", (Replacement(KnownGroups, "spans", lambda *_: (always,)),)),
        Switch(
            "the way of a single row",
            (Replacement(Merging, "apply", merged_as_two), Replacement(Deduplicating, "apply", added_as_two)),
        ),
    )


def _not_one(rows: int | None) -> int | None:
    # How many rows there are at most: two are as true as one.
    return 2 if rows == 1 else rows


def compare_reading(
    eventhouse: Eventhouse, question: Question, switches: Sequence[Switch], rounds: int = ROUNDS
) -> Iterator[Pair]:
    """Yield how long a request takes without each part, beside all of them; all answers must be equal."""
    core = eventhouse._core
    whole = Switch("everything on", ())
    sides = [(side, CompiledQueries(), Seconds()) for side in (whole, *switches)]
    expected = question.ask(eventhouse).records()
    ask = partial(question.ask, eventhouse)
    for number in range(rounds):
        for side, compiled, seconds in sides if number % 2 else reversed(sides):
            # Each side keeps what it compiled, and starts with the cores that it would have come to by itself.
            core.compiled, core._cores._quiet_from = compiled, 0.0
            with side.off():
                for _ in range(1 if number else 3):
                    if ask().records() != expected:
                        raise RuntimeError(f"{question.name}: without '{side.name}' the answer is another one")
                for _ in range(REQUESTS):
                    seconds.take(ask)
    for side, _, seconds in sides[1:]:
        yield seconds.beside(sides[0][2], f"without {side.name}", question.name)


def compare_writing(stored: int, switches: Sequence[Switch], rounds: int = ROUNDS) -> Iterator[Pair]:
    """Yield how long a trade takes without each part, beside all of them; all views must end up equal."""
    sides = [(side, deployed(), Seconds()) for side in (Switch("everything on", ()), *switches)]
    for _, eventhouse, _ in sides:
        fill(eventhouse, minutes=0, trades=stored)
    for number in range(rounds + 1):
        for side, eventhouse, seconds in sides if number % 2 else reversed(sides):
            eventhouse._core._cores._quiet_from = 0.0
            with side.off():
                for trade in range(number * TRADES, (number + 1) * TRADES):
                    seconds.take(partial(ingest_trade, eventhouse, trade))
                if not number:
                    seconds.cpu, seconds.wall = [], []
    expected = _contents(sides[0][1])
    for side, eventhouse, seconds in sides:
        if _contents(eventhouse) != expected:
            raise RuntimeError(f"without '{side.name}' a view ends up with other rows")
        eventhouse.close()
        if side.replacements:
            yield seconds.beside(sides[0][2], f"without {side.name}", f"one trade, {stored:,} stored")


def _contents(eventhouse: Eventhouse) -> list[list[str]]:
    return [sorted(map(repr, eventhouse.query(view)[0].rows())) for view in VIEWS]


def run() -> Iterator[Pair]:
    """Yield what each part brings to a trade and to the shipped endpoints, over data of several sizes."""
    switches = writing()
    for stored in STORED:
        yield from compare_writing(stored, switches)
    for switch in switches:
        switch.check()
    switches = reading()
    for minutes, trades in READ:
        eventhouse = deployed()
        try:
            fill(eventhouse, minutes=minutes, trades=trades)
            for question in questions():
                for pair in compare_reading(eventhouse, question, switches):
                    yield replace(pair, reference=f"{pair.reference}, {minutes + trades:,} rows")
        finally:
            eventhouse.close()
    for switch in switches:
        switch.check()
