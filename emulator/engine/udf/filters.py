"""Digital filters over series."""

from itertools import accumulate

import numpy as np
import numpy.typing as npt

from emulator.work import check_work

Reals = npt.NDArray[np.float64]

# A few hundredths of a second of multiplying between two looks at the clock.
_PRODUCTS = 20_000_000


def fir(series: Reals, coefficients: Reals, normalize: bool | None, center: bool) -> Reals | None:
    """Return weighted sums of each value and the ones before it; what lies outside the series counts as 0.

    The first coefficient weighs the newest value. With `center` the window lies around the value instead. Without
    a `normalize` flag the sum is divided by that of the coefficients unless one is negative; dividing then is an error,
    for which the answer is None.
    """
    has_negative = bool(np.any(coefficients < 0))
    if normalize and has_negative:
        return None
    if len(coefficients) == 0:
        return None
    filtered = _convolved(series, coefficients)
    ahead = (len(coefficients) - 1) // 2 if center else 0
    result = filtered[ahead : ahead + len(series)]
    if normalize or (normalize is None and not has_negative):
        total = coefficients.sum()
        if total == 0:
            return None
        result = result / total
    return result


def iir(series: Reals, numerators: Reals, denominators: Reals) -> Reals | None:
    """Return y with a0·y[i] = Σ b_k·x[i-k] - Σ a_k·y[i-k] for k from 1; None without a usable leading denominator."""
    if len(numerators) == 0 or len(denominators) == 0 or denominators[0] == 0:
        return None
    inputs: Reals = _convolved(series, numerators)[: len(series)] / denominators[0]
    feedback = (-denominators[1:] / denominators[0]).tolist()
    if not feedback:
        return inputs
    if len(feedback) == 1:
        factor = feedback[0]
        return np.fromiter(accumulate(inputs.tolist(), lambda before, value: value + factor * before), np.float64)
    outputs: list[float] = []
    recent = [0.0] * len(feedback)
    for value in inputs.tolist():
        check_work()
        output = value + sum(weight * before for weight, before in zip(feedback, recent, strict=True))
        outputs.append(output)
        recent = [output, *recent[:-1]]
    return np.asarray(outputs)


def _convolved(series: Reals, weights: Reals) -> Reals:
    """Return what `np.convolve` does, in parts where that would take long."""
    if len(series) * len(weights) <= _PRODUCTS:
        return np.convolve(series, weights)
    around = np.zeros(len(weights) - 1)
    padded = np.concatenate((around, series, around))
    step = max(1, _PRODUCTS // len(weights))
    parts = []
    for start in range(0, len(padded) - len(weights) + 1, step):
        check_work()
        parts.append(np.convolve(padded[start : start + step + len(weights) - 1], weights, "valid"))
    return np.concatenate(parts)
