"""A typed result on its way out of an Eventhouse: Kusto's column types beside Arrow columns.

Canonical Arrow type per Kusto type, for every producer and consumer of results:
bool bool_ · int int32 · long int64 · real float64 · decimal decimal128 · string string (never null) ·
datetime timestamp[us] (UTC, without zone) · timespan int64 (100 ns ticks) · guid string (lower case) ·
dynamic string (JSON text).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.errors import LimitFault
from emulator.types import Schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ResultTable:
    """One table of an answer; `arrow` has the schema's columns in order, in the canonical types."""

    schema: Schema
    arrow: "pa.Table"
    name: str = "PrimaryResult"
    visualization: dict[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Iterate over the rows as Python values in the canonical types (naive UTC datetimes, integer ticks)."""
        columns = [column.to_pylist() for column in self.arrow.columns]
        yield from zip(*columns, strict=True)

    def records(self) -> list[dict[str, object]]:
        """Return the rows as dictionaries by column name."""
        return [dict(zip(self.schema.names, row, strict=True)) for row in self.rows()]


@dataclass
class TruncationFault(LimitFault):
    """A result is larger than the request's limits; `tables` hold the results in order, as far as they fit."""

    tables: tuple[ResultTable, ...] = ()
