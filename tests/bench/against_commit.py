"""Every endpoint and one trade here and at an earlier commit, in turns: `python -m tests.bench.against_commit FOLDER`.

The folder is a checkout with a `.venv` of its own, for example a git worktree after `make`. Its Eventhouse is measured
by the worker of this checkout, so that both do the same. Answers must be equal.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bench.market import questions
from tests.bench.measure import Pair

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 15
REQUESTS = 6
TRADES = 20
# One-minute bars and trades.
SIZES = ((0, 400), (48_000, 12_000), (8_000_000, 2_000_000))


@dataclass(slots=True)
class Side:
    """The worker of one checkout."""

    process: subprocess.Popen[str]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def do(self, wanted: dict[str, object]) -> str:
        """Do something several times, note the seconds, and return the digest of the answer, if it has one."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.cpu += answer["cpu"]
        self.wall += answer["wall"]
        return str(answer.get("digest"))

    def take(self) -> tuple[float, float]:
        """Return the medians of CPU and wall seconds, and start anew."""
        medians = statistics.median(self.cpu), statistics.median(self.wall)
        self.cpu, self.wall = [], []
        return medians


@contextmanager
def worker(checkout: Path, minutes: int, trades: int) -> Iterator[Side]:
    """Start the worker of a checkout, with the tests of this one."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tests").symlink_to(ROOT / "tests")
        process = subprocess.Popen(
            [checkout / ".venv" / "bin" / "python", "-m", "tests.bench.worker", str(minutes), str(trades)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "TICKHOUSE_OFFLINE": "1"},
        )
        with process:
            try:
                if process.stdout is None or process.stdout.readline() != "ready\n":
                    raise RuntimeError(f"the worker of {checkout} did not start")
                yield Side(process)
            finally:
                process.kill()


def compare(here: Side, there: Side, wanted: dict[str, object], rounds: int) -> Pair:
    """Do something on both sides in turns; the first turn is not measured."""
    for number in range(rounds + 1):
        digests = {side.do(wanted) for side in ((here, there) if number % 2 else (there, here))}
        if len(digests) > 1:
            raise RuntimeError(f"{wanted}: the answers differ")
        if not number:
            here.take(), there.take()
    ours, theirs = here.take(), there.take()
    return Pair("", "", ours[0], theirs[0], f"wall {ours[1] / theirs[1]:.2f}")


def run(checkout: Path, sizes: Sequence[tuple[int, int]] = SIZES) -> Iterator[Pair]:
    """Yield a pair per endpoint and size, and one for a trade."""
    for minutes, trades in sizes:
        with ExitStack() as stack:
            here, there = (stack.enter_context(worker(each, minutes, trades)) for each in (ROOT, checkout))
            rows = f"{minutes + trades:,} rows"
            for question in questions():
                pair = compare(here, there, {"ask": question.name, "times": REQUESTS}, ROUNDS)
                yield replace(pair, name=f"{question.name}, {rows}", reference="earlier commit")
            pair = compare(here, there, {"trades": TRADES}, ROUNDS)
            yield replace(pair, name=f"one trade, {rows}", reference="earlier commit")


if __name__ == "__main__":
    for each in run(Path(sys.argv[1]).resolve()):
        sys.stdout.write(each.line() + "\n")
        sys.stdout.flush()
