"""The case files against Microsoft's language service: it must accept the same queries and give the same columns."""

from pathlib import Path

import pytest

from tests.casefiles import Case, cases_in
from tests.emulator.binder.database import FUNCTIONS, TABLES
from tests.kql.language_service import Checked, check

pytestmark = pytest.mark.slow

# Where the engine, as measured, or this database differs from the service.
KNOWN_DIFFERENCES = {
    "combine: union inner": "the service ignores the kind",
    "combine: union: a name of several types": "measured: a written name keeps its place, the suffixed one gives way",
    "functions: table() and materialized_view()": "the script creates the view as a table",
    "shape: getschema": "measured: ColumnOrdinal is int",
    "combine: fuzzy union leaves out what is not there": "the service warns",
    "aggregate: covariance is named after both columns": "measured",
}


def test_the_language_service_agrees_on_columns(tmp_path: Path) -> None:
    cases = cases_in("bind")
    answers = answer(cases, tmp_path)
    differing = {
        str(case): (last_schema(case), columns(given), given.faults)
        for case, given in zip(cases, answers, strict=True)
        if given.faults or columns(given) != last_schema(case)
    }
    assert {name: found for name, found in differing.items() if name not in KNOWN_DIFFERENCES} == {}
    assert set(KNOWN_DIFFERENCES) == set(differing)


def answer(cases: list[Case], folder: Path) -> list[Checked]:
    commands = [f".create table {name} ({declared})" for name, declared in TABLES.items()]
    commands.append(".create table LastTrade (Symbol:string, Timestamp:datetime, Price:real)")
    commands += [
        f".create-or-alter function {name}{parameters} {{ {body} }}"
        for name, (parameters, body) in FUNCTIONS.items()
        if name not in ("Broken", "Ping", "Pong")
    ]
    script = folder / "cases.kql"
    script.write_text("\n\n".join([*commands, *(case.step.text for case in cases)]), encoding="utf-8")
    return check([script])[len(commands) :]


def last_schema(case: Case) -> str:
    return (case.step.answer or "").rpartition("\n")[2]


def columns(given: Checked) -> str:
    return ",".join(f"{name}:{type_}" for name, type_ in given.columns)
