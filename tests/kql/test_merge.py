"""One answer from several sources: providers, trades, the simulated market."""

import json
from datetime import datetime

import pytest

from tests.kql.market import Market

pytestmark = pytest.mark.slow

# A Thursday in winter: New York trades regularly from 14:30 to 21:00 UTC.
NOON = datetime(2024, 1, 4, 17)  # noqa: DTZ001 - naive UTC, as everywhere in Arrow
NIGHT = datetime(2024, 1, 4, 23)  # noqa: DTZ001 - naive UTC


def bar(time: str, close: float, source: str = "yahoo", received: str = "2024-01-05", volume: float = 100.0) -> str:
    fields = {
        "symbol": "AAPL",
        "timestamp": time,
        "open": close - 1,
        "high": close + 2,
        "low": close - 2,
        "close": close,
        "volume": volume,
        "source": source,
        "received_at": received,
    }
    return json.dumps(fields)


def days(market: Market, *lines: str) -> None:
    market.ingest("DailyBars", "\n".join(lines), "daily_bars_v1")


def minutes(market: Market, *lines: str) -> None:
    market.ingest("IntradayBars", "\n".join(lines), "intraday_bars_v1")


def trades(market: Market, *ticks: tuple[str, float], source: str = "finnhub", size: float = 10.0) -> None:
    lines = [
        json.dumps(
            {
                "event_id": f"{source}:{time}",
                "symbol": "AAPL",
                "timestamp": time,
                "price": price,
                "size": size,
                "venue": "XNAS",
                "source": source,
                "received_at": time,
            }
        )
        for time, price in ticks
    ]
    market.ingest("TradesRaw", "\n".join(lines), "trades_v1")


def history(market: Market, interval: str = "1d", as_of: datetime = NIGHT) -> list[tuple[str, float, str]]:
    """Return timestamp, close and source of the bars of the last days."""
    rows = market.call("PriceHistory_v1", symbol="aapl", interval=interval, asOf=as_of).records()
    return [(f"{row['Timestamp']:%m-%d %H:%M}", float(str(row["Close"])), str(row["Source"])) for row in rows]


def test_the_newest_statement_about_a_closed_day_wins(market: Market) -> None:
    days(market, bar("2024-01-03", 10, received="2024-01-04"), bar("2024-01-02", 9))
    days(market, bar("2024-01-03", 11, source="tiingo", received="2024-01-05"))
    days(market, bar("2024-01-03", 12, received="2024-01-03"))
    assert history(market) == [("01-02 00:00", 9, "yahoo"), ("01-03 00:00", 11, "tiingo")]


def test_trades_fill_the_days_that_no_provider_covers(market: Market) -> None:
    trades(market, ("2024-01-02T15:00:00Z", 8), ("2024-01-02T20:00:00Z", 9), ("2024-01-03T15:00:00Z", 99))
    days(market, bar("2024-01-03", 10))
    assert history(market) == [("01-02 00:00", 9, "finnhub"), ("01-03 00:00", 10, "yahoo")]


def test_the_running_day_comes_from_its_minutes_until_it_is_closed(market: Market) -> None:
    days(market, bar("2024-01-03", 10), bar("2024-01-04", 50))
    minutes(market, bar("2024-01-04T14:30:00Z", 20), bar("2024-01-04T14:31:00Z", 21))
    trades(market, ("2024-01-04T14:31:30Z", 22), ("2024-01-04T15:00:10Z", 23), ("2024-01-04T20:00:00Z", 30))
    assert history(market, as_of=NOON) == [("01-03 00:00", 10, "yahoo"), ("01-04 00:00", 23, "finnhub+yahoo")]
    assert history(market, as_of=NIGHT) == [("01-03 00:00", 10, "yahoo"), ("01-04 00:00", 50, "yahoo")]
    running = market.call("DailyRange_v1", symbol="AAPL", asOf=NOON).records()[-1]
    assert (running["Open"], running["High"], running["Low"]) == (19.0, 23.0, 18.0)


