"""Statistics, filters and decompositions of series, on numbers that a reader can work out."""

from math import inf, nan, sqrt

import numpy as np
import pytest

from emulator.engine.udf import decomposition, filters, statistics
from emulator.engine.udf.filters import Reals


def reals(*values: float) -> Reals:
    return np.array(values, np.float64)


def numbers(found: object) -> list[float] | None:
    """Return a series as a list, without what adding doubles leaves."""
    if found is None:
        return None
    assert isinstance(found, np.ndarray)
    return [round(value, 9) + 0.0 for value in found.tolist()]


def bag(found: statistics.Bag | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        name: numbers(np.asarray(value)) if isinstance(value, np.ndarray | list) else round(float(str(value)), 9)
        for name, value in found.items()
    }


def test_statistics_of_a_series() -> None:
    assert statistics.stats(reals(3, 1, 4, 1, 4, 5), False) == {
        "min": 1.0, "min_idx": 1, "max": 5.0, "max_idx": 5, "avg": 3.0, "stdev": sqrt(2.8), "variance": 2.8,
        "sum": 18.0, "len": 6,
    }  # fmt: skip
    assert statistics.stats(reals(7), False) == {
        "min": 7.0, "min_idx": 0, "max": 7.0, "max_idx": 0, "avg": 7.0, "stdev": 0.0, "variance": 0.0, "sum": 7.0,
        "len": 1,
    }  # fmt: skip
    assert statistics.stats(reals(inf, 5, nan, 3), True) == {
        "min": 3.0, "min_idx": 3, "max": 5.0, "max_idx": 1, "avg": 4.0, "stdev": sqrt(2.0), "variance": 2.0,
        "sum": 8.0, "len": 2,
    }  # fmt: skip
    assert statistics.stats(reals(5, nan), False) is None
    assert statistics.stats(reals(), False) is None
    assert statistics.stats(reals(nan), True) is None


def test_a_line() -> None:
    assert bag(statistics.fit_line(reals(3, 5, 7))) == {
        "rsquare": 1.0, "slope": 2.0, "variance": 4.0, "rvariance": 0.0, "interception": 1.0,
        "line_fit": [3.0, 5.0, 7.0],
    }  # fmt: skip
    assert bag(statistics.fit_line(reals(0, 3, 0))) == {
        "rsquare": 0.0, "slope": 0.0, "variance": 3.0, "rvariance": 3.0, "interception": 1.0,
        "line_fit": [1.0, 1.0, 1.0],
    }  # fmt: skip
    assert bag(statistics.fit_line(reals(4, 4))) == {
        "rsquare": 0.0, "slope": 0.0, "variance": 0.0, "rvariance": 0.0, "interception": 4.0, "line_fit": [4.0, 4.0],
    }  # fmt: skip
    assert statistics.fit_line(reals(4)) is None
    assert statistics.fit_line(reals(4, nan)) is None


def test_a_polynomial() -> None:
    assert bag(statistics.fit_polynomial(reals(1, 4, 9, 16), None, 2)) == {
        "rsquare": 1.0, "coefficients": [1.0, 0.0, 0.0], "variance": 43.0, "rvariance": 0.0,
        "poly_fit": [1.0, 4.0, 9.0, 16.0],
    }  # fmt: skip
    assert bag(statistics.fit_polynomial(reals(0, 3, 0), reals(10, 20, 30), 1)) == {
        "rsquare": 0.0, "coefficients": [0.0, 1.0], "variance": 3.0, "rvariance": 3.0, "poly_fit": [1.0, 1.0, 1.0],
    }  # fmt: skip
    assert bag(statistics.fit_polynomial(reals(2, 2), None, 1)) == {
        "rsquare": 0.0, "coefficients": [0.0, 2.0], "variance": 0.0, "rvariance": 0.0, "poly_fit": [2.0, 2.0],
    }  # fmt: skip
    for series, x, degree in (
        (reals(1, 2), None, 2),
        (reals(1, 2), None, 0),
        (reals(1, 2), reals(1), 1),
        (reals(1, nan), None, 1),
        (reals(1, 2), reals(1, inf), 1),
    ):
        assert statistics.fit_polynomial(series, x, degree) is None


