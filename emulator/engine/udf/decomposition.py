"""Outliers and seasonal decomposition of series."""

import numpy as np

from emulator.engine.udf.filters import Reals
from emulator.engine.udf.statistics import Bag
from emulator.work import check_work

# Measured on the service: scores in units of the range between the 10th and the 90th percentile, times this.
_WIDE_RANGE = 2.7726056055079146


def outliers(series: Reals, kind: str, ignored: float | None) -> Reals | None:
    """Return how far each value lies outside the normal range; 0 inside, and for missing and ignored values."""
    missing = np.isnan(series) if ignored is None else np.isnan(series) | (series == ignored)
    values = series[~missing]
    scores = np.zeros(len(series))
    if len(values) == 0:
        return scores
    low, high = np.percentile(values, (25, 75) if kind == "tukey" else (10, 90))
    width = high - low if kind == "tukey" else (high - low) / _WIDE_RANGE
    if width == 0:
        return scores
    scores[~missing] = np.where(
        values > high, (values - high) / width, np.where(values < low, (values - low) / width, 0.0)
    )
    return scores


def decompose(series: Reals, period: int, trend: str, test_points: int) -> Bag | None:
    """Return baseline, seasonal, trend and residual; the last points are kept out of what is learned.

    Seasonal is the median of the values in one phase, the trend is that of the rest: its mean, its line or nothing.
    """
    learned = len(series) - test_points
    if learned < max(1, period) or np.isnan(series[:learned]).any():
        return None
    positions = np.arange(len(series))
    seasonal = np.zeros(len(series))
    if period > 0:
        phases = np.array([_median(series[phase:learned:period]) for phase in range(period)])
        seasonal = phases[positions % period]
    rest = (series - seasonal)[:learned]
    match trend:
        case "avg":
            trending = np.full(len(series), rest.mean())
        case "linefit":
            slope, interception = np.polyfit(positions[:learned], rest, 1) if learned > 1 else (0.0, rest.mean())
            trending = slope * positions + interception
        case _:
            trending = np.zeros(len(series))
    baseline = seasonal + trending
    return {"baseline": baseline, "seasonal": seasonal, "trend": trending, "residual": series - baseline}


def forecast(series: Reals, test_points: int, period: int, trend: str) -> Reals | None:
    """Return the baseline learned without the last points."""
    parts = decompose(series, period, trend, test_points)
    baseline = None if parts is None else parts["baseline"]
    return baseline if isinstance(baseline, np.ndarray) else None


def anomalies(series: Reals, threshold: float, period: int, trend: str, test_points: int, method: str) -> Bag | None:
    """Return flags (1, -1, 0), the outlier scores of the residuals, and the baseline."""
    parts = decompose(series, period, trend, test_points)
    residual = None if parts is None else parts["residual"]
    if parts is None or not isinstance(residual, np.ndarray):
        return None
    scores = outliers(residual, method, None)
    if scores is None:
        return None
    flags = np.where(scores > threshold, 1.0, np.where(scores < -threshold, -1.0, 0.0))
    return {"ad_flag": flags, "ad_score": scores, "baseline": parts["baseline"]}


def _median(values: Reals) -> np.float64:
    check_work()
    return np.float64(np.median(values))
