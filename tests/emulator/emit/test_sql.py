"""The case files under tests/cases/sql: queries over two tables of prices, and the SQL that they become.

Rows do not tell whether a row set is made twice, an order is kept that nobody asked for, or a column is made that
nobody reads.
"""

import textwrap

import pytest

from tests.casefiles import Case, cases_in, outcome
from tests.conftest import CheckCase
from tests.emulator.prices import Prices

LIMITED = " LIMIT CAST($limit AS BIGINT)"


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


@pytest.mark.parametrize("case", cases_in("sql"), ids=str)
def test_case(case: Case, check_case: CheckCase, prices: Prices) -> None:
    check_case(case, outcome(lambda: statements(prices, case.step.text)))


def statements(prices: Prices, text: str) -> str:
    """Return a statement for each result, in lines."""
    found = [each.statement.sql.removesuffix(LIMITED) for each in prices.compiled(text).results]
    wrap = textwrap.TextWrapper(118, break_long_words=False, break_on_hyphens=False).wrap
    return "\n".join(line for sql in found for line in wrap(sql))