def test_minutes_of_closed_days_prefer_providers_and_those_of_the_running_day_trades(market: Market) -> None:
    minutes(market, bar("2024-01-03T15:00:00Z", 10), bar("2024-01-04T15:00:00Z", 20), bar("2024-01-04T15:01:00Z", 21))
    trades(
        market,
        ("2024-01-03T15:00:10Z", 11),
        ("2024-01-03T15:01:10Z", 12),
        ("2024-01-04T15:00:10Z", 22),
        ("2024-01-04T15:02:10Z", 23),
    )
    assert history(market, "1m", NOON) == [
        ("01-03 15:00", 10, "yahoo"),
        ("01-03 15:01", 12, "finnhub"),
        ("01-04 15:00", 22, "finnhub"),
        ("01-04 15:01", 21, "yahoo"),
        ("01-04 15:02", 23, "finnhub"),
    ]
    assert history(market, "5m", NOON) == [
        ("01-03 15:00", 12, "finnhub+yahoo"),
        ("01-04 15:00", 23, "finnhub+yahoo"),
    ]


def test_coarser_bars_are_rolled_up_and_only_whole_ones_lie_in_the_range(market: Market) -> None:
    minutes(market, *(bar(f"2024-01-03T15:{minute:02}:00Z", 100 + minute) for minute in range(20)))
    found = market.call(
        "PriceHistory_v1",
        symbol="AAPL",
        interval="5m",
        startTime=datetime(2024, 1, 3, 15, 2),  # noqa: DTZ001 - naive UTC
        endTime=datetime(2024, 1, 3, 15, 12),  # noqa: DTZ001 - naive UTC
        asOf=NIGHT,
    ).records()
    assert [(row["Timestamp"], row["Open"], row["High"], row["Low"], row["Close"], row["Volume"]) for row in found] == [
        (datetime(2024, 1, 3, 15, 5), 104.0, 111.0, 103.0, 109.0, 500.0),  # noqa: DTZ001 - naive UTC
        (datetime(2024, 1, 3, 15, 10), 109.0, 116.0, 108.0, 114.0, 500.0),  # noqa: DTZ001 - naive UTC
    ]


def test_vwap_is_that_of_the_trades_or_of_typical_prices(market: Market) -> None:
    trades(market, ("2024-01-04T15:00:10Z", 10), ("2024-01-04T15:00:20Z", 20))
    minutes(market, bar("2024-01-04T15:01:00Z", 30))
    found = market.call("PriceHistory_v1", symbol="AAPL", interval="1m", asOf=NOON).records()
    assert [(row["Vwap"], row["TradeCount"]) for row in found] == [(15.0, 2), (30.0, None)]


def test_simulated_data_never_mix_with_real_data(market: Market) -> None:
    days(market, bar("2024-01-02", 1, source="simulated"), bar("2024-01-03", 2, source="simulated"))
    trades(market, ("2024-01-04T15:00:10Z", 3), source="simulated")
    simulated = [
        ("01-02 00:00", 1.0, "simulated"),
        ("01-03 00:00", 2.0, "simulated"),
        ("01-04 00:00", 3.0, "simulated"),
    ]
    assert history(market, as_of=NOON) == simulated
    assert market.call("LatestPrice_v1", symbol="AAPL", asOf=NOON).records()[0]["Price"] == 3.0
    days(market, bar("2024-01-02", 10))
    assert history(market, as_of=NOON) == [("01-02 00:00", 10, "yahoo")]
    assert market.call("LatestPrice_v1", symbol="AAPL", asOf=NOON).records()[0]["Price"] == 10.0


def test_a_split_adjusts_what_came_before_it_once_it_is_known(market: Market) -> None:
    days(market, bar("2024-01-02", 80, volume=5), bar("2024-01-03", 20, volume=20))
    split = {"symbol": "AAPL", "ex_date": "2024-01-03", "kind": "split", "value": 4, "source": "yahoo"}
    for received in ("2024-01-01", "2024-01-03"):
        line = json.dumps(split | {"received_at": received})
        market.ingest("CorporateActions", line, "corporate_actions_v1")
    assert [close for _, close, _ in history(market)] == [20.0, 20.0]
    assert market.column("PriceHistory_v1", "Volume", symbol="AAPL", asOf=NIGHT).tolist() == [20.0, 20.0]
    assert market.column("PriceHistory_v1", "Close", symbol="AAPL", adjusted=False, asOf=NIGHT).tolist() == [80.0, 20.0]
    before = datetime(2024, 1, 2, 23)  # noqa: DTZ001 - naive UTC
    assert history(market, as_of=before) == [("01-02 00:00", 80, "yahoo")]
