"""`make bench [ARGS=queries]`: print every pair as a ratio against its named reference."""

import sys
from collections.abc import Callable, Iterable

from tests.bench import eventhubs, freshness, http, loading, queries, switches
from tests.bench.measure import Pair

SUITES: dict[str, Callable[[], Iterable[Pair]]] = {
    "queries": queries.run,
    "loading": loading.run,
    "http": http.run,
    "eventhubs": eventhubs.run,
    "freshness": freshness.run,
    "switches": switches.run,
}


def main(names: list[str]) -> int:
    """Run the named suites, or all."""
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.stderr.write(f"unknown suite {', '.join(unknown)}; there are {', '.join(SUITES)}\n")
        return 2
    for name in names or list(SUITES):
        for pair in SUITES[name]():
            sys.stdout.write(pair.line() + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
