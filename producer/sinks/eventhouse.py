"""Batches into an Eventhouse through the client seam."""

from collections.abc import Sequence

from emulator.errors import EntityNotFound, KustoError
from kql.client import Eventhouse
from producer.errors import BadData, ProducerError, Transient
from producer.landing import TRADES
from producer.model import Trade


class EventhouseSink:
    """Streams trades as JSON lines into their landing table; the Eventhouse stays open for its owner."""

    def __init__(self, eventhouse: Eventhouse) -> None:
        self._eventhouse = eventhouse

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:  # noqa: ARG002 - protocol
        """Ingest one batch; on return its rows are durable."""
        try:
            await self._eventhouse.ingest(TRADES.table, b"\n".join(payloads), format="json", mapping=TRADES.mapping)
        except KustoError as error:
            raise eventhouse_error(error) from error

    async def close(self) -> None:
        """Leave the Eventhouse to its owner."""


def eventhouse_error(error: KustoError) -> ProducerError:
    """Say of an Eventhouse's error whether sending again may help."""
    if not error.permanent:
        return Transient(str(error), source="eventhouse")
    hint = "deploy the market database first" if isinstance(error, EntityNotFound) else ""
    return BadData(str(error), source="eventhouse", hint=hint)
