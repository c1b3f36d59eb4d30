"""What was measured, against what is promised: a pure function of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple


class Moment(NamedTuple):
    """When something began, in seconds since 1970, how long it took, and a value where there is one."""

    at: float
    seconds: float
    value: float = 0.0


@dataclass(frozen=True)
class Measured:
    """All that a run has seen; `data` are faults of rows and views, `unexpected` answers that must not be."""

    data: Sequence[str]
    hub_lost: int
    hub_doubled: int
    unexpected: Mapping[str, int]
    tracebacks: Sequence[str]
    stored: Sequence[Moment]
    prints: Sequence[Moment]
    bombs: Sequence[Moment]
    endings: Sequence[Moment]
    idle: Sequence[Moment]
    disturbed: Sequence[tuple[float, float]]
    crowds: Sequence[tuple[float, float]]
    resident: int
    acknowledged: Mapping[str, int]
    turns: Mapping[str, int]


@dataclass(frozen=True)
class Bounds:
    """Seconds that the 99th of a hundred may take (bombs and endings: any), bytes resident, and the fewest samples."""

    freshness: float = 1.0
    crowded_print: float = 0.25
    ending: float = 5.0
    # Beyond the `servertimeout` that a bomb was sent with.
    bomb: float = 1.0
    resident: int = 4 << 30
    samples: int = 100


STRICT = Bounds()
# A short run shares two cores with its own callers and with whatever else the machine does: times only say whether
# something has stood still.
GENEROUS = replace(STRICT, freshness=10.0, crowded_print=5.0, ending=30.0, bomb=10.0, samples=0)
# A core is free when so much of all cores together has been idle.
_FREE = 0.9
WAYS = ("streamed", "queued", "hub")
TURNS = ("crowd", "bombs", "impatient", "poison", "stall", "full disk", "terminate", "kill")


@dataclass(frozen=True)
class Finding:
    """One promise, what was found, and whether it is kept."""

    promise: str
    found: str
    holds: bool

    def __str__(self) -> str:
        """Return a line."""
        return f"  {'holds ' if self.holds else 'BROKEN'} {self.promise}: {self.found}"


def judge(measured: Measured, bounds: Bounds) -> list[Finding]:
    """Return a finding for each promise."""
    whatever = [each.seconds for each in undisturbed(measured)]
    fresh = [each.seconds for each in undisturbed(measured) if cores_free(measured.idle, each) >= _FREE]
    crowded = [each.seconds for each in measured.prints if any(_overlap(each, crowd) for crowd in measured.crowds)]
    idle_ways = [way for way in WAYS if not measured.acknowledged.get(way)]
    idle_turns = [turn for turn in TURNS if not measured.turns.get(turn)]
    return [
        Finding("no row lost or doubled, views as recomputed", "; ".join(measured.data) or "all", not measured.data),
        Finding(
            "no event of the hub lost or doubled",
            f"{measured.hub_lost} lost, {measured.hub_doubled} doubled",
            not (measured.hub_lost or measured.hub_doubled),
        ),
        Finding("no answer that is the platform's own fault", _counted(measured.unexpected), not measured.unexpected),
        Finding("no traceback in a log", f"{len(measured.tracebacks)}", not measured.tracebacks),
        _within("a trade is stored, while a core is free", fresh, bounds.freshness, bounds.samples),
        Finding("a trade is stored, whatever the cores do", _spread(whatever), bool(whatever)),
        _within("print 1 beside four heavy queries", crowded, bounds.crowded_print, bounds.samples),
        _all_within("a bomb is answered after its time", measured.bombs, bounds.bomb),
        _all_within("the process ends after SIGTERM", measured.endings, bounds.ending),
        Finding(
            "resident memory",
            f"{measured.resident / 2**20:,.0f} MB of {bounds.resident / 2**20:,.0f}",
            0 < measured.resident <= bounds.resident,
        ),
        Finding("every way was used", f"never {', '.join(idle_ways)}" if idle_ways else "all", not idle_ways),
        Finding("every turn was taken", f"never {', '.join(idle_turns)}" if idle_turns else "all", not idle_turns),
    ]


def undisturbed(measured: Measured) -> list[Moment]:
    """Return what was stored while nothing was done to the process itself, nor to its disk."""
    return [each for each in measured.stored if not any(_overlap(each, time) for time in measured.disturbed)]


def cores_free(idle: Sequence[Moment], moment: Moment) -> float:
    """Return how many cores were idle while something took place; 0 where nobody has looked."""
    around = [each for each in idle if _overlap(each, (moment.at, moment.at + moment.seconds))]
    looked = sum(each.seconds for each in around)
    return sum(each.value * each.seconds for each in around) / looked if looked else 0.0


def percentile(seconds: Sequence[float], share: float) -> float:
    """Return the value that a share of all does not exceed: one of them, not one between two."""
    return sorted(seconds)[max(0, ceil(share * len(seconds)) - 1)]


def _within(promise: str, seconds: Sequence[float], bound: float, samples: int) -> Finding:
    promise = f"{promise}, p99 < {bound * 1_000:,.0f} ms"
    if len(seconds) < max(samples, 1):
        return Finding(promise, f"{_spread(seconds)}, and {samples} are needed", not samples)
    return Finding(promise, _spread(seconds), percentile(seconds, 0.99) < bound)


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "not measured"
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return f"p50 {p50 * 1_000:,.0f} ms, p99 {p99 * 1_000:,.0f} ms of {len(seconds)}"


def _all_within(promise: str, moments: Sequence[Moment], bound: float) -> Finding:
    most = max((each.seconds for each in moments), default=0.0)
    return Finding(
        f"{promise}, within {bound:.0f} s", f"at most {most:.1f} s of {len(moments)}", bool(moments) and most <= bound
    )


def _overlap(moment: Moment, time: tuple[float, float]) -> bool:
    return moment.at <= time[1] and moment.at + moment.seconds >= time[0]


def _counted(what: Mapping[str, int]) -> str:
    return "; ".join(f"{count} × {each}" for each, count in what.items()) or "none"
