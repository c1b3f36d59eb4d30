"""The landing tables in Arrow: their columns, and records as tables.

Timestamps are UTC without zone, as everywhere on the way into and out of an Eventhouse.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time

import pyarrow as pa

from producer.model import ActionKind, Adjustment, Bar, BarKind, CorporateAction, Record, Trade

_ARROW: dict[object, pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    float | None: pa.float64(),
    int | None: pa.int64(),
    datetime: pa.timestamp("us"),
    date: pa.timestamp("us"),
    ActionKind: pa.string(),
    Adjustment: pa.string(),
}


@dataclass(frozen=True, slots=True)
class Landing:
    """A landing table: the records it takes, its JSON mapping, and the columns that identify what a row states.

    `stored` is the function that tells which rows hold at present in a range of a symbol. `restated` says whether a
    later row of the same key replaces the earlier one; an event happens only once.
    """

    table: str
    mapping: str
    stored: str
    record: type[Record]
    key: tuple[str, ...]
    time: str = "Timestamp"
    restated: bool = True

    @property
    def columns(self) -> dict[str, str]:
        """The column of each field of a record: `{"event_id": "EventId", …}`."""
        return {field.name: field.name.title().replace("_", "") for field in fields(self.record)}

    @property
    def schema(self) -> pa.Schema:
        """The columns with their Arrow types."""
        names = self.columns
        return pa.schema([(names[field.name], _ARROW[field.type]) for field in fields(self.record)])

    def rows(self, records: Sequence[Record]) -> pa.Table:
        """Return records as rows of the table."""
        arrays = [
            pa.array([_plain(getattr(record, name)) for record in records], type=self.schema.field(column).type)
            for name, column in self.columns.items()
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)


TRADES = Landing("TradesRaw", "trades_v1", "StoredTrades", Trade, ("EventId",), restated=False)
DAILY_BARS = Landing("DailyBars", "daily_bars_v1", "StoredDailyBars", Bar, ("Symbol", "Timestamp", "Source"))
INTRADAY_BARS = Landing(
    "IntradayBars", "intraday_bars_v1", "StoredIntradayBars", Bar, ("Symbol", "Timestamp", "Source")
)
CORPORATE_ACTIONS = Landing(
    "CorporateActions",
    "corporate_actions_v1",
    "StoredActions",
    CorporateAction,
    ("Symbol", "ExDate", "Kind", "Source"),
    time="ExDate",
)

BAR_LENGTHS: dict[BarKind, str] = {"daily": "1d", "intraday": "1m"}
"""What the functions of the database take as the interval of the bars of a landing table: KQL timespans."""


def utc(value: object) -> datetime:
    """Return a datetime of an Eventhouse's answer with its zone."""
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is no datetime")
    return value.replace(tzinfo=UTC)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return datetime.combine(value, time()) if isinstance(value, date) else value
