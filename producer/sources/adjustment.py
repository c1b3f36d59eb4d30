"""Splits: the factor between a split-adjusted price and the price that was quoted.

With splits of ratio r1, r2, … after a day, `raw price = adjusted price * r1 * r2 …`, and volumes and share counts the
other way round. A split counts for days before its ex-date.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from producer.model import CorporateAction


@dataclass(frozen=True, slots=True)
class SplitSteps:
    """The splits of one symbol: ascending ex-dates, and for each the product of its ratio and all later ones."""

    ex_dates: tuple[date, ...]
    factors: tuple[float, ...]

    def factor(self, day: date) -> float:
        """Return what a split-adjusted price of that day must be multiplied by."""
        return next((factor for ex_date, factor in zip(self.ex_dates, self.factors, strict=True) if day < ex_date), 1.0)


NO_SPLITS = SplitSteps((), ())


def split_steps(actions: Iterable[CorporateAction]) -> Mapping[str, SplitSteps]:
    """Collect the splits of every symbol; dividends are passed over."""
    ratios: dict[str, dict[date, Fraction]] = {}
    for action in actions:
        if action.kind == "split":
            # A binary float is a poor 4-for-3; small denominators give the ratio that was meant.
            ratios.setdefault(action.symbol, {})[action.ex_date] = Fraction(action.value).limit_denominator(1_000_000)
    steps = {}
    for symbol, by_date in ratios.items():
        factor = Fraction(1)
        reversed_steps = []
        for ex_date in sorted(by_date, reverse=True):
            factor *= by_date[ex_date]
            reversed_steps.append((ex_date, float(factor)))
        dates, factors = zip(*reversed(reversed_steps), strict=True)
        steps[symbol] = SplitSteps(dates, factors)
    return steps
