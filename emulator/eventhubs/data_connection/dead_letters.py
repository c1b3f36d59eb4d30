"""What cannot be stored in a table, kept with the reason: one file per event, the same on every attempt."""

import base64
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from emulator.eventhubs.hubs.messages import Event

_KEPT_IN_MEMORY = 1000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event, or a record of one, that was not stored; a body that is no text is in Base64."""

    hub: str
    partition: str
    sequence: int
    offset: str
    enqueued_at: str
    partition_key: str | None
    reason: str
    body: str
    encoding: str


def dead_letter(hub: str, partition: str, event: Event, reason: str) -> DeadLetter:
    """Return the dead letter of an event."""
    try:
        body, encoding = event.body.decode(), "utf-8"
    except UnicodeDecodeError:
        body, encoding = base64.b64encode(event.body).decode("ascii"), "base64"
    time = event.enqueued_at.isoformat()
    return DeadLetter(hub, partition, event.sequence, event.offset, time, event.partition_key, reason, body, encoding)


class DeadLetters:
    """Dead letters in a folder, or the last of them in memory for None."""

    def __init__(self, folder: Path | None) -> None:
        self._latest: dict[tuple[str, str, int], DeadLetter] = {}
        self._folder = folder

    def latest(self) -> tuple[DeadLetter, ...]:
        """Return the last letters of this process, oldest first."""
        return tuple(self._latest.values())

    def keep(self, letters: list[DeadLetter]) -> None:
        """Keep letters durably; those of an event that is kept already take its place."""
        for letter in letters:
            self._latest[letter.hub, letter.partition, letter.sequence] = letter
        while len(self._latest) > _KEPT_IN_MEMORY:
            del self._latest[next(iter(self._latest))]
        if self._folder is None:
            return
        folders = {self._folder / letter.hub.lower() / letter.partition for letter in letters}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for letter in letters:
            path = self._folder / letter.hub.lower() / letter.partition / f"{letter.sequence:020d}.json"
            written = path.with_suffix(".new")
            with written.open("w", encoding="utf-8") as file:
                json.dump(asdict(letter), file, indent=1, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            written.replace(path)
        for folder in folders:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
