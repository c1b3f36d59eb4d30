"""Every route over the market database: what callers get, and what they are told when they ask for nonsense."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from html import unescape

import httpx
import pytest

from kql.reference import load_companies
from kql.registry import Registry
from tests.api.conftest import SPLIT_DAY, close_of, trading_days
from tests.companies import KNOWN

HISTORY = "/v1/prices/AAPL/history"
AVERAGE = "/v1/analytics/AAPL/rolling-average"
MEMBERS = ("type", "title", "status", "detail", "code")


async def records(http: httpx.AsyncClient, path: str, **parameters: str | int | bool) -> list[dict[str, object]]:
    answer = await http.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["meta"]["row_count"] == len(document["data"])
    data: list[dict[str, object]] = document["data"]
    return data


async def problem(
    http: httpx.AsyncClient, path: str, status: int, more: Sequence[str], **parameters: str | int
) -> dict[str, object]:
    """Ask for what is refused, with the members of every problem and those of this one."""
    answer = await http.get(path, params=parameters)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == status
    assert list(document) == [*MEMBERS, *more]
    return document


def stamped(days: Sequence[datetime]) -> list[str]:
    return [f"{day:%Y-%m-%dT00:00:00Z}" for day in days]


def bar(day: datetime, **changed: object) -> dict[str, object]:
    """Return the record of MSFT's bar of a day, apart from its average price."""
    close = close_of("MSFT", day)
    return {
        "symbol": "MSFT",
        "timestamp": f"{day:%Y-%m-%dT%H:%M:%SZ}",
        "open": pytest.approx(close - 1.0, rel=1e-12),
        "high": pytest.approx(close + 2.0, rel=1e-12),
        "low": pytest.approx(close - 3.0, rel=1e-12),
        "close": pytest.approx(close, rel=1e-12),
        "volume": 1000.0 + day.day,
        # The mean of high, low and close stands in where a source has no volume-weighted price.
        "vwap": pytest.approx(close - 1.0 / 3.0, rel=1e-12),
        "trade_count": None,
        "source": "yahoo",
    } | changed


async def test_companies_are_listed_with_their_aliases(http: httpx.AsyncClient) -> None:
    companies = await records(http, "/v1/companies")
    assert companies == [
        {
            "symbol": each.symbol,
            "name": each.name,
            "exchange": each.exchange,
            "currency": each.currency,
            "sector": each.sector,
            "aliases": list(each.aliases),
        }
        for each in sorted(load_companies(), key=lambda company: company.symbol)
    ]
    assert companies[0]["aliases"] == ["APPLE"]


@pytest.mark.slow
async def test_history_answers_bars_from_inclusive_to_exclusive(http: httpx.AsyncClient) -> None:
    days = trading_days()
    first, last = days[3], days[10]
    bars = await records(http, "/v1/prices/MSFT/history", **{"from": f"{first:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}"})
    assert bars == [bar(day) for day in days[3:10]]


@pytest.mark.parametrize(
    "moment", ["2023-02-01", "2023-02-01T00:00:00Z", "2023-02-01T01:00:00+01:00", "2023-02-01T00:00"]
)
async def test_a_time_is_a_date_or_rfc_3339(http: httpx.AsyncClient, moment: str) -> None:
    bars = await records(http, "/v1/prices/MSFT/history", **{"from": moment, "to": "2023-02-03"})
    assert [bar["timestamp"] for bar in bars] == ["2023-02-01T00:00:00Z", "2023-02-02T00:00:00Z"]


