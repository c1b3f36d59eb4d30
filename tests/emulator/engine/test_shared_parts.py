"""What a query names once and reads often is written once: texts grow SQL as they grow, and give what they mean."""

from collections.abc import Callable, Iterator

import pytest

from emulator.binder import sharing
from emulator.engine.eventhouse import Eventhouse
from emulator.errors import QueryTooComplex, SemanticFault

LEVELS = 40


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table T (A: long)")
    opened.ingest("T", b"1\n2\n3\n", format="csv")
    yield opened
    opened.close()


def rows(eventhouse: Eventhouse, text: str) -> list[tuple[object, ...]]:
    return list(eventhouse.query(text)[0].rows())


def sql(eventhouse: Eventhouse, text: str) -> str:
    ((_, _, written),) = eventhouse.command(f".show queryplan <| {text}").rows()
    return str(written)


def lets(count: int, first: str, step: str, last: str) -> str:
    """Return lets `x0 = first; x1 = step; …`, where `@` is the one before and `#` the one before that."""
    named = [f"let x0 = {first};"]
    for n in range(1, count):
        named += [f"let x{n} = {step.replace('@', f'x{n - 1}').replace('#', f'x{max(0, n - 2)}')};"]
    return "".join(named) + last.replace("@", f"x{count - 1}")


def in_function(count: int, step: str, last: str) -> str:
    """Return a function of a column whose lets each use the one before."""
    steps = "".join(f"let y{n} = {step.replace('@', f'y{n - 1}' if n else 'x')};" for n in range(count))
    return f"let f = (x: long) {{ {steps} y{count - 1} }}; {last}"


def functions(count: int, parameters: str, arguments: str, first: str, step: str, last: str) -> str:
    """Return functions that each call the one before."""
    named = [f"let f0 = ({parameters}) {{ {first} }};"]
    for number in range(1, count):
        body = step.replace("@", f"f{number - 1}({arguments})")
        named.append(f"let f{number} = ({parameters}) {{ {body} }};")
    return "".join(named) + last.replace("@", f"f{count - 1}")


def around(count: int, before: str, inner: str, after: str, source: str = "T | project x = ") -> str:
    return source + before * count + inner + after * count


def fibonacci(number: int) -> int:
    before, value = 0, 1
    for _ in range(number):
        before, value = value, before + value
    return value


def union_of(count: int) -> str:
    return f"union {', '.join(f'(T | where A == {number})' for number in range(count))}"


TABULAR = "union @, @ | summarize A = sum(A)"

SHARED: dict[str, tuple[Callable[[int], str], Callable[[int], list[tuple[object, ...]]]]] = {
    "scalars": (lambda n: lets(n, "toscalar(T | count)", "@ + @", "print @"), lambda n: [(3 * 2 ** (n - 1),)]),
    "constants": (lambda n: lets(n, "1", "@ + @", "print @"), lambda n: [(2 ** (n - 1),)]),
    "two before": (
        lambda n: lets(n, "toscalar(T | take 1 | project 1)", "@ + #", "print @"),
        lambda n: [(fibonacci(n),)],
    ),
    "of a column": (lambda n: in_function(n, "@ + @", "T | project f(A)"), lambda n: [(k * 2**n,) for k in (1, 2, 3)]),
    "in a condition": (
        lambda n: in_function(n, "@ + @", f"T | where f(A) == {2 * 2**n % 2**62}"),
        lambda n: [(2,)],
    ),
    "in keys": (
        lambda n: in_function(n, "@ + @", "T | summarize count() by k = f(A) | sort by k asc"),
        lambda n: [(k * 2**n, 1) for k in (1, 2, 3)],
    ),
    "in aggregates": (lambda n: in_function(n, "@ + @", "T | summarize sum(f(A))"), lambda n: [(6 * 2**n,)]),
    "in an order": (lambda n: in_function(n, "@ + @", "T | sort by f(A) desc"), lambda n: [(3,), (2,), (1,)]),
    "in a join": (
        lambda n: in_function(
            n, "@ + @", "T | join kind=inner (T | project B = A) on $left.A == $right.B | where f(B) > 0"
        ),
        lambda n: [(1, 1), (2, 2), (3, 3)],
    ),
    "tables": (lambda n: lets(n, "T | where A > 1", TABULAR, "@"), lambda n: [(5 * 2 ** (n - 1),)]),
    "materialized": (
        lambda n: lets(n, "materialize(T)", f"materialize({TABULAR})", "@"),
        lambda n: [(6 * 2 ** (n - 1),)] if n > 1 else [(1,), (2,), (3,)],
    ),
    "joined tables": (
        lambda n: lets(n, "T | where A > 1", "@ | join kind=inner @ on A | project A", "@"),
        lambda n: [(2,), (3,)],
    ),
    "functions": (
        lambda n: functions(n, "x: long", "x", "x + 1", "@ + @", "print @(1)"),
        lambda n: [(2**n,)],
    ),
    "functions of nothing": (lambda n: functions(n, "", "", "1", "@ + @", "print @()"), lambda n: [(2 ** (n - 1),)]),
    "functions of tables": (
        lambda n: functions(n, "t: (A: long)", "t", "t | where A > 1", TABULAR, "@(T)"),
        lambda n: [(5 * 2 ** (n - 1),)],
    ),
    "series": (
        lambda n: lets(n, "dynamic([1, 2])", "series_add(@, @)", "print @[0]"),
        lambda n: [(f"{2.0 ** (n - 1)}",)],
    ),
}


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.slow
def test_what_is_shared_over_many_levels_is_computed(eventhouse: Eventhouse, name: str) -> None:
    text, expected = SHARED[name]
    assert sorted(map(repr, rows(eventhouse, text(LEVELS)))) == sorted(map(repr, expected(LEVELS)))


