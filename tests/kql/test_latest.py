"""Latest prices and the market summary."""

from datetime import datetime

import pytest

from tests.companies import KNOWN, PRICED, UNKNOWN
from tests.kql.market import Market
from tests.kql.test_merge import NIGHT, NOON, bar, days, minutes, trades


def latest(market: Market, as_of: datetime | None = None) -> tuple[object, ...]:
    (row,) = market.call("LatestPrice_v1", symbol="AAPL", asOf=as_of).records()
    return row["Price"], row["Source"], f"{row['Timestamp']:%d %H:%M:%S}", row["Size"], row["Venue"]


@pytest.mark.slow
def test_the_latest_price_is_what_was_known_last(market: Market) -> None:
    days(market, bar("2024-01-03", 10))
    assert latest(market) == (10.0, "yahoo", "03 00:00:00", None, "")
    minutes(market, bar("2024-01-04T15:00:00Z", 11))
    assert latest(market) == (11.0, "yahoo", "04 15:00:00", None, "")
    trades(market, ("2024-01-04T15:00:59Z", 12))
    assert latest(market) == (11.0, "yahoo", "04 15:00:00", None, "")
    trades(market, ("2024-01-04T15:01:01Z", 13))
    assert latest(market) == (13.0, "finnhub", "04 15:01:01", 10.0, "XNAS")


@pytest.mark.slow
def test_an_earlier_moment_has_its_own_latest_price(market: Market) -> None:
    trades(market, ("2024-01-04T15:00:10Z", 12), ("2024-01-04T18:00:10Z", 13))
    assert latest(market, NOON)[:3] == (12.0, "finnhub", "04 15:00:10")
    assert latest(market, NIGHT)[:3] == (13.0, "finnhub", "04 18:00:10")
    before = datetime(2024, 1, 4, 14)  # noqa: DTZ001 - naive UTC, as everywhere in Arrow
    assert market.call("LatestPrice_v1", symbol="AAPL", asOf=before).records() == []


@pytest.mark.parametrize(
    ("symbols", "found"),
    [
        ("", list(PRICED)),
        ("AAPL", ["AAPL"]),
        ("nvda, google", ["GOOGL", "NVDA"]),
        (UNKNOWN, []),
        (f"{UNKNOWN},MSFT", ["MSFT"]),
    ],
)
def test_latest_prices_of_a_list(filled: tuple[Market, object], symbols: str, found: list[str]) -> None:
    market, _ = filled
    assert [row["Symbol"] for row in market.call("LatestPrices_v1", symbols=symbols).records()] == found


@pytest.mark.parametrize("function", ["PriceHistory_v1", "LatestPrice_v1", "DailyRange_v1", "Volatility_v1"])
@pytest.mark.parametrize("symbol", [UNKNOWN, ""])
def test_an_unknown_symbol_has_no_rows(filled: tuple[Market, object], function: str, symbol: str) -> None:
    market, _ = filled
    assert market.call(function, symbol=symbol).records() == []


@pytest.mark.slow
def test_the_summary_names_every_company_even_without_data(market: Market) -> None:
    days(market, bar("2024-01-02", 8), bar("2024-01-03", 10))
    trades(market, ("2024-01-04T15:00:10Z", 12), ("2024-01-04T15:01:10Z", 11))
    rows = {row["Symbol"]: row for row in market.call("MarketSummary_v1", asOf=NOON).records()}
    assert list(rows) == sorted(KNOWN)
    apple = rows["AAPL"]
    assert (apple["Name"], apple["Price"], apple["PreviousClose"], apple["Change"]) == ("Apple Inc.", 11.0, 10.0, 1.0)
    assert (apple["ChangePercent"], apple["Open"], apple["High"], apple["Low"]) == (10.0, 12.0, 12.0, 11.0)
    assert (apple["Volume"], apple["Source"]) == (20.0, "finnhub")
    assert (rows["NVDA"]["Price"], rows["NVDA"]["Name"]) == (None, "NVIDIA Corporation")


@pytest.mark.slow
def test_the_summary_of_old_data_compares_the_last_two_days(filled: tuple[Market, object]) -> None:
    market, _ = filled
    rows = {row["Symbol"]: row for row in market.call("MarketSummary_v1").records()}
    assert {name: (row["Price"], row["PreviousClose"]) for name, row in rows.items()} == dict.fromkeys(
        KNOWN, (None, None)
    ) | {
        "AAPL": (192.53, 193.58),
        "AMZN": (151.94, 153.38),
        "GOOGL": (139.69, 140.23),
        "MSFT": (376.04, 375.28),
        "NVDA": (495.22, 495.22),
    }


@pytest.mark.slow
def test_companies(market: Market) -> None:
    rows = market.call("Companies_v1").records()
    assert [row["Symbol"] for row in rows] == sorted(KNOWN)
    assert {row["Symbol"]: row["Aliases"] for row in rows}["GOOGL"] == '["GOOG","GOOGLE","ALPHABET"]'
