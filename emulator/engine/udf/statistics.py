"""Statistics of series. Positions count from 0 in extremes and from 1 in fits, as on the service."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from emulator.engine.udf.filters import Reals
from emulator.engine.udf.limits import ValueTooLarge

# Of all values together: 128 MB, and the solver, which nothing ends, works on a copy.
_MOST_POWERS = 16 * 1024 * 1024

Bag = dict[str, object]
Complexes = npt.NDArray[np.complex128]


def stats(series: Reals, ignore_nonfinite: bool) -> Bag | None:
    """Return extremes, mean, spread, sum and length; None where values are missing or infinite and not ignored."""
    finite = np.isfinite(series)
    if not finite.all():
        if not ignore_nonfinite:
            return None
        positions = np.flatnonzero(finite)
    else:
        positions = np.arange(len(series))
    if len(positions) == 0:
        return None
    values = series[positions]
    lowest, highest = int(values.argmin()), int(values.argmax())
    spread = float(values.var(ddof=1)) if len(values) > 1 else 0.0
    return {
        "min": float(values[lowest]),
        "min_idx": int(positions[lowest]),
        "max": float(values[highest]),
        "max_idx": int(positions[highest]),
        "avg": float(values.mean()),
        "stdev": float(np.sqrt(spread)),
        "variance": spread,
        "sum": float(values.sum()),
        "len": len(values),
    }


def fit_line(series: Reals) -> Bag | None:
    """Return the line of least squares; None for fewer than two values or missing ones."""
    if len(series) < 2 or not np.isfinite(series).all():
        return None
    x = np.arange(1.0, len(series) + 1)
    centered = x - x.mean()
    slope = float(centered @ (series - series.mean()) / (centered @ centered))
    interception = float(series.mean() - slope * x.mean())
    fitted = slope * x + interception
    variance = float(series.var(ddof=1))
    residual = float(((series - fitted) ** 2).sum() / (len(series) - 1))
    return {
        "rsquare": 1.0 - residual / variance if variance else 0.0,
        "slope": slope,
        "variance": variance,
        "rvariance": residual,
        "interception": interception,
        "line_fit": fitted.tolist(),
    }


def fit_polynomial(series: Reals, x: Reals | None, degree: int) -> Bag | None:
    """Return the polynomial of least squares, over positions from 1 without x; coefficients from the highest power."""
    positions = np.arange(1.0, len(series) + 1) if x is None else x
    usable = len(positions) == len(series) > degree >= 1
    if not usable or not np.isfinite(series).all() or not np.isfinite(positions).all():
        return None
    if len(series) * (degree + 1) > _MOST_POWERS:
        raise ValueTooLarge(f"a polynomial is fitted to more than {_MOST_POWERS:,} powers of positions")
    coefficients = np.polyfit(positions, series, degree)
    fitted = np.polyval(coefficients, positions)
    variance = float(series.var(ddof=1))
    residual = float(((series - fitted) ** 2).sum() / (len(series) - 1))
    return {
        "rsquare": 1.0 - residual / variance if variance else 0.0,
        "coefficients": coefficients,
        "variance": variance,
        "rvariance": residual,
        "poly_fit": fitted,
    }


def transform(real: Reals, imaginary: Reals | None) -> Bag | None:
    """Return the Fourier transform of complex numbers."""
    return _complex_bag(real, imaginary, np.fft.fft)


def transform_back(real: Reals, imaginary: Reals | None) -> Bag | None:
    """Return the numbers whose Fourier transform is given."""
    return _complex_bag(real, imaginary, np.fft.ifft)


def _complex_bag(real: Reals, imaginary: Reals | None, change: Callable[[Complexes], Complexes]) -> Bag | None:
    if len(real) == 0 or (imaginary is not None and len(imaginary) != len(real)):
        return None
    changed = change(real + 1j * (np.zeros(len(real)) if imaginary is None else imaginary))
    return {"real": changed.real, "imaginary": changed.imag}


def fill_linear(series: Reals, missing: float | None, fill_edges: bool, constant: float) -> Reals:
    """Return the series with missing values on the line between their neighbors, at the ends the nearest value."""
    gap = np.isnan(series) if missing is None else np.isnan(series) | (series == missing)
    known = np.flatnonzero(~gap)
    if len(known) == 0:
        return np.full(len(series), constant)
    filled = series.copy()
    inside = gap & (np.arange(len(series)) > known[0]) & (np.arange(len(series)) < known[-1])
    places = gap if fill_edges else inside
    filled[places] = np.interp(np.flatnonzero(places), known, series[known])
    return filled


def correlation(first: Reals, second: Reals) -> float | None:
    """Return Pearson's coefficient; None for series of different or too small length, or with missing values."""
    if len(first) != len(second) or len(first) < 2:
        return None
    a, b = first - first.mean(), second - second.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm else None


def cosine(first: Reals, second: Reals) -> float | None:
    """Return the cosine of the angle between two vectors; None for different lengths or a zero vector."""
    if len(first) != len(second):
        return None
    norm = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / norm if norm else None


def weighted_rank(weights: list[int | None], percent: float) -> int | None:
    """Return the position, from 1, of the first item up to which the weights make up a percentage of their sum."""
    totals = np.cumsum(np.array([weight or 0 for weight in weights], np.int64))
    if len(totals) == 0:
        return None
    wanted = percent / 100 * float(totals[-1])
    return min(int(np.searchsorted(totals, wanted)) + 1, len(totals))
