"""The case files under tests/cases/bind and tests/cases/errors."""

import pytest

from emulator.binder.bind import bind_query
from emulator.errors import KustoError
from emulator.syntax.parser import parse_query
from tests.emulator.binder.cases import Case, read_cases
from tests.emulator.binder.database import SampleDatabase

CASES = read_cases("bind") + read_cases("errors")


def test_there_are_cases() -> None:
    assert len(CASES) > 100


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case) -> None:
    faults = [line[2:] for line in case.expected if line.startswith("! ")]
    if not faults:
        assert schemas(case.query) == case.expected
        return
    with pytest.raises(KustoError) as caught:
        schemas(case.query)
    for expected in faults:
        assert expected in str(caught.value)


def schemas(query: str) -> tuple[str, ...]:
    bound = bind_query(parse_query(query), SampleDatabase())
    return tuple(plan.schema.csl() for plan in bound.results)
