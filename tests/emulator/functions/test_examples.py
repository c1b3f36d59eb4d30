"""Every row of the catalogue shows an example; here they run on the engine."""

import pytest

from emulator.functions.catalogue import CATALOGUE
from tests.emulator.functions.printed import printed

ROWS = [*CATALOGUE.functions.values(), *CATALOGUE.aggregates.values(), *CATALOGUE.windows.values()]
EXAMPLES = [pytest.param(*row.example, id=row.name) for row in ROWS if row.example is not None]


@pytest.mark.parametrize(("kql", "expected"), EXAMPLES)
def test_an_example_prints_what_its_row_says(kql: str, expected: str) -> None:
    assert printed(kql) == expected


def test_every_row_has_a_description_and_an_example() -> None:
    assert [row.name for row in ROWS if row.example is None] == []
    assert [row.name for row in ROWS if not row.description.endswith(".")] == []
