"""What becomes of a trade: accepted under its canonical symbol, or rejected with the reason; each event once."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime

import pytest

from kql.registry import Registry
from tests.companies import UNKNOWN
from tests.kql.market import Market
from tests.kql.template import open_market

GOOD: dict[str, object] = {
    "event_id": "e1",
    "symbol": "AAPL",
    "timestamp": "2024-01-03T15:00:00Z",
    "price": 185.5,
    "size": 100,
    "venue": "XNAS",
    "source": "test",
    "received_at": "2024-01-03T15:00:01Z",
}


@pytest.fixture(scope="module")
def shared_market(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Return a market database for tests that tell their rows apart by venue."""
    eventhouse = open_market(tmp_path_factory.mktemp("shared"))
    yield Market(eventhouse, registry)
    asyncio.run(eventhouse.close())


def land(market: Market, *trades: Mapping[str, object]) -> None:
    market.ingest("TradesRaw", "\n".join(json.dumps({**GOOD, **trade}) for trade in trades), "trades_v1")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbol": UNKNOWN}, "unknown symbol"),
        ({"symbol": ""}, "unknown symbol"),
        ({"event_id": ""}, "missing event id"),
        ({"source": ""}, "missing source"),
        ({"price": 0}, "price not above zero"),
        ({"price": -1.5}, "price not above zero"),
        ({"price": "much"}, "missing or malformed price"),
        ({"price": None}, "missing or malformed price"),
        ({"size": -1}, "size below zero"),
        ({"size": None}, "missing or malformed size"),
        ({"timestamp": "yesterday"}, "missing or malformed time"),
        *[
            ({"timestamp": text}, "missing or malformed time")
            for text in (
                "infinity",
                "-infinity",
                "epoch",
                "5",
                "2024-01-03T10:00:00+25:00",
                "10000-01-01T00:00:00Z",
                "9999-12-31T23:59:59-10:00",
                "0000-01-01T00:00:00Z",
            )
        ],
        ({"timestamp": "2024-01-03T15:02:00Z"}, "time in the future"),
        ({"timestamp": "2199-01-01T00:00:00Z", "received_at": None}, "time in the future"),
    ],
)
def test_a_bad_trade_is_kept_with_the_reason(shared_market: Market, change: dict[str, object], reason: str) -> None:
    market, venue = shared_market, f"{change}"
    land(market, change | {"venue": venue}, {"event_id": f"after {venue}", "venue": venue})
    rejected = market.query(
        "declare query_parameters(venue: string); "
        "TradesRejected | where Venue == venue | project EventId, Symbol, Reason",
        venue=venue,
    )
    event_id, symbol = change.get("event_id", "e1"), change.get("symbol", "AAPL")
    assert rejected == [{"EventId": event_id, "Symbol": symbol, "Reason": reason}]
    accepted = market.query(
        "declare query_parameters(venue: string); Trades | where Venue == venue | project EventId", venue=venue
    )
    assert accepted == [{"EventId": f"after {venue}"}]


@pytest.mark.slow
def test_the_landing_table_keeps_good_and_bad_alike(market: Market) -> None:
    land(market, {"symbol": UNKNOWN}, {"event_id": "e2"})
    assert market.query("TradesRaw | project EventId, Symbol | sort by EventId asc") == [
        {"EventId": "e1", "Symbol": UNKNOWN},
        {"EventId": "e2", "Symbol": "AAPL"},
    ]


@pytest.mark.parametrize("spelling", ["GOOGL", "goog", "Google"])
def test_an_alias_is_accepted_as_the_symbol(shared_market: Market, spelling: str) -> None:
    land(shared_market, {"symbol": spelling, "venue": spelling})
    accepted = shared_market.query(
        "declare query_parameters(venue: string); Trades | where Venue == venue | project Symbol", venue=spelling
    )
    assert accepted == [{"Symbol": "GOOGL"}]


@pytest.mark.slow
def test_a_clock_that_is_slightly_ahead_is_forgiven(market: Market) -> None:
    land(market, {"timestamp": "2024-01-03T15:01:01Z"})
    assert market.query("TradesRejected | count") == [{"Count": 0}]


@pytest.mark.slow
def test_a_retried_event_counts_once_wherever_trades_are_summed(market: Market) -> None:
    land(market, {}, {"event_id": "e2", "price": 186.5, "size": 300})
    land(market, {"event_id": "e2", "price": 186.5, "size": 300})
    assert market.query("TradesUnique | summarize Trades = count(), Size = sum(Size)") == [{"Trades": 2, "Size": 400.0}]
    bars = market.query("Bars1m | project Open, Close, High, Low, Volume, Turnover, TradeCount")
    volume, turnover = 400.0, 185.5 * 100 + 186.5 * 300
    (bar,) = bars
    assert (bar["Volume"], bar["Turnover"], bar["TradeCount"]) == (volume, turnover, 2)


@pytest.mark.slow
def test_late_trades_find_their_bar(market: Market) -> None:
    for second, price in ((30, 11.0), (50, 12.0), (10, 10.0), (20, 14.0), (40, 9.0)):
        land(market, {"event_id": f"e{second}", "timestamp": f"2024-01-03T15:00:{second}Z", "price": price})
    bars = market.query("Bars1m | project Open, High, Low, Close, TradeCount")
    assert bars == [{"Open": 10.0, "High": 14.0, "Low": 9.0, "Close": 12.0, "TradeCount": 5}]
    latest = market.query("LatestTrade | project EventId, Price")
    assert latest == [{"EventId": "e50", "Price": 12.0}]


@pytest.mark.slow
def test_a_trade_belongs_to_its_trading_date_in_new_york(market: Market) -> None:
    dates = {
        "2024-01-03T09:00:00Z": "2024-01-03",  # 04:00 in New York, winter
        "2024-01-05T00:59:59Z": "2024-01-04",  # 19:59 in New York, winter
        "2024-07-03T08:00:00Z": "2024-07-03",  # 04:00 in New York, summer
        "2024-07-05T23:59:59Z": "2024-07-05",  # 19:59 in New York, summer
    }
    land(market, *({"event_id": time, "timestamp": time, "received_at": time} for time in dates))
    found = market.query("Bars1d | project Timestamp | sort by Timestamp asc")
    assert [row["Timestamp"] for row in found] == [datetime.fromisoformat(date) for date in dates.values()]
