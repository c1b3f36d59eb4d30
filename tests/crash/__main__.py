"""`make crash [DEATHS=200] [SEED=1]`: kill at random, print what was acknowledged, end with 1 where it is not there."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.crash import run


def main() -> int:
    """Die as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deaths", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="an empty folder for the data, which stay there")
    arguments = parser.parse_args()
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - started:7.1f} s  {text}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as temporary:
        outcome = run(arguments.deaths, arguments.seed, arguments.keep or Path(temporary) / "data", say)
    say(f"{'holds' if outcome.holds else 'DOES NOT HOLD'}\n{outcome.lines()}")
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
