"""Tests for terms: many at once mean what each alone does, in a few regular expressions."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.engine.eventhouse import Eventhouse

# The class of what separates terms, which DuckDB takes 4 ms to compile.
SEPARATORS = r"[^\pL\pN]"
MANY = 200
ALPHABET = "aAkK1éſ日 -_.\x01\n'\\$"
WORDS = st.text(ALPHABET, max_size=4)


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table T (X: string, Y: string)")
    opened.ingest("T", f"a term7.,b\n{' '.join(f'TERM{n}' for n in range(MANY))},c\nno,term7\n".encode(), format="csv")
    yield opened
    opened.close()


def rows(eventhouse: Eventhouse, text: str) -> list[tuple[object, ...]]:
    return list(eventhouse.query(text)[0].rows())


def literal(text: str) -> str:
    return f'"{"".join(f"{chr(92)}u{ord(each):04x}" for each in text)}"'


def chain(operator: str, test: str) -> Callable[[int], str]:
    return lambda count: f" {operator} ".join(f"X {test} 'term{n}'" for n in range(count))


def listed(test: str, form: str) -> Callable[[int], str]:
    return lambda count: f"X {test} ({form.replace('@', ', '.join(repr(f'term{n}') for n in range(count)))})"


TESTS: dict[str, tuple[Callable[[int], str], list[str]]] = {
    "has_any": (listed("has_any", "@"), ["b", "c"]),
    "has_all": (listed("has_all", "@"), ["c"]),
    "has_any of an array": (listed("has_any", "dynamic([@])"), ["b", "c"]),
    "has_any of a mixed array": (listed("has_any", "dynamic([1, @])"), ["b", "c"]),
    "has_all of an array": (listed("has_all", "dynamic([@])"), ["c"]),
    "or of has": (chain("or", "has"), ["b", "c"]),
    "and of has": (chain("and", "has"), ["c"]),
    "and of !has": (chain("and", "!has"), ["term7"]),
    "or of !has": (chain("or", "!has"), ["b", "term7"]),
    "or of has_cs": (chain("or", "has_cs"), ["b"]),
    "and of has_cs": (chain("and", "has_cs"), []),
    "and of !has_cs": (chain("and", "!has_cs"), ["c", "term7"]),
    "or of hasprefix": (chain("or", "hasprefix"), ["b", "c"]),
    "and of hasprefix": (chain("and", "hasprefix"), ["c"]),
    "or of hassuffix_cs": (chain("or", "hassuffix_cs"), ["b"]),
    "or of !hassuffix": (chain("or", "!hassuffix"), ["b", "term7"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTS)
def test_many_terms_are_few_regular_expressions(eventhouse: Eventhouse, name: str) -> None:
    condition, answer = TESTS[name]
    query = f"T | where {condition(MANY)} | project Y | order by Y asc"
    ((_, _, sql),) = eventhouse.command(f".show queryplan <| {query}").rows()
    assert str(sql).count(SEPARATORS) <= 16
    assert rows(eventhouse, query) == [(each,) for each in answer]


def test_a_chain_of_tests_of_several_texts_keeps_each(eventhouse: Eventhouse) -> None:
    condition = "X has 'a' or Y has 'term7' or X has 'x' or Y == 'c' or Y has 'y' or strcat(X, Y) has 'TERM1'"
    assert rows(eventhouse, f"T | where {condition} | project Y | order by Y asc") == [("b",), ("c",), ("term7",)]
    assert rows(eventhouse, "T | where X has 'a' and Y has 'b' and X has 'term7' | project Y") == [("b",)]


TESTS_OF_ANY_COLUMN = [
    f"{test}{case}" for test in ("has", "hasprefix", "hassuffix", "contains") for case in ("", "_cs")
]


@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS_OF_ANY_COLUMN)
@pytest.mark.parametrize("part", ["B", "a b", "b\nb", "\t\n\x1f", "", "20"])
def test_any_column_is_each_column(eventhouse: Eventhouse, test: str, part: str) -> None:
    values = "'b', 'b', 20, 'no', 'a', -7, 'xb', '', long(null), 'b\\nb', '-b', 1"
    table = f"datatable(x: string, y: string, n: long)[{values}] | extend r = n / 8.0"
    columns = " or ".join(f"tostring({name}) {test} {literal(part)}" for name in "xynr")
    assert rows(eventhouse, f"{table} | where * {test} {literal(part)}") == rows(
        eventhouse, f"{table} | where {columns}"
    )


@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS_OF_ANY_COLUMN)
def test_any_column_of_many_is_one_regular_expression(eventhouse: Eventhouse, test: str) -> None:
    table = f"print {', '.join(f'c{n} = tostring(now())' for n in range(MANY))}"
    ((_, _, sql),) = eventhouse.command(f".show queryplan <| {table} | where * {test} 'x'").rows()
    assert str(sql).count(SEPARATORS) <= 2
    assert rows(eventhouse, f"{table} | where * {test} 'x'") == []
    assert len(rows(eventhouse, f"{table}, z = 'x' | where * {test} 'x'")) == 1


@pytest.mark.slow
@given(texts=st.lists(st.text(ALPHABET, max_size=12), min_size=1, max_size=20), terms=st.lists(WORDS, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_terms_together_are_what_each_is_alone(eventhouse: Eventhouse, texts: list[str], terms: list[str]) -> None:
    written = ", ".join(map(literal, terms))
    table = f"datatable(n: long, x: string)[{', '.join(f'{n}, {literal(text)}' for n, text in enumerate(texts))}]"
    alone = ", ".join(f"h{n} = x has {literal(term)}" for n, term in enumerate(terms))
    tests = rows(eventhouse, f"{table} | order by n asc | project {alone or 'x'}")
    found = [tuple(bool(each) for each in row[: len(terms)]) for row in tests]
    for test, fold, operator, negated in (("has_any", any, "or", "and"), ("has_all", all, "and", "or")):
        forms = [f"x {test} (dynamic([{written}]))", f"x {test} (array_concat(dynamic([{written}]), dynamic([])))"]
        if terms:
            forms.append(f"x {test} ({written})")
            forms.append(f" {operator} ".join(f"x has {literal(term)}" for term in terms))
            forms.append(f"not({f' {negated} '.join(f'x !has {literal(term)}' for term in terms)})")
        query = f"{table} | order by n asc | project {', '.join(f'f{n} = {form}' for n, form in enumerate(forms))}"
        assert rows(eventhouse, query) == [(fold(row),) * len(forms) for row in found]


@pytest.mark.slow
@pytest.mark.parametrize("test", ["has", "has_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs"])
@given(texts=st.lists(st.text(ALPHABET, max_size=8), min_size=1, max_size=20), term=WORDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_term_of_a_column_is_what_it_is_as_a_constant(
    eventhouse: Eventhouse, test: str, texts: list[str], term: str
) -> None:
    written = ", ".join(f"{n}, {literal(text)}, {literal(term)}" for n, text in enumerate(texts))
    query = f"datatable(n: long, x: string, t: string)[{written}] | order by n asc | project a = x {test}"
    found = rows(eventhouse, f"{query} {literal(term)}, b = x {test} t")
    assert found == [(constant, constant) for constant, _ in found]


@pytest.mark.slow
@pytest.mark.parametrize("test", ["has_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs"])
@given(
    texts=st.lists(st.text(ALPHABET, max_size=12), min_size=1, max_size=20),
    terms=st.lists(WORDS, min_size=2, max_size=14, unique=True),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_chain_is_what_its_tests_are_alone(
    eventhouse: Eventhouse, test: str, texts: list[str], terms: list[str]
) -> None:
    table = f"datatable(n: long, x: string)[{', '.join(f'{n}, {literal(text)}' for n, text in enumerate(texts))}]"
    alone = ", ".join(f"h{n} = x {test} {literal(term)}" for n, term in enumerate(terms))
    found = rows(eventhouse, f"{table} | order by n asc | project {alone}")
    chains = (
        f" {operator} ".join(f"x {sign}{test} {literal(term)}" for term in terms)
        for sign in ("", "!")
        for operator in ("or", "and")
    )
    query = f"{table} | order by n asc | project {', '.join(f'c{n} = {each}' for n, each in enumerate(chains))}"
    assert rows(eventhouse, query) == [(any(row), all(row), not all(row), not any(row)) for row in found]
