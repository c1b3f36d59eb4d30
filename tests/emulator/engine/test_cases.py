"""The case files under tests/cases/commands and tests/cases/ingestion."""

from collections.abc import Iterator

import pytest

from emulator import Eventhouse
from tests.emulator.engine.cases import EngineCase, read_cases, run_case

CASES = read_cases("commands") + read_cases("ingestion")


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    yield opened
    opened.close()


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=[case.name for case in CASES])
def test_case(number: int, case: EngineCase, eventhouse: Eventhouse) -> None:
    database = f"Case{number}"
    eventhouse.command(f".create database {database}")
    run_case(eventhouse, case, database)
    eventhouse.command(f".drop database {database}")


def test_a_dropped_database_leaves_nothing_behind(eventhouse: Eventhouse) -> None:
    assert eventhouse.databases() == ("NetDefaultDB",)
