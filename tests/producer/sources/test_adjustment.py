"""Factors between split-adjusted and quoted prices."""

from datetime import date

import pytest

from producer.model import CorporateAction
from producer.sources.adjustment import split_steps
from tests.producer.clock import START


def split(day: str, ratio: float) -> CorporateAction:
    return CorporateAction("AAPL", date.fromisoformat(day), "split", ratio, "test", START)


def test_every_later_split_counts() -> None:
    steps = split_steps([split("2014-06-09", 7.0), split("2020-08-31", 4.0)])["AAPL"]
    assert [
        steps.factor(date.fromisoformat(day)) for day in ("2014-06-06", "2014-06-09", "2020-08-28", "2020-08-31")
    ] == [
        28.0,
        4.0,
        4.0,
        1.0,
    ]


def test_a_split_stated_twice_counts_once() -> None:
    steps = split_steps([split("2020-08-31", 4.0), split("2020-08-31", 4.0)])["AAPL"]
    assert steps.factor(date(2020, 1, 1)) == 4.0


def test_ratios_that_are_no_binary_fractions_multiply_exactly() -> None:
    steps = split_steps([split("2020-01-01", 4 / 3), split("2021-01-01", 3.0)])["AAPL"]
    assert steps.factor(date(2019, 1, 1)) == 4.0


@pytest.mark.parametrize("ratio", [0.1, 0.05])
def test_reverse_splits_make_old_prices_smaller(ratio: float) -> None:
    assert split_steps([split("2020-01-01", ratio)])["AAPL"].factor(date(2019, 1, 1)) == ratio


def test_dividends_do_not_count() -> None:
    assert split_steps([CorporateAction("AAPL", date(2020, 1, 1), "dividend", 0.2, "test", START)]) == {}
