"""Quotes as trades."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from producer.sources.quotes import Quote, QuoteTrades

FIRST = Quote("AAPL", datetime(2025, 10, 29, 14, 30, tzinfo=UTC), date(2025, 10, 29), 270.0, 1_000.0, "NMS")


def sizes(*quotes: Quote) -> list[float | None]:
    trades = QuoteTrades("yahoo")
    made = [trades.trade(quote, quote.timestamp) for quote in quotes]
    return [trade.size if trade else None for trade in made]


def later(quote: Quote, minutes: int, price: float, volume: float) -> Quote:
    return replace(quote, timestamp=quote.timestamp + timedelta(minutes=minutes), price=price, day_volume=volume)


def test_the_first_quote_has_a_price_and_no_size() -> None:
    assert sizes(FIRST) == [0.0]


def test_the_size_is_the_growth_of_the_volume() -> None:
    assert sizes(FIRST, later(FIRST, 1, 271.0, 1_500.0), later(FIRST, 2, 272.0, 1_900.0)) == [0.0, 500.0, 400.0]


def test_a_quote_that_repeats_the_last_one_is_no_trade() -> None:
    assert sizes(FIRST, FIRST, later(FIRST, 1, 270.0, 1_000.0)) == [0.0, None, None]


def test_a_price_without_volume_is_a_trade_of_size_zero() -> None:
    assert sizes(FIRST, later(FIRST, 1, 271.0, 1_000.0)) == [0.0, 0.0]


def test_a_corrected_volume_is_not_counted_twice() -> None:
    quotes = (FIRST, later(FIRST, 1, 271.0, 900.0), later(FIRST, 2, 272.0, 1_200.0))
    assert sizes(*quotes) == [0.0, 0.0, 200.0]


def test_a_new_day_begins_with_its_own_volume() -> None:
    next_day = replace(later(FIRST, 24 * 60, 275.0, 300.0), trading_date=date(2025, 10, 30))
    assert sizes(FIRST, next_day) == [0.0, 300.0]


def test_an_older_quote_is_no_trade() -> None:
    assert sizes(FIRST, later(FIRST, -1, 269.0, 900.0)) == [0.0, None]


def test_symbols_are_counted_apart() -> None:
    assert sizes(FIRST, replace(FIRST, symbol="MSFT", day_volume=7_000.0)) == [0.0, 0.0]


def test_the_same_quote_has_the_same_id_in_another_run() -> None:
    ids = [QuoteTrades("yahoo").trade(FIRST, FIRST.timestamp + timedelta(seconds=wait)) for wait in (0, 5)]
    assert ids[0]
    assert ids[1]
    assert ids[0].event_id == ids[1].event_id


@pytest.mark.parametrize("change", [{"price": 270.01}, {"day_volume": 1_001.0}, {"symbol": "MSFT"}])
def test_other_quotes_have_other_ids(change: dict[str, float]) -> None:
    one = QuoteTrades("yahoo").trade(FIRST, FIRST.timestamp)
    other = QuoteTrades("yahoo").trade(replace(FIRST, **change), FIRST.timestamp)  # type: ignore[arg-type]  # of the field
    assert one
    assert other
    assert one.event_id != other.event_id
