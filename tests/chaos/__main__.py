"""`make chaos [SECONDS=600] [SEED=1]`: everyone at once; print what was found, end with 1 where a promise is broken."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.chaos import run
from tests.chaos.verdict import GENEROUS, STRICT


def main() -> int:
    """Run chaos once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--generous", action="store_true", help="judge times as a machine allows that does much else")
    parser.add_argument("--keep", type=Path, help="an empty folder for data and logs, which stay there")
    arguments = parser.parse_args()
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - started:7.1f} s  {text}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bounds = GENEROUS if arguments.generous else STRICT
        outcome = run(arguments.seconds, arguments.seed, folder, bounds, say)
    say(f"{'holds' if outcome.holds else 'DOES NOT HOLD'}\n{outcome.lines()}")
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
