"""Every route over the market database: what callers get, and what they are told when they ask for nonsense."""

import httpx
import pytest

from tests.api.conftest import SPLIT_DAY, close_of, trading_days
from tests.companies import KNOWN

HISTORY = "/v1/prices/AAPL/history"


async def records(http: httpx.AsyncClient, path: str, **parameters: str | int | bool) -> list[dict[str, object]]:
    answer = await http.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["meta"]["row_count"] == len(document["data"])
    data: list[dict[str, object]] = document["data"]
    return data


async def problem(http: httpx.AsyncClient, path: str, status: int, **parameters: str | int) -> dict[str, object]:
    answer = await http.get(path, params=parameters)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail", "code"} <= set(document)
    return document


async def test_companies_are_listed_with_their_aliases(http: httpx.AsyncClient) -> None:
    companies = await records(http, "/v1/companies")
    assert [company["symbol"] for company in companies] == sorted(KNOWN)
    assert companies[0]["aliases"] == ["APPLE"]


async def test_history_answers_bars_from_inclusive_to_exclusive(http: httpx.AsyncClient) -> None:
    days = trading_days()
    first, last = days[3], days[10]
    bars = await records(http, "/v1/prices/MSFT/history", **{"from": f"{first:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}"})
    assert [bar["timestamp"] for bar in bars] == [f"{day:%Y-%m-%dT00:00:00Z}" for day in days[3:10]]
    assert bars[0]["close"] == pytest.approx(close_of("MSFT", first), rel=1e-12)
    assert bars[0]["symbol"] == "MSFT"


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
    assert len(bars) == 13
    assert bars[0]["timestamp"] == f"{day:%Y-%m-%d}T14:30:00Z"
    assert bars[0]["volume"] == 300.0


@pytest.mark.parametrize("spelling", ["GOOGL", "googl", "Google", "alphabet"])
async def test_aliases_in_any_case_stand_for_a_symbol(http: httpx.AsyncClient, spelling: str) -> None:
    (price,) = await records(http, f"/v1/prices/{spelling}/latest")
    assert price["symbol"] == "GOOGL"


async def test_latest_prices_take_a_list_of_symbols(http: httpx.AsyncClient) -> None:
    assert [row["symbol"] for row in await records(http, "/v1/prices/latest")] == sorted(KNOWN)
    some = await records(http, "/v1/prices/latest", symbols="msft, google,MSFT")
    assert [row["symbol"] for row in some] == ["GOOGL", "MSFT"]


async def test_the_market_summary_has_every_company(http: httpx.AsyncClient) -> None:
    summary = await records(http, "/v1/market/summary")
    assert [row["symbol"] for row in summary] == sorted(KNOWN)
    assert all(row["change"] is not None for row in summary)


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
    assert rows[-1]["average"] is not None


@pytest.mark.parametrize("estimator", ["close", "ewma", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"])
async def test_every_estimator_of_volatility_answers(http: httpx.AsyncClient, estimator: str) -> None:
    rows = await records(http, "/v1/analytics/AMZN/volatility", estimator=estimator, window=10)
    assert isinstance(rows[-1]["volatility"], float)


@pytest.mark.parametrize("path", ["/v1/analytics/MSFT/daily-range", "/v1/analytics/MSFT/volume"])
async def test_daily_analytics_answer_each_trading_day(http: httpx.AsyncClient, path: str) -> None:
    assert len(await records(http, path)) == len(trading_days())


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
    found = await problem(http, "/v1/prices/AAPLE/history", 404)
    assert found["code"] == "UNKNOWN_SYMBOL"
    assert found["parameter"] == "symbol"
    assert found["allowed"] == list(KNOWN)
    assert found["hint"] == "did you mean 'AAPL'?"
    assert "'XX'" in str((await problem(http, "/v1/prices/latest", 404, symbols="AAPL,XX"))["detail"])


@pytest.mark.parametrize(
    ("parameters", "parameter", "words"),
    [
        ({"window": 0}, "window", "from 1 to 1000, found '0'"),
        ({"window": "many"}, "window", "a whole number"),
        ({"window": 1.5}, "window", "a whole number"),
        ({"kind": "emma"}, "kind", "one of sma, ema, wma, vwap"),
        ({"interval": "7m"}, "interval", "one of 1m"),
        ({"from": "yesterday"}, "from", "RFC 3339"),
        ({"from": "2023-02-30"}, "from", "RFC 3339"),
        ({"adjusted": "perhaps"}, "adjusted", "true or false"),
        ({"from": "2023-02-01", "to": "2023-01-01"}, "from", "before 'to'"),
        ({"windw": 3}, "windw", "unknown"),
        ({"symbol": "MSFT"}, "symbol", "unknown"),
    ],
)
async def test_a_bad_parameter_is_named_with_what_it_takes(
    http: httpx.AsyncClient, parameters: dict[str, str | int], parameter: str, words: str
) -> None:
    found = await problem(http, "/v1/analytics/AAPL/rolling-average", 422, **parameters)
    assert found["parameter"] == parameter
    assert words in str(found["detail"])


async def test_hints_and_allowed_values_come_along(http: httpx.AsyncClient) -> None:
    path = "/v1/analytics/AAPL/rolling-average"
    found = await problem(http, path, 422, kind="emma")
    assert found["allowed"] == ["sma", "ema", "wma", "vwap"]
    assert found["hint"] == "did you mean 'ema'?"
    assert (await problem(http, path, 422, windw=3))["hint"] == "did you mean 'window'?"
    several = await problem(http, path, 422, kind="x", window=0, nonsense=1)
    assert [issue["parameter"] for issue in several["errors"]] == ["nonsense", "kind", "window"]  # type: ignore[attr-defined]  # JSON


async def test_a_parameter_that_stands_twice_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/analytics/AAPL/rolling-average?window=5&window=6")
    assert answer.status_code == 422
    assert "2 times" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/nothing", 404), ("POST", HISTORY, 405)])
async def test_unknown_paths_and_methods_are_problems_too(
    http: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_quotes_and_pipes_in_values_stay_values(http: httpx.AsyncClient) -> None:
    found = await problem(http, '/v1/prices/"; Companies | take 1/latest', 404)
    assert "unknown" in str(found["detail"])


async def test_the_landing_page_links_to_working_examples(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    assert 'href="/docs"' in page
    for path in ("/v1/market/summary", "/v1/prices/AAPL/latest", "/v1/analytics/AAPL/volatility"):
        assert f'href="{path}"' in page
        assert (await http.get(path)).status_code == 200


async def test_health_and_readiness(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert (await http.get("/readyz")).json() == {"status": "ready"}
