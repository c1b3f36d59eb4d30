"""`make soak [SECONDS=600] [RATE=5000] [SEED=1]`: run a soak, print its counts, end with 1 where one is wrong."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.soak import Soak, run


def main() -> int:
    """Run one soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="an empty folder for journal, data and logs, which stay there")
    arguments = parser.parse_args()
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - started:7.1f} s  {text}\n")
        sys.stdout.flush()

    soak = Soak(arguments.seconds, arguments.rate, arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = run(soak, folder, say)
    outcome = "holds" if result.holds else "DOES NOT HOLD"
    say(f"{outcome}; {result.verdict.sent / soak.seconds:,.0f} events sent per second of chaos\n{result.lines()}")
    return 0 if result.holds else 1


if __name__ == "__main__":
    sys.exit(main())
