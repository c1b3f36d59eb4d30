"""Batches into an Eventhouse through the client seam."""

from collections.abc import Callable, Sequence

from emulator.errors import EntityNotFound, KustoError
from kql.client import Eventhouse
from producer.errors import BadData, ProducerError, Transient
from producer.landing import TRADES
from producer.model import Trade


class EventhouseSink:
    """Ingests trades as JSON lines into their landing table; the Eventhouse stays open for its owner.

    `on_queued` is told of every batch that became durable in a queue, with its number of trades.
    """

    def __init__(self, eventhouse: Eventhouse, on_queued: Callable[[int], None] | None = None) -> None:
        self._eventhouse = eventhouse
        self._on_queued = on_queued

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:  # noqa: ARG002 - protocol
        """Ingest one batch; on return its rows are durable."""
        try:
            result = await self._eventhouse.ingest(
                TRADES.table, b"\n".join(payloads), format="json", mapping=TRADES.mapping
            )
        except KustoError as error:
            raise eventhouse_error(error) from error
        if result.is_queued and self._on_queued:
            self._on_queued(len(payloads))

    async def close(self) -> None:
        """Leave the Eventhouse to its owner."""


def eventhouse_error(error: KustoError) -> ProducerError:
    """Say of an Eventhouse's error whether sending again may help."""
    if not error.permanent:
        return Transient(str(error), source="eventhouse")
    hint = "deploy the market database first" if isinstance(error, EntityNotFound) else ""
    return BadData(str(error), source="eventhouse", hint=hint)
