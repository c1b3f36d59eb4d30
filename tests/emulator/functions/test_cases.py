"""The case files under tests/cases/functions: expressions, and what `print` of them prints or how it is refused.

A text of aggregates.txt is a whole query.
"""

import pytest
from _pytest.mark import ParameterSet

from tests.casefiles import Case, cases_in, outcome
from tests.conftest import CheckCase
from tests.emulator.functions.printed import printed

QUERIES = "aggregates"


def kql_of(case: Case, position: int) -> str:
    text = case.steps[position].text
    return text if case.path.stem == QUERIES else f"print {text}"


STEPS = [
    pytest.param(case, position, id=f"{case}: {step.text}")
    for case in cases_in("functions")
    for position, step in enumerate(case.steps)
]


def answers() -> list[ParameterSet]:
    """Return the queries that are answered, with the answers."""
    return [
        pytest.param(kql_of(case, position), step.answer, id=f"{case}: {step.text}")
        for case in cases_in("functions")
        for position, step in enumerate(case.steps)
        if step.answer is not None
    ]


@pytest.mark.parametrize(("case", "position"), STEPS)
def test_an_expression_prints_what_its_case_says(case: Case, position: int, check_case: CheckCase) -> None:
    check_case(case, outcome(lambda: printed(kql_of(case, position))), position)
