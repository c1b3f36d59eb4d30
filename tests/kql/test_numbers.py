"""The figures against TA-Lib, or the closed formula where it has none; relative difference at most 1e-9."""

from datetime import datetime

import numpy as np
import pytest
import talib

from tests.companies import PRICED
from tests.kql.market import FloatArray, Market, Prices

WINDOW = 20
Filled = tuple[Market, dict[str, Prices]]


def assert_equal(found: FloatArray, expected: FloatArray) -> None:
    """Compare with nulls in the same places."""
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0, equal_nan=True)


def rolling(values: FloatArray, window: int = WINDOW) -> FloatArray:
    """Return the windows that end at each value from the first full one on."""
    return np.lib.stride_tricks.sliding_window_view(values, window)


def warmed_up(values: FloatArray, length: int) -> FloatArray:
    """Put nulls in front up to a length."""
    return np.concatenate([np.full(length - len(values), np.nan), values])


def vwap(each: Prices) -> FloatArray:
    typical = (each.high + each.low + each.close) / 3
    weighted = rolling(typical * each.volume).sum(axis=1) / rolling(each.volume).sum(axis=1)
    return warmed_up(weighted, len(each.close))


AVERAGES = {
    "sma": lambda each: talib.SMA(each.close, WINDOW),
    "ema": lambda each: talib.EMA(each.close, WINDOW),
    "wma": lambda each: talib.WMA(each.close, WINDOW),
    "vwap": vwap,
}


@pytest.mark.parametrize("symbol", PRICED)
@pytest.mark.parametrize("method", AVERAGES)
def test_rolling_averages(filled: Filled, symbol: str, method: str) -> None:
    market, prices = filled
    found = market.column("RollingAverage_v1", "Average", symbol=symbol, method=method, window=WINDOW)
    assert_equal(found, AVERAGES[method](prices[symbol]))


@pytest.mark.parametrize("method", AVERAGES)
@pytest.mark.parametrize("window", [1, 2, 50, 250])
def test_rolling_averages_of_other_windows(filled: Filled, method: str, window: int) -> None:
    market, prices = filled
    each = prices["NVDA"]
    found = market.column("RollingAverage_v1", "Average", symbol="NVDA", method=method, window=window)
    expected = {
        "sma": lambda: warmed_up(rolling(each.close, window).mean(axis=1), len(each.close)),
        "ema": lambda: talib.EMA(each.close, window) if window > 1 else each.close,
        "wma": lambda: talib.WMA(each.close, window) if window > 1 else each.close,
        "vwap": lambda: warmed_up(
            rolling((each.high + each.low + each.close) / 3 * each.volume, window).sum(axis=1)
            / rolling(each.volume, window).sum(axis=1),
            len(each.close),
        ),
    }[method]()
    assert_equal(found, expected)


def ln(values: FloatArray) -> FloatArray:
    logarithms: FloatArray = np.log(values)
    return logarithms


def annualized(variance: FloatArray) -> FloatArray:
    volatility: FloatArray = np.sqrt(252 * variance)
    return volatility


def returns(each: Prices) -> FloatArray:
    return ln(each.close[1:] / each.close[:-1])


def close_to_close(each: Prices) -> FloatArray:
    return annualized(rolling(returns(each)).var(axis=1, ddof=1))


def ewma(each: Prices) -> FloatArray:
    squares = returns(each) ** 2
    variance = [squares[0]]
    for square in squares[1:]:
        variance.append(0.94 * variance[-1] + 0.06 * square)
    return annualized(np.array(variance[WINDOW - 1 :]))


def parkinson(each: Prices) -> FloatArray:
    return annualized(rolling(ln(each.high / each.low) ** 2).mean(axis=1) / (4 * np.log(2)))


def garman_klass(each: Prices) -> FloatArray:
    terms = 0.5 * ln(each.high / each.low) ** 2 - (2 * np.log(2) - 1) * ln(each.close / each.open) ** 2
    return annualized(rolling(terms).mean(axis=1))


def drift_free(each: Prices) -> FloatArray:
    high, low = ln(each.high / each.close), ln(each.low / each.close)
    return high * ln(each.high / each.open) + low * ln(each.low / each.open)


def rogers_satchell(each: Prices) -> FloatArray:
    return annualized(rolling(drift_free(each)).mean(axis=1))


def yang_zhang(each: Prices) -> FloatArray:
    weight = 0.34 / (1.34 + (WINDOW + 1) / (WINDOW - 1))
    overnight = rolling(ln(each.open[1:] / each.close[:-1])).var(axis=1, ddof=1)
    daytime = rolling(ln(each.close[1:] / each.open[1:])).var(axis=1, ddof=1)
    return annualized(overnight + weight * daytime + (1 - weight) * rolling(drift_free(each)[1:]).mean(axis=1))


