"""What each part that only makes things faster brings: with it and without it, in turns, with equal answers.

CPU time is that of the process, DuckDB's threads included; it is what counts, since wall time depends on what else
the machine does.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from unittest.mock import patch

from emulator.engine.eventhouse import Eventhouse
from emulator.engine.running import query
from emulator.engine.running.query import CompiledQueries
from emulator.engine.session.cores import Cores
from tests.bench.market import Question, deployed, fill, questions
from tests.bench.measure import Pair

ROUNDS = 9
# Of one side in a row: what a connection keeps is met again, and a round stays short.
REQUESTS = 4
# One-minute bars and trades: an hour after the first start, a month, and sixteen years of minutes.
SIZES = ((0, 3_000), (48_000, 12_000), (8_000_000, 2_000_000))


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


def _all_cores(cores: Cores) -> None:
    cores.take()
    cores.give_back()


def reading() -> tuple[Switch, ...]:
    """Return what makes queries faster."""
    return (
        Switch("one core for small statements", (Replacement(Cores, "rest", _all_cores),)),
        Switch("narrowing", (Replacement(query, "narrowed", lambda plan: plan),)),
    )


def compare(
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
    _, _, beside = sides[0]
    for side, _, seconds in sides[1:]:
        cpu, wall = statistics.median(seconds.cpu), statistics.median(seconds.wall)
        note = f"wall {wall / statistics.median(beside.wall):.2f}"
        yield Pair(f"without {side.name}", question.name, cpu, statistics.median(beside.cpu), note)


def run() -> Iterator[Pair]:
    """Yield what each part brings to the shipped endpoints, over data of several sizes."""
    switches = reading()
    for minutes, trades in SIZES:
        eventhouse = deployed()
        try:
            fill(eventhouse, minutes=minutes, trades=trades)
            for question in questions():
                for pair in compare(eventhouse, question, switches):
                    yield replace(pair, reference=f"{pair.reference}, {minutes + trades:,} rows")
        finally:
            eventhouse.close()
    for switch in switches:
        switch.check()