# Macros of DuckDB write their arguments more than once.
NESTED: dict[str, tuple[Callable[[int], str], object]] = {
    "remainders": (lambda n: f"T | project x = A{' % 7' * n}", [(1,), (2,), (3,)]),
    "bins": (lambda n: around(n, "bin(", "A", ", 2)"), [(0,), (2,), (2,)]),
    "equalities": (lambda n: around(n, "(true == ", "(A == 1)", ")"), [(True,), (False,), (False,)]),
    "texts": (lambda n: around(n, "tostring(todouble(", "A", "))"), [("1.0",), ("2.0",), ("3.0",)]),
    "quotients": (lambda n: around(n, "1.0 / (", "A", ")"), None),
    "members": (lambda n: around(n, "", "parse_json(tostring(A))", ".a"), [(None,)] * 3),
    "items": (lambda n: around(n, "", "parse_json(tostring(A))", "[0]"), [(None,)] * 3),
    "named members": (lambda n: around(n, "", "parse_json(tostring(A))", "[tostring(A)]"), [(None,)] * 3),
    "times": (
        lambda n: f"T | project x = datetime(2026-01-01){' + A * 1s' * n} == datetime(2026-01-01) + A * {n} * 1s",
        [(True,)] * 3,
    ),
    "series": (
        lambda n: around(n, "series_add(", "range(A, A)", ", range(A, A))") + "[0]",
        None,
    ),
    "choices": (lambda n: around(n, "iff(A == 1, 1, ", "0", ")"), [(1,), (0,), (0,)]),
}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.slow
def test_functions_in_one_another_take_no_copy_for_each_level(eventhouse: Eventhouse, name: str) -> None:
    text, expected = NESTED[name]
    found = rows(eventhouse, text(LEVELS))
    assert len(found) == 3
    if expected is not None:
        assert found == expected


@pytest.mark.parametrize("name", [*SHARED, *NESTED])
@pytest.mark.slow
def test_sql_grows_as_its_text(eventhouse: Eventhouse, name: str) -> None:
    text = {**SHARED, **NESTED}[name][0]
    once, twice = len(sql(eventhouse, text(24))), len(sql(eventhouse, text(48)))
    # Parts are shared once copies have become costly: the first ones are not.
    assert twice <= 2.8 * once


@pytest.mark.parametrize(
    "text",
    [
        lambda n: f"T | where {' or '.join(f'A == {number}' for number in range(n))}",
        lambda n: f"T | project x = {' + '.join(['A'] * n)}",
        lambda n: "T" + "| extend A = A + 1" * n,
        lambda n: "T" + "| where A != 7" * n,
        lambda n: f"T | where A in ({', '.join(map(str, range(n)))})",
        lambda n: f"T | project x = case({', '.join(f'A == {number}, {number}' for number in range(n))}, 0)",
        lambda n: f"union {', '.join(f'(print x = {number})' for number in range(n))}",
        union_of,
        lambda n: lets(n, "1", "@ + 1", "print @"),
        lambda n: lets(n, "T", "@ | where A > 0", "@"),
    ],
    ids=["or", "sum", "extend", "where", "in", "case", "prints", "union", "lets", "tables"],
)
@pytest.mark.slow
def test_sql_of_long_lists_grows_as_its_text(eventhouse: Eventhouse, text: Callable[[int], str]) -> None:
    assert len(sql(eventhouse, text(600))) <= 2.2 * len(sql(eventhouse, text(300)))


@pytest.mark.slow
def test_a_union_of_thousands_has_all_rows_in_order(eventhouse: Eventhouse) -> None:
    assert rows(eventhouse, f"union {', '.join(f'(print x = {number})' for number in range(500))}") == [
        (number,) for number in range(500)
    ]
    assert rows(eventhouse, union_of(200)) == [(1,), (2,), (3,)]
    assert rows(eventhouse, "union (print x = 1), (print x = toscalar(T | count)), (print x = 3), (print x = 4)") == [
        (1,),
        (3,),
        (3,),
        (4,),
    ]


