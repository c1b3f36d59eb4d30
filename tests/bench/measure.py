"""Side-by-side timing: our way and a named reference, interleaved, reported as a ratio."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Median seconds of both sides; `ratio` above 1 means ours takes longer."""

    name: str
    reference: str
    ours_seconds: float
    reference_seconds: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """Our time over the reference's."""
        return self.ours_seconds / self.reference_seconds

    def line(self) -> str:
        """Return one line for the terminal."""
        return (
            f"{self.name:<28} {self.ours_seconds * 1e3:>10.2f} ms   {self.reference:<34} "
            f"{self.reference_seconds * 1e3:>10.2f} ms   ratio {self.ratio:>6.2f}   {self.note}"
        )


def side_by_side(
    name: str,
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    against: str,
    rounds: int = 5,
    note: str = "",
) -> Pair:
    """Run both once to warm up, then in turns, and compare their medians."""
    ours()
    reference()
    timings: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, call in zip(timings, (ours, reference), strict=True):
            started = time.perf_counter()
            call()
            side.append(time.perf_counter() - started)
    return Pair(name, against, statistics.median(timings[0]), statistics.median(timings[1]), note)
