"""A process that measures one checkout: it fills a market database, and then does what it reads from its input.

`{"ask": "LatestPrice", "times": 4}` or `{"trades": 10}` is answered by a line with the CPU and wall seconds of each,
and for a question with a digest of the answer.
"""

import gc
import hashlib
import json
import sys
import time
from collections.abc import Callable
from itertools import count

from tests.bench.market import deployed, fill, ingest_trade, questions


def measured(call: Callable[[], object], times: int) -> dict[str, list[float]]:
    """Return the seconds of calls, one after the other."""
    cpu, wall = [], []
    for _ in range(times):
        before = time.process_time(), time.perf_counter()
        call()
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    return {"cpu": cpu, "wall": wall}


def main(minutes: int, trades: int) -> None:
    """Serve one line after the other until the input ends."""
    eventhouse = deployed()
    fill(eventhouse, minutes=minutes, trades=trades)
    asked = {question.name: question for question in questions()}
    numbers = count(1)
    gc.freeze()
    print("ready", flush=True)  # noqa: T201 - the protocol
    for line in sys.stdin:
        wanted = json.loads(line)
        if "ask" in wanted:
            question = asked[wanted["ask"]]
            rows = repr(question.ask(eventhouse).records())
            answer: dict[str, object] = {"digest": hashlib.blake2b(rows.encode(), digest_size=8).hexdigest()}
            answer |= measured(lambda: question.ask(eventhouse), wanted["times"])  # noqa: B023 - called at once
        else:
            ingest_trade(eventhouse, next(numbers))
            answer = {**measured(lambda: ingest_trade(eventhouse, next(numbers)), wanted["trades"])}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol
    eventhouse.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