ESTIMATORS = {
    "close": close_to_close,
    "ewma": ewma,
    "parkinson": parkinson,
    "garman_klass": garman_klass,
    "rogers_satchell": rogers_satchell,
    "yang_zhang": yang_zhang,
}


@pytest.mark.slow
@pytest.mark.parametrize("symbol", PRICED)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_volatilities(filled: Filled, symbol: str, estimator: str) -> None:
    market, prices = filled
    found = market.column("Volatility_v1", "Volatility", symbol=symbol, estimator=estimator, window=WINDOW)
    assert_equal(found, warmed_up(ESTIMATORS[estimator](prices[symbol]), len(found)))


@pytest.mark.parametrize("symbol", PRICED)
def test_daily_ranges(filled: Filled, symbol: str) -> None:
    market, prices = filled
    each = prices[symbol]
    found = market.call("DailyRange_v1", symbol=symbol).arrow
    expected = {
        "Open": each.open,
        "High": each.high,
        "Low": each.low,
        "Close": each.close,
        "YearHigh": talib.MAX(each.high, 252),
        "YearLow": talib.MIN(each.low, 252),
        "RangePercent": warmed_up(100 * (each.high[1:] - each.low[1:]) / each.close[:-1], len(each.close)),
    }
    for name, values in expected.items():
        assert_equal(found[name].to_numpy(), values)
    # The range is the difference of two prices, each exact to 1e-9 of itself.
    np.testing.assert_allclose(found["Range"].to_numpy(), each.high - each.low, rtol=0, atol=1e-9 * each.high.max())


@pytest.mark.slow
@pytest.mark.parametrize("symbol", PRICED)
def test_volume_analytics(filled: Filled, symbol: str) -> None:
    market, prices = filled
    each = prices[symbol]
    found = market.call("VolumeAnalytics_v1", symbol=symbol, window=WINDOW).arrow
    average = talib.SMA(each.volume, WINDOW)
    assert_equal(found["Volume"].to_numpy(), each.volume)
    assert_equal(found["AverageVolume"].to_numpy(), average)
    assert_equal(found["RelativeVolume"].to_numpy(), each.volume / average)
    np.testing.assert_allclose(
        found["Obv"].to_numpy(), talib.OBV(each.close, each.volume), rtol=0, atol=1e-9 * each.volume.sum()
    )


@pytest.mark.parametrize("symbol", PRICED)
def test_history_raw_and_adjusted(filled: Filled, symbol: str) -> None:
    market, prices = filled
    each = prices[symbol]
    for adjusted, factor in ((True, np.ones_like(each.factor)), (False, each.factor)):
        found = market.call("PriceHistory_v1", symbol=symbol, adjusted=adjusted).arrow
        assert found["Timestamp"].to_pylist() == each.timestamps
        for column in ("open", "high", "low", "close"):
            assert_equal(found[column.title()].to_numpy(), getattr(each, column) * factor)
        assert_equal(found["Volume"].to_numpy(), each.volume / factor)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "column", "options"),
    [
        *(("RollingAverage_v1", "Average", {"method": method}) for method in AVERAGES),
        *(("Volatility_v1", "Volatility", {"estimator": estimator}) for estimator in ESTIMATORS),
        ("DailyRange_v1", "YearHigh", {}),
        ("VolumeAnalytics_v1", "Obv", {}),
        ("VolumeAnalytics_v1", "AverageVolume", {}),
    ],
)
def test_warm_up_is_taken_from_before_the_range(
    filled: Filled, function: str, column: str, options: dict[str, str]
) -> None:
    market, prices = filled
    start, end = datetime(2022, 6, 1), datetime(2022, 7, 1)  # noqa: DTZ001 - naive UTC, as everywhere in Arrow
    inside = [start <= timestamp < end for timestamp in prices["AAPL"].timestamps]
    everything = market.column(function, column, symbol="AAPL", **options)
    found = market.column(function, column, symbol="AAPL", startTime=start, endTime=end, **options)
    assert len(found) == 21
    assert_equal(found, everything[inside])


def test_what_came_later_is_unknown(filled: Filled) -> None:
    market, prices = filled
    each = prices["NVDA"]
    before_split = datetime(2021, 7, 16, 22)  # noqa: DTZ001 - naive UTC, as everywhere in Arrow
    found = market.call("PriceHistory_v1", symbol="NVDA", asOf=before_split).arrow
    rows = found.num_rows
    assert found["Timestamp"][-1].as_py() == datetime(2021, 7, 16)  # noqa: DTZ001 - naive UTC
    assert_equal(found["Close"].to_numpy(), (each.close * each.factor)[:rows])
