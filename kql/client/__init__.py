"""The one seam through which everything speaks to an Eventhouse.

`Eventhouse` is the protocol; `remote` implements it with Microsoft's SDK (Fabric, ADX, or the emulator's wire), and
`cli.composition.embedded` with the embedded engine in this process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from emulator.context import ParameterValue
from emulator.result import ResultTable

__all__ = ["Eventhouse", "IngestFormat", "IngestionResult", "IngestionWay", "ParameterValue", "ResultTable"]

IngestFormat = Literal["json", "multijson", "csv", "parquet"]

IngestionWay = Literal["streaming", "managed", "queued"]
"""How a remote Eventhouse gets its batches: at once; at once with a fall-back to the queue; or by the queue alone."""


@dataclass(frozen=True, slots=True)
class IngestionResult:
    """What an Eventhouse says of one acknowledged batch: the rows it consumed from the payload.

    A queued batch is durable, and becomes visible later; what is wrong with it shows then, in
    `.show ingestion failures`.
    """

    consumed_records: int
    is_queued: bool = False


class Eventhouse(Protocol):
    """A KQL database, wherever it runs. Errors are `emulator.errors.KustoError` from every implementation."""

    database: str

    async def query(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> ResultTable:
        """Run a query and return its first result; values travel only as declared query parameters."""
        ...

    async def query_all(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> Sequence[ResultTable]:
        """Run a query of one or more statements and return the result of each."""
        ...

    async def command(self, text: str) -> ResultTable:
        """Run one management command and return its table."""
        ...

    async def ingest(
        self, table: str, data: bytes, *, format: IngestFormat, mapping: str | None = None
    ) -> IngestionResult:
        """Ingest one batch; when it returns, the rows are durable, and visible to queries unless they are queued.

        `json` is one object per line. `mapping` names an ingestion mapping of the table.
        """
        ...

    async def close(self) -> None:
        """Release connections and files; further calls are errors."""
        ...
