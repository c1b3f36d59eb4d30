"""What arrived against what was sent: DuckDB recomputes everything from the journal, without the engine under test."""

from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from emulator.engine.eventhouse import Eventhouse

_SENT = """
CREATE TABLE sent AS
SELECT event_id, any_value(symbol) AS symbol, any_value(timestamp)::TIMESTAMP AS timestamp,
       any_value(price) AS price, any_value(size) AS size
FROM (
    SELECT unnest(from_json(line, '{"event_id": "VARCHAR", "symbol": "VARCHAR", "timestamp": "VARCHAR",
                                    "price": "DOUBLE", "size": "DOUBLE"}'))
    FROM read_csv(?, header = false, delim = '\\0', quote = '', escape = '', columns = {'line': 'VARCHAR'})
    WHERE line != '' AND json_valid(line)
)
GROUP BY event_id
"""
_EXPECTED = """
CREATE TABLE expected AS
SELECT symbol, date_trunc('minute', timestamp) AS minute, count(*) AS trades, sum(size) AS volume,
       sum(price * size) AS turnover, max(price) AS high, min(price) AS low,
       min(timestamp) AS opened, max(timestamp) AS closed
FROM sent SEMI JOIN stored USING (event_id)
GROUP BY ALL
"""
# Where several trades share the first or last microsecond of a minute, any of their prices may open or close it.
_WRONG_BARS = """
SELECT count(*) FROM expected FULL JOIN bars USING (symbol, minute)
WHERE expected.trades IS DISTINCT FROM bars.trades
   OR expected.volume IS DISTINCT FROM bars.volume
   OR abs(expected.turnover - bars.turnover) > 1e-9 * expected.turnover
   OR expected.high IS DISTINCT FROM bars.high
   OR expected.low IS DISTINCT FROM bars.low
   OR NOT EXISTS (FROM sent WHERE sent.symbol = expected.symbol AND timestamp = opened AND price = bars.open)
   OR NOT EXISTS (FROM sent WHERE sent.symbol = expected.symbol AND timestamp = closed AND price = bars.close)
"""


@dataclass(frozen=True)
class Verdict:
    """Counts of events and bars; every one below `raw` must be zero but `repeated`, which the views see through."""

    sent: int
    stored: int
    rejected: int
    bars: int
    raw: int
    repeated: int
    missing: int
    counted_twice: int
    stored_and_rejected: int
    never_sent: int
    altered: int
    rejected_without_reason: int
    wrong_bars: int

    @property
    def holds(self) -> bool:
        """Whether every event sent arrived exactly once, and the bars are right."""
        faults = (
            self.missing,
            self.counted_twice,
            self.stored_and_rejected,
            self.never_sent,
            self.altered,
            self.rejected_without_reason,
            self.wrong_bars,
        )
        return not any(faults) and self.stored > 0 and self.bars > 0

    def lines(self) -> str:
        """Return one line per count."""
        return "\n".join(f"  {name.replace('_', ' '):<26} {count:>12,}" for name, count in asdict(self).items())


def judge(journal: Path, data: Path, database: str = "Market") -> Verdict:
    """Compare the journal with a data folder that nobody has open."""
    engine = Eventhouse.open(data, database=database)
    try:
        with duckdb.connect() as connection:
            connection.execute(_SENT, [str(journal)])
            for name, query in {
                "stored": "TradesUnique | project event_id = EventId, symbol = Symbol, timestamp = Timestamp,"
                " price = Price, size = Size",
                "rejected": "TradesRejected | distinct event_id = EventId, reason = Reason",
                "bars": "Bars1m | project symbol = Symbol, minute = Timestamp, trades = TradeCount, volume = Volume,"
                " turnover = Turnover, high = High, low = Low, open = Open, close = Close",
            }.items():
                arrived = engine.query(f"set notruncation; {query}", database=database)[0].arrow
                connection.register("arrived", arrived)
                connection.execute(f"CREATE TABLE {name} AS FROM arrived")
                connection.unregister("arrived")
            raw = engine.query("TradesRaw | count", database=database)[0].arrow.column(0)[0].as_py()

            def count(text: str) -> int:
                row = connection.execute(text).fetchone()
                return int(row[0]) if row else 0

            connection.execute("CREATE TABLE here AS SELECT event_id FROM stored UNION SELECT event_id FROM rejected")
            connection.execute(_EXPECTED)
            return Verdict(
                sent=count("SELECT count(*) FROM sent"),
                stored=count("SELECT count(*) FROM stored"),
                rejected=count("SELECT count(DISTINCT event_id) FROM rejected"),
                bars=count("SELECT count(*) FROM bars"),
                raw=raw,
                repeated=raw - count("SELECT count(*) FROM here"),
                missing=count("SELECT count(*) FROM sent ANTI JOIN here USING (event_id)"),
                counted_twice=count("SELECT count(*) - count(DISTINCT event_id) FROM stored"),
                stored_and_rejected=count("SELECT count(*) FROM stored SEMI JOIN rejected USING (event_id)"),
                never_sent=count("SELECT count(*) FROM here ANTI JOIN sent USING (event_id)"),
                altered=count(
                    "SELECT count(*) FROM sent JOIN stored USING (event_id)"
                    " WHERE (sent.symbol, sent.timestamp, sent.price, sent.size)"
                    " IS DISTINCT FROM (stored.symbol, stored.timestamp, stored.price, stored.size)"
                ),
                rejected_without_reason=count("SELECT count(*) FROM rejected WHERE coalesce(reason, '') = ''"),
                wrong_bars=count(_WRONG_BARS),
            )
    finally:
        engine.close()
