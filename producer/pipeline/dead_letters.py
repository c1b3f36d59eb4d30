"""Records that cannot be sent at all, kept on disk with the reason: one JSON object per line."""

import logging
import os
from pathlib import Path

import orjson

from producer.clock import Clock
from producer.durable_files import append_durably

logger = logging.getLogger(__name__)


class DeadLetters:
    """A file that is only appended to; without a file, letters go to the log in full."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self.count = 0

    def write(self, source: str, reason: str, record: str) -> None:
        """Keep a record; on return it survives a crash. A disk that refuses it leaves it to the log."""
        self.count += 1
        letter = {"at": self._clock.now(), "source": source, "reason": reason, "record": record}
        line = orjson.dumps(_encodable(letter), option=orjson.OPT_UTC_Z) + b"\n"
        if self._path is None:
            logger.error("cannot be sent: %s", line.decode())
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                append_durably(descriptor, os.fstat(descriptor).st_size, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            logger.error("cannot be sent, nor written to %s (%s): %s", self._path, error, line.decode())  # noqa: TRY400, RUF100
        else:
            logger.warning("%s: put aside in %s: %s", source, self._path, reason)


def _encodable(letter: dict[str, object]) -> dict[str, object]:
    """Escape what is no Unicode: half of a surrogate pair is one of the reasons to end up here."""
    return {
        name: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for name, value in letter.items()
    }