async def test_an_unescaped_offset_is_understood(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/prices/MSFT/history?from=2023-02-01T01:00:00+01:00&to=2023-02-02")
    assert answer.json()["meta"]["parameters"]["from"] == "2023-02-01T00:00:00Z"


async def test_prices_are_adjusted_for_splits_unless_asked_otherwise(http: httpx.AsyncClient) -> None:
    day = next(day for day in trading_days() if day < SPLIT_DAY)
    period = {"from": f"{day:%Y-%m-%d}", "to": f"{day:%Y-%m-%dT23:00:00Z}"}
    (adjusted,) = await records(http, HISTORY, **period)
    (raw,) = await records(http, HISTORY, **period, adjusted=False)
    assert raw["close"] == pytest.approx(close_of("AAPL", day), rel=1e-12)
    assert adjusted["close"] == pytest.approx(close_of("AAPL", day) / 2, rel=1e-12)


async def test_short_intervals_answer_bars_of_a_day(http: httpx.AsyncClient) -> None:
    day = trading_days()[-1]
    bars = await records(http, "/v1/prices/MSFT/history", interval="30m", **{"from": f"{day:%Y-%m-%d}"})
    opening = day + timedelta(hours=14, minutes=30)
    stamps = [f"{opening + number * timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}" for number in range(13)]
    assert bars == [bar(day, timestamp=stamp, volume=300.0) for stamp in stamps]


@pytest.mark.parametrize("spelling", ["GOOGL", "googl", "Google", "alphabet"])
async def test_aliases_in_any_case_stand_for_a_symbol(http: httpx.AsyncClient, spelling: str) -> None:
    (price,) = await records(http, f"/v1/prices/{spelling}/latest")
    assert price["symbol"] == "GOOGL"


@pytest.mark.slow
async def test_latest_prices_take_a_list_of_symbols(http: httpx.AsyncClient) -> None:
    assert [row["symbol"] for row in await records(http, "/v1/prices/latest")] == sorted(KNOWN)
    some = await records(http, "/v1/prices/latest", symbols="msft, google,MSFT")
    assert [row["symbol"] for row in some] == ["GOOGL", "MSFT"]


@pytest.mark.slow
async def test_the_market_summary_has_every_company(http: httpx.AsyncClient) -> None:
    summary = await records(http, "/v1/market/summary")
    before, last = trading_days()[-2:]
    assert [(row["symbol"], row["price"], row["change"]) for row in summary] == [
        (
            symbol,
            pytest.approx(close_of(symbol, last), rel=1e-12),
            pytest.approx(close_of(symbol, last) - close_of(symbol, before), rel=1e-9),
        )
        for symbol in sorted(KNOWN)
    ]


@pytest.mark.slow
async def test_a_rolling_average_is_warm_where_data_exist_before_the_range(http: httpx.AsyncClient) -> None:
    path, days = "/v1/analytics/NVDA/rolling-average", trading_days()
    averages = await records(http, path, kind="sma", window=5, **{"from": f"{days[10]:%Y-%m-%d}"})
    expected = sum(close_of("NVDA", day) for day in days[6:11]) / 5
    assert averages[0]["average"] == pytest.approx(expected, rel=1e-12)
    cold = await records(http, path, kind="sma", window=5)
    assert [row["average"] is None for row in cold[:6]] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("kind", ["sma", "ema", "wma", "vwap"])
async def test_every_kind_of_average_answers(http: httpx.AsyncClient, kind: str) -> None:
    rows = await records(http, "/v1/analytics/AMZN/rolling-average", kind=kind, window=5)
    assert [row["timestamp"] for row in rows] == stamped(trading_days())
    assert [row["average"] is None for row in rows] == [True] * 4 + [False] * (len(rows) - 4)


@pytest.mark.parametrize(
    ("estimator", "cold"),
    [("close", 10), ("ewma", 10), ("parkinson", 9), ("garman_klass", 9), ("rogers_satchell", 9), ("yang_zhang", 10)],
)
async def test_every_estimator_of_volatility_answers(http: httpx.AsyncClient, estimator: str, cold: int) -> None:
    rows = await records(http, "/v1/analytics/AMZN/volatility", estimator=estimator, window=10)
    assert [row["timestamp"] for row in rows] == stamped(trading_days())
    assert [row["volatility"] is None for row in rows] == [True] * cold + [False] * (len(rows) - cold)


@pytest.mark.parametrize("path", ["/v1/analytics/MSFT/daily-range", "/v1/analytics/MSFT/volume"])
@pytest.mark.slow
async def test_daily_analytics_answer_each_trading_day(http: httpx.AsyncClient, path: str) -> None:
    assert [row["timestamp"] for row in await records(http, path)] == stamped(trading_days())


async def test_meta_says_what_was_computed_and_from_what(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/analytics/google/rolling-average", params={"kind": "ema", "from": "2023-03-01"})
    meta = answer.json()["meta"]
    assert meta["function"] == "RollingAverage_v1"
    assert meta["source"] == "yahoo"
    assert meta["as_of"].endswith("Z")
    assert meta["parameters"] == {
        "symbol": "GOOGL",
        "kind": "ema",
        "window": 20,
        "interval": "1d",
        "from": "2023-03-01T00:00:00Z",
        "adjusted": True,
    }


async def test_an_unknown_symbol_is_not_found(http: httpx.AsyncClient) -> None:
    found = await problem(http, "/v1/prices/AAPLE/history", 404, ("hint", "parameter", "allowed"))
    assert found["code"] == "UNKNOWN_SYMBOL"
    assert found["parameter"] == "symbol"
    assert found["allowed"] == list(KNOWN)
    assert found["hint"] == "did you mean 'AAPL'?"
    several = await problem(http, "/v1/prices/latest", 404, ("parameter", "allowed"), symbols="AAPL,XX")
    assert several["parameter"] == "symbols"
    assert "'XX'" in str(several["detail"])


@pytest.mark.parametrize(
    ("parameters", "parameter", "words", "more"),
    [
        ({"window": 0}, "window", "from 1 to 1000, found '0'", ()),
        ({"window": "many"}, "window", "a whole number", ()),
        ({"window": 1.5}, "window", "a whole number", ()),
        ({"kind": "emma"}, "kind", "one of sma, ema, wma, vwap", ("hint", "allowed")),
        ({"interval": "7m"}, "interval", "one of 1m", ("allowed",)),
        ({"from": "yesterday"}, "from", "RFC 3339", ()),
        ({"from": "2023-02-30"}, "from", "RFC 3339", ()),
        ({"adjusted": "perhaps"}, "adjusted", "true or false", ()),
        ({"from": "2023-02-01", "to": "2023-01-01"}, "from", "before 'to'", ()),
        ({"windw": 3}, "windw", "unknown", ("hint", "allowed")),
        ({"symbol": "MSFT"}, "symbol", "unknown", ("allowed",)),
    ],
)
async def test_a_bad_parameter_is_named_with_what_it_takes(
    http: httpx.AsyncClient, parameters: dict[str, str | int], parameter: str, words: str, more: tuple[str, ...]
) -> None:
    hint, rest = more[: len(more) - 1], more[len(more) - 1 :]
    found = await problem(http, AVERAGE, 422, (*hint, "parameter", *rest), **parameters)
    assert found["parameter"] == parameter
    assert words in str(found["detail"])


async def test_hints_and_allowed_values_come_along(http: httpx.AsyncClient) -> None:
    members = ("hint", "parameter", "allowed")
    found = await problem(http, AVERAGE, 422, members, kind="emma")
    assert found["allowed"] == ["sma", "ema", "wma", "vwap"]
    assert found["hint"] == "did you mean 'ema'?"
    assert (await problem(http, AVERAGE, 422, members, windw=3))["hint"] == "did you mean 'window'?"
    several = await problem(http, AVERAGE, 422, ("parameter", "allowed", "errors"), kind="x", window=0, nonsense=1)
    assert [issue["parameter"] for issue in several["errors"]] == ["nonsense", "kind", "window"]  # type: ignore[attr-defined]  # JSON


async def test_a_parameter_that_stands_twice_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{AVERAGE}?window=5&window=6")
    assert answer.status_code == 422
    assert "2 times" in answer.json()["detail"]


async def test_unknown_paths_and_methods_are_problems_too(http: httpx.AsyncClient) -> None:
    assert await problem(http, "/v1/nothing", 404, ("hint",)) == {
        "type": "urn:tickhouse:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found: /v1/nothing",
        "code": "NOT_FOUND",
        "hint": "the routes stand at /docs and /openapi.json",
    }
    answer = await http.post(HISTORY)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:tickhouse:problem:method-not-allowed",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": f"Method Not Allowed: {HISTORY}",
        "code": "METHOD_NOT_ALLOWED",
    }


async def test_quotes_and_pipes_in_values_stay_values(http: httpx.AsyncClient) -> None:
    found = await problem(http, '/v1/prices/"; Companies | take 1/latest', 404, ("parameter", "allowed"))
    assert found["detail"] == f"The symbol '\"; Companies | take 1' is unknown; known are {', '.join(KNOWN)}."


@pytest.mark.slow
async def test_the_landing_page_links_to_working_examples(http: httpx.AsyncClient, registry: Registry) -> None:
    links = [unescape(link) for link in re.findall(r'href="([^"]*)"', (await http.get("/")).text)]
    examples = [
        endpoint.route.format(**{item.name: item.example for item in endpoint.parameters})
        for endpoint in registry.endpoints
    ]
    assert [link.partition("?")[0] for link in links] == ["/docs", "/openapi.json", *examples]
    assert [(await http.get(path)).status_code for path in links] == [200] * len(links)


async def test_health_and_readiness(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert (await http.get("/readyz")).json() == {"status": "ready"}
