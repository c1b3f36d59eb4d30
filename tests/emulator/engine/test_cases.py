"""The case files under tests/cases/commands and tests/cases/ingestion."""

from collections.abc import Iterator

import pytest

from emulator import Eventhouse
from tests.casefiles import Case, cases_in
from tests.conftest import CheckCase
from tests.emulator.engine.cases import run_case

CASES = cases_in("commands", "ingestion")


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    yield opened
    opened.close()


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=list(map(str, CASES)))
def test_case(number: int, case: Case, eventhouse: Eventhouse, check_case: CheckCase) -> None:
    database = f"Case{number}"
    eventhouse.command(f".create database {database}")
    run_case(eventhouse, case, database, check_case)
    eventhouse.command(f".drop database {database}")


def test_a_dropped_database_leaves_nothing_behind(eventhouse: Eventhouse) -> None:
    assert eventhouse.databases() == ("NetDefaultDB",)
