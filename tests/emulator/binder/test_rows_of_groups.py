"""The row that an aggregate picks: each of its columns is a call of its own, which a wide table does not square."""

import pytest

from emulator.binder.bind import bind_query
from emulator.binder.entities import NoEntities
from emulator.binder.plan import Aggregate, Plan
from emulator.optimize.walk import nodes
from emulator.syntax.parser import parse_query
from tests.emulator.functions.printed import printed

WIDE = 200
TABLE = f"datatable({', '.join(f'c{n}: long' for n in range(WIDE))})[{', '.join(map(str, range(2 * WIDE)))}]"


def arguments(plan: Plan) -> list[int]:
    """Return how many arguments each aggregate call of a plan has."""
    aggregates = [each for node in nodes(plan) if isinstance(node, Aggregate) for each in node.aggregates]
    return [len(each.arguments) for each in aggregates]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "row", "fewest"), [("take_any(*)", 0, 1), ("arg_max(c0, *)", 1, 1), ("arg_min(c0, *)", 0, 1)]
)
def test_a_column_of_a_row_has_its_own_arguments(call: str, row: int, fewest: int) -> None:
    query = f"{TABLE} | summarize {call}"
    (plan,) = bind_query(parse_query(query), NoEntities()).results
    assert arguments(plan) == [fewest, *[2] * (WIDE - 1)]
    assert printed(query) == ",".join(str(row * WIDE + n) for n in range(WIDE))


def test_a_view_has_the_whole_row() -> None:
    (plan,) = bind_query(parse_query(f"{TABLE} | summarize take_any(*)"), NoEntities(), keeps_rows=True).results
    assert arguments(plan) == [WIDE] * WIDE
