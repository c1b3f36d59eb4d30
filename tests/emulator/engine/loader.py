"""A process that ingests until it is killed: each line it prints names a batch that was acknowledged."""

import json
import sys
import threading
from itertools import count
from pathlib import Path

from emulator import Eventhouse

ROWS_PER_BATCH = 20
THREADS = 3


def main(folder: Path, run: str) -> None:
    eventhouse = Eventhouse.open(folder)
    threads = [threading.Thread(target=load, args=(eventhouse, f"{run}-{n}"), daemon=True) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def load(eventhouse: Eventhouse, name: str) -> None:
    for number in count():
        batch = f"{name}-{number}"
        lines = [json.dumps({"Batch": batch, "Row": row, "Size": number + row}) for row in range(ROWS_PER_BATCH)]
        eventhouse.ingest("Raw", "\n".join(lines).encode(), format="json")
        sys.stdout.write(f"{batch}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