def test_the_transform_and_its_inverse() -> None:
    assert bag(statistics.transform(reals(1, 0, 0, 1), None)) == {
        "real": [2.0, 1.0, 0.0, 1.0], "imaginary": [0.0, 1.0, 0.0, -1.0],
    }  # fmt: skip
    assert bag(statistics.transform_back(reals(2, 1, 0, 1), reals(0, 1, 0, -1))) == {
        "real": [1.0, 0.0, 0.0, 1.0], "imaginary": [0.0, 0.0, 0.0, 0.0],
    }  # fmt: skip
    assert statistics.transform(reals(), None) is None
    assert statistics.transform(reals(1, 2), reals(1)) is None


def test_missing_values_on_a_line() -> None:
    gaps = reals(nan, 2, nan, nan, 8, nan)
    assert numbers(statistics.fill_linear(gaps, None, True, 0)) == [2.0, 2.0, 4.0, 6.0, 8.0, 8.0]
    inside = statistics.fill_linear(gaps, None, False, 0)
    np.testing.assert_array_equal(inside, reals(nan, 2, 4, 6, 8, nan))
    assert numbers(statistics.fill_linear(reals(0, 2, nan, 0, 8), 0.0, True, 0)) == [2.0, 2.0, 4.0, 6.0, 8.0]
    assert numbers(statistics.fill_linear(reals(nan, nan), None, True, 5)) == [5.0, 5.0]


def test_how_alike_two_series_are() -> None:
    assert statistics.correlation(reals(1, 2, 3), reals(2, 4, 6)) == pytest.approx(1.0)
    assert statistics.correlation(reals(1, 2), reals(2, 1)) == pytest.approx(-1.0)
    assert statistics.correlation(reals(1, 2, 3), reals(3, 1, 3)) == pytest.approx(0.0)
    assert statistics.correlation(reals(1, 2), reals(5, 5)) is None
    assert statistics.correlation(reals(1), reals(1)) is None
    assert statistics.correlation(reals(1, 2), reals(1, 2, 3)) is None
    assert statistics.cosine(reals(3, 4), reals(4, 3)) == pytest.approx(0.96)
    assert statistics.cosine(reals(3, 4), reals(0, 0)) is None
    assert statistics.cosine(reals(3, 4), reals(3)) is None


@pytest.mark.parametrize(
    ("weights", "percent", "rank"),
    [
        ([1, 1, 2], 0, 1),
        ([1, 1, 2], 25, 1),
        ([1, 1, 2], 26, 2),
        ([1, 1, 2], 50, 2),
        ([1, 1, 2], 51, 3),
        ([1, 1, 2], 100, 3),
        ([None, 4], 50, 2),
        ([], 50, None),
    ],
)
def test_the_place_of_a_weighted_percentile(weights: list[int | None], percent: float, rank: int | None) -> None:
    assert statistics.weighted_rank(weights, percent) == rank


@pytest.mark.parametrize(
    ("coefficients", "normalize", "center", "filtered"),
    [
        (reals(1, 1), False, False, [1.0, 3.0, 6.0, 12.0]),
        (reals(1, 1), None, False, [0.5, 1.5, 3.0, 6.0]),
        (reals(1, 1), True, False, [0.5, 1.5, 3.0, 6.0]),
        (reals(1, 0, 0), False, False, [1.0, 2.0, 4.0, 8.0]),
        (reals(1, 1, 1), False, True, [3.0, 7.0, 14.0, 12.0]),
        (reals(1, 1), False, True, [1.0, 3.0, 6.0, 12.0]),
        (reals(1, 1, 1, 1), False, True, [3.0, 7.0, 15.0, 14.0]),
        (reals(1, -1), None, False, [1.0, 1.0, 2.0, 4.0]),
        (reals(1, -1), False, False, [1.0, 1.0, 2.0, 4.0]),
        (reals(1, -1), True, False, None),
        (reals(0, 0), None, False, None),
        (reals(0, 0), False, False, [0.0, 0.0, 0.0, 0.0]),
        (reals(), None, False, None),
    ],
)
def test_weighted_sums(coefficients: Reals, normalize: bool | None, center: bool, filtered: list[float] | None) -> None:
    assert numbers(filters.fir(reals(1, 2, 4, 8), coefficients, normalize, center)) == filtered


