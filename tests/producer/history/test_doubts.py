"""What is doubted of rows at the ends of time, which only Parquet files hold."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from producer.history.doubts import doubts_of_actions, doubts_of_bars, doubts_of_trades
from producer.market_time.calendar import load_calendar
from producer.model import BarKind, CorporateAction

NOW = datetime(2024, 3, 1, 23, tzinfo=UTC)
EARLY, LATE = "before 1925 ({}): stored as they are", "in the future ({}): stored as they are"


KINDS: tuple[BarKind, ...] = ("daily", "intraday")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rows(*times: datetime, symbol: str = "AAPL") -> pa.Table:
    return pa.table({"Symbol": [symbol] * len(times), "Timestamp": pa.array(times, pa.timestamp("us"))})


@pytest.mark.parametrize("beyond", [0, 1])
def test_the_first_and_the_last_instant_are_doubted(beyond: int) -> None:
    # Parquet holds instants that Python has no name for.
    first, last = (
        pa.scalar(at(text), pa.timestamp("us")).value for text in ("0001-01-01", "9999-12-31T23:59:59.999999")
    )
    stamps = pa.array([first - beyond, last + beyond]).cast(pa.timestamp("us"))
    table = pa.table({"Symbol": ["AAPL"] * 2, "Timestamp": pa.chunked_array([stamps])})
    early, late = f"1 row {EARLY.format('0001-01-01')}", f"1 row {LATE.format('9999-12-31')}"
    # The database rejects trades of the future.
    assert doubts_of_trades(table) == (early,)
    for kind in KINDS:
        assert doubts_of_bars(table, kind, {"AAPL"}, load_calendar(), NOW) == (early, late)


def test_what_is_dated_tomorrow_is_not_in_the_future() -> None:
    bars = rows(at("1925-12-31T15:00"), at("2024-03-01T15:00"), at("2024-03-02T15:00"), at("2024-03-03T15:00"))
    for kind in KINDS:
        assert doubts_of_bars(bars, kind, {"AAPL"}, load_calendar(), NOW) == (
            "2 rows on days without trading (Saturday 2024-03-02, Sunday 2024-03-03): stored as they are",
            f"1 row {LATE.format('2024-03-03')}",
        )
    assert doubts_of_trades(bars) == ()
    # Splits and dividends are announced.
    days = (date(1925, 12, 30), date(1925, 12, 31), date(2025, 3, 3), date(2025, 3, 4))
    actions = [CorporateAction("AAPL", day, "split", 2.0, "test", NOW) for day in days]
    assert doubts_of_actions(actions, {"AAPL"}, NOW) == (
        f"1 row {EARLY.format('1925-12-30')}",
        f"1 row {LATE.format('2025-03-04')}",
    )


def test_control_characters_of_a_symbol_are_spelled_out() -> None:
    bars = rows(at("2024-03-01"), symbol="A\x1b[2J\n")
    assert doubts_of_bars(bars, "daily", {"AAPL"}, load_calendar(), NOW) == (
        r"1 row of no known company (A\x1b[2J\n): stored, and shown by no view",
    )
