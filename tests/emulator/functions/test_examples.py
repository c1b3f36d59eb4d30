"""Every row of the catalogue shows an example; here they run on the engine."""

import pytest

from emulator.engine.udf.registry import IMPLEMENTATIONS
from emulator.functions.aggregates.basic import PREDICATE
from emulator.functions.catalogue import CATALOGUE
from emulator.functions.function import Aggregate, Function, WindowFunction
from emulator.sql.engine_functions import ENGINE_FUNCTIONS
from tests.emulator.functions.printed import printed

ROWS: list[Function | Aggregate | WindowFunction] = [
    *CATALOGUE.functions.values(),
    *CATALOGUE.aggregates.values(),
    *CATALOGUE.windows.values(),
]
EXAMPLES = [pytest.param(*row.example, id=row.name) for row in ROWS if row.example is not None]


@pytest.mark.parametrize(("kql", "expected"), EXAMPLES)
def test_an_example_prints_what_its_row_says(kql: str, expected: str) -> None:
    assert printed(kql) == expected


def test_every_row_has_a_description_and_an_example() -> None:
    assert [row.name for row in ROWS if row.example is None] == []
    assert [row.name for row in ROWS if not row.description.endswith(".")] == []


def test_aggregates_that_take_a_predicate_say_so_and_no_others() -> None:
    taking = {
        name
        for name, row in CATALOGUE.aggregates.items()
        if any(PREDICATE in signature.parameters for signature in row.signatures)
    }
    assert {"countif", "avgif", "take_anyif"} <= taking
    assert {name for name, row in CATALOGUE.aggregates.items() if "predicate is true" in row.description} == taking


def test_every_engine_function_is_implemented_and_no_other() -> None:
    assert {function.name for function in ENGINE_FUNCTIONS} == set(IMPLEMENTATIONS)
