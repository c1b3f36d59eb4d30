"""The logs of hubs read to their last event, without changing them."""

import json
from collections.abc import Iterator
from pathlib import Path

from emulator.eventhubs.errors import LogDamaged
from emulator.eventhubs.hubs.log import existing_segments
from emulator.eventhubs.hubs.segment import Segment


def check_hubs(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield each hub of a folder with what it holds, or what is wrong, and whether something is."""
    for description in sorted(folder.glob("*/hub.json")):
        hub = description.parent
        events, problems = 0, []
        try:
            json.loads(description.read_bytes())
        except ValueError:
            problems.append("hub.json does not describe a hub")
        for partition in sorted(path for path in hub.iterdir() if path.is_dir()):
            try:
                events += _check_partition(partition)
            except LogDamaged as damage:
                problems.append(damage.message)
        yield hub.name, "; ".join(problems) or f"{events:,} events", bool(problems)


def _check_partition(folder: Path) -> int:
    segments = existing_segments(folder)
    try:
        return sum(_check(*each) for each in zip(segments, [*segments[1:], None], strict=True))
    finally:
        for segment in segments:
            segment.close()


def _check(segment: Segment, successor: Segment | None) -> int:
    if successor is None:
        # What follows the last whole record was never acknowledged.
        return segment.count_whole()
    segment.seal(successor, 0)
    return sum(1 for _ in segment.records(0))
