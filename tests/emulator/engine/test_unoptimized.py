"""Statements as they are written, without DuckDB's optimizer, as the plans that the writer keeps are made."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest

from tests.casefiles import Case, cases_in
from tests.emulator import test_cases as operators
from tests.emulator.conformance_adapter import connection as printing
from tests.emulator.functions import test_cases as functions
from tests.emulator.functions.printed import printed

pytestmark = pytest.mark.slow


@contextmanager
def without_optimizer(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("SET SESSION enable_optimizer = false")
    try:
        yield
    finally:
        connection.execute("SET SESSION enable_optimizer = true")


@pytest.mark.parametrize("case", cases_in("operators"), ids=str)
def test_operators_answer_alike_without_the_optimizer(case: Case) -> None:
    tables = operators.load_tables(case.path)
    with without_optimizer(tables.connection):
        found = operators.answer_of(case, tables)
    operators.assert_answer(case, found)


@pytest.mark.parametrize(("kql", "answer"), functions.answers())
def test_functions_answer_alike_without_the_optimizer(kql: str, answer: str) -> None:
    with without_optimizer(printing()):
        assert printed(kql) == answer