@pytest.mark.slow
def test_a_shared_random_number_is_another_one_in_each_row(eventhouse: Eventhouse) -> None:
    text = lets(LEVELS // 2, "rand()", "@ + @", "range n from 1 to 50 step 1 | project r = @ | distinct r | count")
    assert rows(eventhouse, text) == [(50,)]


@pytest.mark.slow
def test_branches_that_are_not_taken_may_share_too(eventhouse: Eventhouse) -> None:
    text = in_function(LEVELS, "@ + @", "T | project iff(A == 1, f(A), 0)")
    assert rows(eventhouse, text) == [(2**LEVELS,), (0,), (0,)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("series_add(dynamic([1, 2]), toscalar(T | count))", "[4.0,5.0]"),
        ("repeat(toscalar(T | count), 2)", "[3,3]"),
        ("series_multiply(toscalar(print range(1, 2)), toscalar(print range(1, 2)))", "[1,4]"),
    ],
)
def test_a_subquery_may_stand_where_items_are_computed(eventhouse: Eventhouse, expression: str, expected: str) -> None:
    assert rows(eventhouse, f"print tostring({expression})") == [(expected,)]


@pytest.mark.parametrize("function", ["strcat", "coalesce", "max_of", "min_of"])
def test_functions_take_as_many_arguments_as_the_service(eventhouse: Eventhouse, function: str) -> None:
    text = f"print {function}({', '.join(['1'] * 64)})"
    assert rows(eventhouse, text) == [("1" * 64 if function == "strcat" else 1,)]
    with pytest.raises(SemanticFault) as raised:
        rows(eventhouse, f"print {function}({', '.join(['1'] * 65)})")
    assert (raised.value.code, raised.value.permanent) == ("SEM0223", True)
    assert raised.value.message.endswith("..64] argument(s)")


def test_a_query_that_is_too_much_written_out_is_refused(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MAX_NODES", 2_000)
    assert rows(eventhouse, functions(8, "x: long", "x", "x", "@ + @", "print @(1)")) == [(128,)]
    unlike = "let f0 = (x: long) { x };" + "".join(
        f"let f{n} = (x: long) {{ f{n - 1}(x + 1) + f{n - 1}(x + 2) }};" for n in range(1, LEVELS)
    )
    with pytest.raises(QueryTooComplex) as raised:
        rows(eventhouse, f"{unlike} print f{LEVELS - 1}(1)")
    assert (raised.value.code, raised.value.permanent) == ("E_QUERY_TOO_COMPLEX", True)


@pytest.mark.slow
def test_commands_policies_and_views_share_too(eventhouse: Eventhouse) -> None:
    doubled = in_function(LEVELS, "@ + @", "T | project A = f(A)")
    eventhouse.command(f".set Doubled <| {doubled}")
    assert rows(eventhouse, "Doubled | summarize sum(A)") == [(6 * 2**LEVELS,)]
    eventhouse.command(".create table S (A: long)")
    summed = in_function(LEVELS, "@ + @", "S | summarize s = sum(f(A)) by k = A")
    eventhouse.command(f".create materialized-view V on table S {{ {summed} }}")
    eventhouse.ingest("S", b"1\n2\n2\n", format="csv")
    assert sorted(rows(eventhouse, "V")) == [(1, 2**LEVELS), (2, 2 * 2 * 2**LEVELS)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sumif", "countif", "minif", "maxif", "avgif", "stdevif", "dcountif"])
def test_a_condition_of_an_aggregate_costs_the_others_nothing(eventhouse: Eventhouse, name: str) -> None:
    # DuckDB gives each FILTER of an operator vectors for the arguments of all aggregates: 1,500 took 6 s for one row.
    calls = [f"{name}({'' if name == 'countif' else 'A, '}A == {number})" for number in range(1, 41)]
    query = f"T | summarize {', '.join(calls)}"
    assert sql(eventhouse, query).count("FILTER") == 0
    one_by_one = tuple(cell for each in calls for row in rows(eventhouse, f"T | summarize {each}") for cell in row)
    # By their texts, since the average of nothing is not equal to itself.
    assert repr(rows(eventhouse, query)) == repr([one_by_one])


def test_a_derived_name_gets_the_first_free_number(eventhouse: Eventhouse) -> None:
    table = eventhouse.query("T | summarize sum_A2 = count(), sum(A), sum(A), sum(A), sum(A), sum_A1 = max(A)")[0]
    assert table.schema.names == ("sum_A2", "sum_A", "sum_A3", "sum_A4", "sum_A5", "sum_A1")
