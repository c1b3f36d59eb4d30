"""The landing tables in Arrow: their columns, and records as tables.

Timestamps are UTC without zone, as everywhere on the way into and out of an Eventhouse.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time

import pyarrow as pa

from producer.model import Bar, CorporateAction, Record, Trade, columns

_ARROW = {str: pa.string(), float: pa.float64(), int: pa.int64(), datetime: pa.timestamp("us"), date: pa.timestamp("us")}


@dataclass(frozen=True, slots=True)
class Landing:
    """A landing table: the records it takes, and the columns that say which statement a row replaces."""

    table: str
    record: type[Record]
    key: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """The columns that the producer fills, in order."""
        names = columns(self.record)
        kinds = {field.name: field.type for field in fields(self.record)}
        # A type that is not in the map is a closed set of texts.
        return pa.schema([(column, _ARROW.get(kinds[name], pa.string())) for name, column in names.items()])


TRADES = Landing("TradesRaw", Trade, ("EventId",))
DAILY_BARS = Landing("DailyBars", Bar, ("Symbol", "Timestamp"))
INTRADAY_BARS = Landing("IntradayBars", Bar, ("Symbol", "Timestamp"))
CORPORATE_ACTIONS = Landing("CorporateActions", CorporateAction, ("Symbol", "ExDate", "Kind"))


def records_table(landing: Landing, records: Sequence[Record]) -> pa.Table:
    """Return records as rows of their landing table."""
    schema = landing.schema
    arrays = [
        pa.array([_plain(getattr(record, name)) for record in records], type=schema.field(column).type)
        for name, column in columns(landing.record).items()
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return datetime.combine(value, time()) if isinstance(value, date) else value
