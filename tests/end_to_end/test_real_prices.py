"""Real daily and intraday prices, loaded from files and read over HTTP, against TA-Lib and closed formulas."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import talib
from numpy.typing import NDArray

from tests.companies import PRICED
from tests.end_to_end.platform import MARKET, Platform, running, tickhouse

DAILY = MARKET / "daily" / "yahoo_splitadj_actions_2020_2023.parquet"
INTRADAY = MARKET / "intraday" / "av_1min_ext_2020q4.parquet"
PERIOD = {"from": "2020-01-01", "to": "2024-01-01"}
WINDOW = 20
Floats = NDArray[np.float64]

pytestmark = [
    pytest.mark.skipif(not DAILY.exists(), reason=f"needs the real prices in {MARKET}"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    data = tmp_path_factory.mktemp("real") / "data"
    with running(data, "--source", "none") as platform:
        loaded = tickhouse("load", str(DAILY), "--as", "daily", "--adjustment", "split", "--data", str(data))
        assert loaded.returncode == 0, loaded.stderr
        loaded = tickhouse("load", str(INTRADAY), "--as", "intraday", "--data", str(data))
        assert loaded.returncode == 0, loaded.stderr
        yield platform


def file_rows(symbol: str) -> dict[str, Floats]:
    table = pq.read_table(DAILY)
    table = table.filter(pc.equal(table["symbol"], symbol)).sort_by("date")
    names = ("open", "high", "low", "close", "volume", "stock_splits")
    return {name: np.asarray(table[name].to_numpy(), dtype=np.float64) for name in names}


def served(platform: Platform, path: str, field: str, **parameters: str | int) -> Floats:
    answer = platform.get(path, **PERIOD, **parameters)
    assert answer.status_code == 200, answer.text
    records = answer.json()["data"]
    stamps = [record["timestamp"] for record in records]
    assert stamps == sorted(stamps)
    return np.array([math.nan if record[field] is None else record[field] for record in records])


def assert_agree(actual: Floats, expected: Floats) -> None:
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    np.testing.assert_allclose(actual, expected, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("symbol", PRICED)
@pytest.mark.parametrize(("kind", "oracle"), [("sma", talib.SMA), ("ema", talib.EMA), ("wma", talib.WMA)])
def test_rolling_averages_agree_with_talib(platform: Platform, symbol: str, kind: str, oracle: object) -> None:
    path = f"/v1/analytics/{symbol}/rolling-average"
    actual = served(platform, path, "average", kind=kind, window=WINDOW, interval="1d")
    assert callable(oracle)
    assert_agree(actual, oracle(file_rows(symbol)["close"], WINDOW))


@pytest.mark.parametrize("symbol", PRICED)
def test_rolling_vwap_is_the_volume_weighted_typical_price(platform: Platform, symbol: str) -> None:
    path = f"/v1/analytics/{symbol}/rolling-average"
    actual = served(platform, path, "average", kind="vwap", window=WINDOW, interval="1d")
    rows = file_rows(symbol)
    typical = (rows["high"] + rows["low"] + rows["close"]) / 3
    expected = rolling_sum(typical * rows["volume"]) / rolling_sum(rows["volume"])
    assert_agree(actual, expected)


def windows(values: Floats, size: int = WINDOW) -> NDArray[np.float64]:
    return np.lib.stride_tricks.sliding_window_view(values, size)


def padded(values: Floats, length: int) -> Floats:
    return np.concatenate([np.full(length - len(values), math.nan), values])


def rolling_sum(values: Floats) -> Floats:
    return padded(windows(values).sum(axis=1), len(values))


def rolling_mean(values: Floats) -> Floats:
    return padded(windows(values).mean(axis=1), len(values))


def rolling_variance(values: Floats) -> Floats:
    return padded(windows(values).var(axis=1, ddof=1), len(values))


def volatility(rows: dict[str, Floats], estimator: str) -> Floats:
    """Return the annualized estimate by the closed formulas, null until `WINDOW` terms exist."""
    o, h, low, c = (np.log(rows[name]) for name in ("open", "high", "low", "close"))
    returns = np.diff(c)
    n = len(c)
    match estimator:
        case "close":
            daily = padded(rolling_variance(returns), n)
        case "ewma":
            squares = returns**2
            state = squares[0]
            variances = [state]
            for square in squares[1:]:
                state = 0.94 * state + 0.06 * square
                variances.append(state)
            daily = padded(np.array(variances), n)
            daily[:WINDOW] = math.nan
        case "parkinson":
            daily = rolling_mean((h - low) ** 2) / (4 * math.log(2))
        case "garman_klass":
            daily = rolling_mean(0.5 * (h - low) ** 2 - (2 * math.log(2) - 1) * (c - o) ** 2)
        case "rogers_satchell":
            daily = rolling_mean((h - c) * (h - o) + (low - c) * (low - o))
        case _:
            k = 0.34 / (1.34 + (WINDOW + 1) / (WINDOW - 1))
            overnight = padded(rolling_variance(o[1:] - c[:-1]), n)
            rs = rolling_mean((h - c) * (h - o) + (low - c) * (low - o))
            daily = overnight + k * rolling_variance(c - o) + (1 - k) * rs
    return np.sqrt(252 * daily)


@pytest.mark.parametrize("symbol", PRICED)
@pytest.mark.parametrize("estimator", ["close", "ewma", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"])
def test_volatilities_agree_with_the_closed_formulas(platform: Platform, symbol: str, estimator: str) -> None:
    path = f"/v1/analytics/{symbol}/volatility"
    actual = served(platform, path, "volatility", estimator=estimator, window=WINDOW)
    assert_agree(actual, volatility(file_rows(symbol), estimator))


@pytest.mark.parametrize("symbol", PRICED)
def test_daily_ranges_are_the_adjusted_highs_and_lows(platform: Platform, symbol: str) -> None:
    rows = file_rows(symbol)
    path = f"/v1/analytics/{symbol}/daily-range"
    assert_agree(served(platform, path, "high"), rows["high"])
    assert_agree(served(platform, path, "low"), rows["low"])


@pytest.mark.parametrize("symbol", PRICED)
def test_raw_history_multiplies_the_splits_back(platform: Platform, symbol: str) -> None:
    rows = file_rows(symbol)
    ratios = np.where(rows["stock_splits"] == 0, 1.0, rows["stock_splits"])
    later_splits = np.concatenate([np.cumprod(ratios[::-1])[::-1][1:], [1.0]])
    path = f"/v1/prices/{symbol}/history"
    for name in ("open", "high", "low", "close"):
        raw = served(platform, path, name, interval="1d", adjusted="false")
        assert_agree(raw, rows[name] * later_splits)
    volume = served(platform, path, "volume", interval="1d", adjusted="false")
    np.testing.assert_allclose(volume, rows["volume"] / later_splits, rtol=1e-9)


def test_minutes_are_labelled_by_their_start(platform: Platform) -> None:
    answer = platform.get(
        "/v1/prices/AAPL/history", **{"interval": "1m", "from": "2020-10-26T08:00:00Z", "to": "2020-10-26T08:02:00Z"}
    )
    records = answer.json()["data"]
    assert [record["timestamp"] for record in records] == ["2020-10-26T08:00:00Z", "2020-10-26T08:01:00Z"]
    assert records[0]["close"] == pytest.approx(113.3043, rel=1e-12)


def test_loading_twice_changes_nothing(platform: Platform, tmp_path: Path) -> None:
    def snapshot() -> list[str]:
        answers = [platform.get("/v1/market/summary").json()["data"]]
        answers.append(platform.get("/v1/prices/NVDA/history", **PERIOD, interval="1d").json()["data"])
        count = "IntradayBars | count"
        printed = tickhouse("query", count, "--data", str(platform.data), "--format", "csv")
        assert printed.returncode == 0, printed.stderr
        return [*map(repr, answers), printed.stdout]

    before = snapshot()
    for file, kind, adjustment in ((DAILY, "daily", "split"), (INTRADAY, "intraday", "raw")):
        arguments = ("load", str(file), "--as", kind, "--adjustment", adjustment, "--data", str(platform.data))
        again = tickhouse(*arguments)
        assert again.returncode == 0, again.stderr
    assert snapshot() == before
