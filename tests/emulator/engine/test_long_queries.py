"""Long queries: chains of hundreds of terms and operators run, what is deeper is refused by its limit."""

import sys
from collections.abc import Callable, Iterator

import pytest

from emulator.context import RequestProperties
from emulator.engine.eventhouse import Eventhouse
from emulator.errors import QueryTooDeep, SemanticFault

FEW, MANY = 200, 2_000


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table T (A: long)")
    opened.ingest("T", b"1\n2\n3\n", format="csv")
    yield opened
    opened.close()


def rows(eventhouse: Eventhouse, text: str) -> list[tuple[object, ...]]:
    return list(eventhouse.query(text)[0].rows())


def sum_of(terms: int) -> str:
    return f"T | where A < 3 | project B = {' + '.join(['A'] * terms)}"


def constants(terms: int) -> str:
    return f"print {' + '.join(['1'] * terms)}"


def operators(count: int) -> str:
    return "T | where A < 3" + "| extend B = A + 1 | project A = B" * (count // 2)


def filters(count: int) -> str:
    return "T" + "".join(f"| where A != {number}" for number in range(3, count + 3))


def lets(count: int) -> str:
    return "let x0 = 1;" + "".join(f"let x{n} = x{n - 1} + 1;" for n in range(1, count)) + f"print x{count - 1}"


def tables(count: int) -> str:
    steps = "".join(f"let t{n} = t{n - 1} | where A != {n + 2};" for n in range(1, count))
    return f"let t0 = T;{steps} t{count - 1}"


@pytest.mark.slow
@pytest.mark.parametrize("count", [FEW, MANY])
def test_a_chain_of_alternatives_may_be_of_any_length(eventhouse: Eventhouse, count: int) -> None:
    alternatives = " or ".join(f"A == {number}" for number in range(3, count + 3))
    assert rows(eventhouse, f"T | where {alternatives}") == [(3,)]


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_chain_of_conditions_may_be_of_any_length(eventhouse: Eventhouse, count: int) -> None:
    conditions = " and ".join(f"A != {number}" for number in range(3, count + 3))
    assert rows(eventhouse, f"T | where {conditions}") == [(1,), (2,)]


@pytest.mark.slow
@pytest.mark.parametrize("count", range(1, 100, 7))
@pytest.mark.parametrize(("operator", "others", "value"), [("or", "false", True), ("and", "true", False)])
def test_every_term_of_a_chain_counts(
    eventhouse: Eventhouse, operator: str, others: str, value: bool, count: int
) -> None:
    terms = [others] * count
    for number in {0, count // 2, count - 1}:
        with_one = [*terms[:number], f"bool({str(value).lower()})", *terms[number + 1 :]]
        assert rows(eventhouse, f"print {f' {operator} '.join(with_one)}") == [(value,)]
    with_null = f" {operator} ".join(["bool(null)", *terms])
    assert rows(eventhouse, f"print {with_null}") == [(None,)]


def test_alternatives_and_conditions_in_one_chain_bind_as_they_are_written(eventhouse: Eventhouse) -> None:
    mixed = " or ".join(f"A == {number} and A != {number}" for number in range(100))
    assert rows(eventhouse, f"T | where {mixed} or A == 2") == [(2,)]


def test_a_term_of_another_type_is_refused_at_its_operator(eventhouse: Eventhouse) -> None:
    text = "T | where " + " or ".join([*["A == 1"] * 100, "A"])
    with pytest.raises(SemanticFault) as raised:
        rows(eventhouse, text)
    assert raised.value.span.end == len(text)


def columns(count: int) -> str:
    return "T | where A < 3" + "".join(f"| extend B{number} = A + {number}" for number in range(count)) + "| project B1"


def columns_in_groups(count: int) -> str:
    return f"T | partition by A ({' | '.join(['extend A = A + 1'] * count)}) | sort by A asc"


CHAINS: dict[str, tuple[Callable[[int], str], Callable[[int], list[tuple[object, ...]]]]] = {
    "sum": (sum_of, lambda count: [(count,), (2 * count,)]),
    "constants": (constants, lambda count: [(count,)]),
    "operators": (operators, lambda count: [(1 + count // 2,), (2 + count // 2,)]),
    "filters": (filters, lambda _: [(1,), (2,)]),
    "columns": (columns, lambda _: [(2,), (3,)]),
    "columns in groups": (columns_in_groups, lambda count: [(1 + count,), (2 + count,), (3 + count,)]),
    "lets": (lets, lambda count: [(count,)]),
    "tables": (tables, lambda _: [(1,), (2,)]),
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_chains_of_terms_operators_and_lets_may_be_of_any_length(
    eventhouse: Eventhouse, chain: str, count: int
) -> None:
    text, expected = CHAINS[chain]
    assert rows(eventhouse, text(count)) == expected(count)


@pytest.mark.parametrize("member", ["[0]", ".k", "[B]"], ids=["item", "member", "named"])
def test_members_of_members_take_no_copy_for_each_level(eventhouse: Eventhouse, member: str) -> None:
    # 2^40 copies would not end within its time.
    within = RequestProperties(options={"servertimeout": "00:00:20"})
    text = f"T | where A == 1 | extend B = tostring(A) | extend D = parse_json(B) | project C = D{member * 40}"
    assert list(eventhouse.query(text, properties=within)[0].rows()) == [(None,)]


def in_groups(count: int) -> str:
    return f"T | partition by A ({' | '.join(['extend A = A + 1 | project A'] * (count // 2))})"


@pytest.mark.slow
def test_what_is_too_deep_is_refused_by_its_limit(eventhouse: Eventhouse) -> None:
    with pytest.raises(QueryTooDeep) as raised:
        rows(eventhouse, in_groups(MANY))
    assert f"limit of {sys.getrecursionlimit()} nested calls" in raised.value.message
    assert raised.value.permanent


@pytest.mark.slow
def test_functions_and_commands_may_be_long_and_are_refused_if_they_are_too_deep(eventhouse: Eventhouse) -> None:
    with pytest.raises(QueryTooDeep):
        eventhouse.command(f".set-or-append T <| {in_groups(MANY)}")
    assert rows(eventhouse, "T") == [(1,), (2,), (3,)]
    eventhouse.command(f".create function F() {{ {operators(MANY)} }}")
    assert rows(eventhouse, "F") == [(1 + MANY // 2,), (2 + MANY // 2,)]
    eventhouse.command(f".set Long <| {operators(MANY)}")
    assert sorted(rows(eventhouse, "Long")) == [(1 + MANY // 2,), (2 + MANY // 2,)]


@pytest.mark.parametrize(
    "query",
    [
        "print s = dynamic([2, 1]) | extend s = " + "array_sort_asc(" * 40 + "s" + ")" * 40,
        "print s = dynamic([2, 1]) | extend s = array_sort_asc("
        + "set_union(" * 40
        + "s"
        + ", dynamic([1]))" * 40
        + ")",
    ],
)
def test_functions_of_arrays_nest_at_no_more_than_their_own_cost(query: str, eventhouse: Eventhouse) -> None:
    within = RequestProperties(options={"servertimeout": "00:00:30"})
    assert eventhouse.query(query, properties=within)[0].records() == [{"s": "[1,2]"}]


@pytest.mark.slow
def test_operands_on_both_sides_are_computed_beside_each_other(eventhouse: Eventhouse) -> None:
    # DuckDB binds the body of a lambda twice: 60 in one another would not end.
    text = f"print s = dynamic([1]) | project x = isnull({' + '.join(['s'] * 60)})"
    assert rows(eventhouse, f"set servertimeout = 30s; {text}") == [(True,)]
