"""The case files under tests/cases/bind and tests/cases/errors: queries, with the schemas or the fault of binding."""

import pytest

from emulator.binder.bind import bind_query
from emulator.syntax.parser import parse_query
from tests.casefiles import Case, cases_in, outcome
from tests.conftest import CheckCase
from tests.emulator.binder.database import SampleDatabase

CASES = cases_in("bind", "errors")


def test_there_are_cases() -> None:
    assert len(CASES) > 100


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, check_case: CheckCase) -> None:
    check_case(case, outcome(lambda: schemas(case.step.text)))


def schemas(query: str) -> str:
    bound = bind_query(parse_query(query), SampleDatabase())
    return "\n".join(plan.schema.csl() for plan in bound.results)
