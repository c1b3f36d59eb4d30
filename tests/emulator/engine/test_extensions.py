"""Many `extend` and `where` in a row answer as each after the other."""

from collections.abc import Iterator

import pytest

from emulator.binder.bind import bind_query
from emulator.binder.entities import NoEntities
from emulator.binder.plan import Filter, Plan, Project, Values
from emulator.engine.eventhouse import Eventhouse
from emulator.errors import SemanticFault
from emulator.optimize.walk import nodes
from emulator.syntax.parser import parse_query

ROWS = "datatable(A: long, S: string) [3, 'x', 1, 'y', 2, '']"
FILLING = "".join(f"| extend F{number} = {number}" for number in range(40))
DROPPED = "| project-away F*"

# What follows 40 other columns, and the same where nothing is taken together.
RUNS = {
    "read": "extend B = A + 1 | extend C = B * B | extend A = C - B | extend D = A",
    "exchanged": "extend A = A + 1, B = A | extend A = B, B = A",
    "filtered": "extend B = A * 2 | where B > 2 | extend B = B - 6 | where B < 0 | extend C = B",
    "empty": "where isempty(S) | extend S = strcat(S, A) | where S == '2'",
    "named": "extend A + 1 | extend A + 1 | extend A + Column1 | extend bin(A, 2) | extend strlen(S)",
    "lists": "extend L = dynamic([1, 2]) | extend M = L[0] | extend N = pack_array(A, M) | extend O = N[0]",
    "types": "extend S = A | extend S = tostring(S) | extend S = strcat(S, S) | where S != '11'",
    "nulls": "extend N = long(null) | extend M = N + A | where isnull(M) | extend N = coalesce(M, A)",
    "subquery": f"where A in (({ROWS} | where A > 1 | project A)) | extend T = toscalar(print 7) | extend U = T + A",
}
SORTED = {
    "windows": "extend R = row_number() | extend P = prev(A) | extend Q = P + R | where R > 1 | extend P = prev(A)",
    "sum": "extend B = A * 2 | extend C = row_cumsum(B) | extend D = C - B | where D > 0 | extend E = next(D)",
}


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    yield opened
    opened.close()


def apart(text: str) -> str:
    """Return operators none of which stand beside each other: `limit` between them keeps all rows."""
    return text.replace(" | ", " | limit 100 | ")


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_a_run_answers_as_its_operators_one_by_one(eventhouse: Eventhouse, run: str) -> None:
    (found,) = eventhouse.query(f"{ROWS} {FILLING} | {RUNS[run]} {DROPPED}")
    (expected,) = eventhouse.query(f"{ROWS} | {apart(RUNS[run])}")
    assert found.schema == expected.schema
    assert sorted(map(repr, found.rows())) == sorted(map(repr, expected.rows()))


@pytest.mark.slow
@pytest.mark.parametrize("run", SORTED)
def test_it_may_read_rows_in_their_order(eventhouse: Eventhouse, run: str) -> None:
    (found,) = eventhouse.query(f"{ROWS} | sort by A asc {FILLING} | {SORTED[run]} {DROPPED}")
    (expected,) = eventhouse.query(f"{ROWS} | sort by A asc | {apart(SORTED[run])}")
    assert found.schema == expected.schema
    assert list(found.rows()) == list(expected.rows())


@pytest.mark.slow
def test_what_differs_each_time_is_one_value_for_all_that_read_it(eventhouse: Eventhouse) -> None:
    text = f"{ROWS} {FILLING} | extend R = rand() | extend G = new_guid() | extend B = R - R, C = G == G, D = R"
    assert list(eventhouse.query(f"{text} | project B, C, E = D == R")[0].rows()) == [(0.0, True, True)] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extend B = 1 | extend C = D", "D"),
        ("extend B = 1, B = 2", "B"),
        ("extend B = 1 | where B", "bool"),
    ],
)
def test_faults_are_those_of_each_operator(text: str, message: str) -> None:
    faults = []
    for filling in ("", FILLING):
        source = f"{ROWS} {filling} | {text}"
        with pytest.raises(SemanticFault, match=message) as raised:
            bind_query(parse_query(source), NoEntities())
        fault = raised.value
        faults.append((fault.code, fault.message, source[fault.span.start : fault.span.end]))
    assert faults[0] == faults[1]


def bound(text: str) -> list[Plan]:
    (plan,) = bind_query(parse_query(text), NoEntities()).results
    return list(nodes(plan))


def test_columns_that_read_no_other_are_one_projection() -> None:
    steps = "".join(f"| extend B{number} = A + {number} | where A > -{number}" for number in range(100))
    assert [type(each) for each in bound(f"{ROWS} {steps}")] == [Values, *[Filter] * 100, Project]


def test_columns_that_read_others_are_a_few_projections() -> None:
    steps = "".join(f"| extend B{number + 1} = B{number} + 1" for number in range(200))
    found = [each for each in bound(f"{ROWS} | extend B0 = A {steps}") if isinstance(each, Project)]
    # Each takes as many as copy no more than its columns cost; one for each would be 200.
    assert len(found) == 16


def test_few_stay_as_they_are() -> None:
    found = bound(f"{ROWS} {'| extend B = A ' * 31}")
    assert [type(each) for each in found] == [Values, *[Project] * 31]
