"""Trades as JSON lines on a text stream: for looking at a source without a database."""

from collections.abc import Sequence
from typing import TextIO

from producer.model import Trade


class StdoutSink:
    """Writes one JSON object per line to the stream it is given."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:  # noqa: ARG002 - protocol
        """Write the batch and flush it."""
        self._stream.writelines(f"{payload.decode()}\n" for payload in payloads)
        self._stream.flush()

    async def close(self) -> None:
        """Leave the stream to its owner."""