@pytest.mark.parametrize(
    ("numerators", "denominators", "filtered"),
    [
        (reals(1), reals(1, -1), [1.0, 3.0, 7.0, 15.0]),
        (reals(1), reals(2), [0.5, 1.0, 2.0, 4.0]),
        (reals(1, 1), reals(2, 1), [0.5, 1.25, 2.375, 4.8125]),
        (reals(1), reals(1, -1, -1), [1.0, 3.0, 8.0, 19.0]),
        (reals(1), reals(0, 1), None),
        (reals(), reals(1), None),
        (reals(1), reals(), None),
    ],
)
def test_sums_with_feedback(numerators: Reals, denominators: Reals, filtered: list[float] | None) -> None:
    assert numbers(filters.iir(reals(1, 2, 4, 8), numerators, denominators)) == filtered


def test_outliers() -> None:
    series = reals(0, 1, 2, 3, 20, -20, nan)
    # The quartiles of the six are 0.25 and 2.75.
    tukey = [-0.1, 0.0, 0.0, 0.1, 6.9, -8.1, 0.0]
    assert numbers(decomposition.outliers(series, "tukey", None)) == tukey
    assert numbers(decomposition.outliers(reals(5, 5, 5), "tukey", None)) == [0.0, 0.0, 0.0]
    assert numbers(decomposition.outliers(reals(nan), "tukey", None)) == [0.0]
    assert numbers(decomposition.outliers(reals(0, 1, 2, 3, 20, -20, 99), "tukey", 99.0)) == tukey
    # The 10th and the 90th percentile of 0 to 10 are 1 and 9.
    scores = decomposition.outliers(reals(*range(11)), "ctukey", None)
    unit = round(2.7726056055079146 / 8, 9)
    assert numbers(scores) == [-unit, *[0.0] * 9, unit]


def test_decomposition() -> None:
    series = reals(1, 5, 3, 7, 5, 9)
    # The medians of the phases leave -2, -2, 0, 0, 2, 2, whose line has the slope 16 / 17.5.
    assert bag(decomposition.decompose(series, 2, "linefit", 0)) == {
        "baseline": [0.714285714, 5.628571429, 2.542857143, 7.457142857, 4.371428571, 9.285714286],
        "seasonal": [3.0, 7.0, 3.0, 7.0, 3.0, 7.0],
        "trend": [-2.285714286, -1.371428571, -0.457142857, 0.457142857, 1.371428571, 2.285714286],
        "residual": [0.285714286, -0.628571429, 0.457142857, -0.457142857, 0.628571429, -0.285714286],
    }


def test_a_forecast() -> None:
    assert numbers(decomposition.forecast(reals(1, 2, 3, 100), 1, 0, "linefit")) == [1.0, 2.0, 3.0, 4.0]
    assert numbers(decomposition.forecast(reals(1, 2, 3, 100), 1, 0, "avg")) == [2.0, 2.0, 2.0, 2.0]
    assert numbers(decomposition.forecast(reals(1, 2, 3, 100), 1, 0, "none")) == [0.0, 0.0, 0.0, 0.0]
    assert numbers(decomposition.forecast(reals(1, 5, 1, 5, 9), 1, 2, "none")) == [1.0, 5.0, 1.0, 5.0, 1.0]
    assert numbers(decomposition.forecast(reals(4, 9), 1, 0, "linefit")) == [4.0, 4.0]
    assert decomposition.forecast(reals(4, 9), 2, 0, "avg") is None
    assert decomposition.forecast(reals(4, 9, 4), 1, 3, "avg") is None
    assert numbers(decomposition.forecast(reals(4, 9, 4), 1, 2, "avg")) == [4.0, 9.0, 4.0]
    assert decomposition.forecast(reals(4, nan, 4), 1, 0, "avg") is None


def test_anomalies() -> None:
    # Deviations of the mean 3: -3 to 3 around a range of quartiles from -1.5 to 1.5.
    found = decomposition.anomalies(reals(0, 1, 2, 3, 4, 5, 6), 0.4, 0, "avg", 0, "tukey")
    assert bag(found) == {
        "ad_flag": [-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        "ad_score": [-0.5, -0.166666667, 0.0, 0.0, 0.0, 0.166666667, 0.5],
        "baseline": [3.0] * 7,
    }
    at_the_threshold = decomposition.anomalies(reals(0, 1, 2, 3, 4, 5, 6), 0.5, 0, "avg", 0, "tukey")
    assert bag(at_the_threshold) == {**(bag(found) or {}), "ad_flag": [0.0] * 7}
    assert decomposition.anomalies(reals(1, nan), 1.5, 0, "avg", 0, "tukey") is None
