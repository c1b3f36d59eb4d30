"""`python -m tests.mutants`: try a sample of small changes of the code and list those that no test fails on.

The first run records which tests run which lines, in about twice the time of the quick tests. The record serves on
while the tree changes, and newer tests are tried beside it; `--record` makes it anew. `--since REV` takes the lines
alone that have changed since a revision, `--within PATH` those of a module or a folder.
"""

import argparse
import queue
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from math import inf
from pathlib import Path
from time import monotonic

from tests.mutants.record import PACKAGES, RECORD, Record, record
from tests.mutants.sites import compiles, sites
from tests.mutants.trial import Mutant, Verdict, Workplace

_REQUIRED = 0.95


def main() -> None:
    """Try a sample; exit with 1 where less than 95 of 100 changes are noticed."""
    arguments = _arguments()
    if arguments.record or not RECORD.exists():
        record(arguments.jobs)
    modules = [path for path in _modules() if _is_within(path, arguments.within)]
    mutants = [mutant for path in modules for mutant in _mutants(path, _changed(path, arguments.since))]
    random.Random(arguments.seed).shuffle(mutants)  # noqa: S311 - a sample
    sample = list(islice(filter(_compiles, mutants), arguments.sample))
    _say(f"{len(sample)} of {len(mutants)} changes, seed {arguments.seed}")
    verdicts = _tried(sample, arguments.jobs, arguments.minutes, is_verbose=arguments.verbose)
    killed = sum(verdict.failed is not None for verdict in verdicts)
    _say(f"{killed} of {len(verdicts)} changes were noticed")
    sys.exit(0 if killed >= _REQUIRED * len(verdicts) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=100, help="how many changes are tried")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--since", help="only lines that have changed since this revision")
    parser.add_argument("--within", nargs="+", help="only these modules and those of these folders")
    parser.add_argument("--record", action="store_true", help="record anew which tests run which lines")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--minutes", type=float, default=inf, help="begin with no further change after that time")
    parser.add_argument("--verbose", action="store_true", help="say which test notices a change")
    return parser.parse_args()


def _modules() -> list[str]:
    return sorted(str(path) for package in PACKAGES for path in Path(package).rglob("*.py"))


def _is_within(path: str, places: list[str] | None) -> bool:
    return places is None or any(Path(path).is_relative_to(place) for place in places)


def _mutants(path: str, lines: set[int] | None) -> list[Mutant]:
    found = sites(Path(path).read_text(encoding="utf-8"))
    return [Mutant(path, site) for site in found if lines is None or site.line in lines]


def _compiles(mutant: Mutant) -> bool:
    return compiles(mutant.site, Path(mutant.path).read_text(encoding="utf-8"))


def _changed(path: str, since: str | None) -> set[int] | None:
    if since is None:
        return None
    difference = subprocess.run(
        ["git", "diff", "--unified=0", since, "--", path], capture_output=True, check=True, text=True
    ).stdout
    changed: set[int] = set()
    for line in difference.splitlines():
        if line.startswith("@@"):
            start, _, count = line.split("+")[1].split(" ")[0].partition(",")
            changed.update(range(int(start), int(start) + int(count or 1)))
    return changed


def _tried(sample: list[Mutant], jobs: int, minutes: float, *, is_verbose: bool) -> list[Verdict]:
    found = Record()
    places: queue.Queue[Workplace] = queue.Queue()
    with tempfile.TemporaryDirectory(prefix="mutants") as folder, ThreadPoolExecutor(jobs) as pool:
        for number in range(jobs):
            copy = Path(folder) / str(number)
            copy.mkdir()
            places.put(Workplace(copy))

        began = monotonic()

        def quickly_tried(mutant: Mutant) -> Verdict | None:
            if monotonic() - began > minutes * 60:
                return None
            return at_a_place(lambda place: place.tried(mutant, found))

        def at_a_place(work: Callable[[Workplace], Verdict]) -> Verdict:
            place = places.get()
            try:
                verdict = work(place)
            finally:
                places.put(place)
            if is_verbose:
                _say(f"{verdict.failed or 'not'}: {verdict.mutant}")
            return verdict

        quickly = [verdict for verdict in pool.map(quickly_tried, sample) if verdict is not None]
        lives = [verdict for verdict in quickly if verdict.failed is None]
        _say(f"{len(quickly) - len(lives)} of {len(quickly)} changes were noticed by quick tests")
        slowly = list(pool.map(lambda verdict: at_a_place(lambda place: place.tried_slowly(verdict)), lives))
        for place in places.queue:
            place.close()
        for verdict in slowly:
            if verdict.failed is None:
                _say(f"lives ({verdict.tests} tests run it): {verdict.mutant}")
        return [verdict for verdict in quickly if verdict.failed is not None] + slowly


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
