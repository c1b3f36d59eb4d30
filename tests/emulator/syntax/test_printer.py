"""Printing: what is printed parses to the same tree."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings

from emulator.syntax.expressions import Expression
from emulator.syntax.operators import Pipeline
from emulator.syntax.parse_command import parse_command
from emulator.syntax.parser import parse_expression, parse_query
from emulator.syntax.printer import print_expression, print_pipeline, print_query
from emulator.syntax.script import split_script
from tests.casefiles import cases_in
from tests.emulator.syntax.outline import without_places
from tests.emulator.syntax.trees import expressions, pipelines

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("TICKHOUSE_SHARED", ROOT.parent / "shared"))
QUERY_CASES = [case.step.text for case in cases_in("parse/operators.txt", "parse/sources.txt", "parse/names.txt")]


def assert_round_trip(text: str) -> None:
    query = parse_query(text)
    printed = print_query(query)
    assert without_places(parse_query(printed)) == without_places(query), printed
    assert print_query(parse_query(printed)) == printed


@pytest.mark.parametrize("text", QUERY_CASES)
def test_every_form_of_every_operator_survives_printing(text: str) -> None:
    assert_round_trip(text)


def test_every_measured_query_parses_and_survives_printing() -> None:
    vectors = SHARED / "conformance" / "dev.jsonl"
    if not vectors.exists():
        pytest.skip("needs conformance/dev.jsonl of the shared test data")
    lines = vectors.read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert_round_trip(json.loads(line)["kql"])
    assert len(lines) == 791


@settings(max_examples=200, deadline=None)
@given(expressions())
def test_generated_expressions_survive_printing(expression: Expression) -> None:
    assert without_places(parse_expression(print_expression(expression))) == without_places(expression)


@settings(max_examples=100)
@given(pipelines())
def test_generated_pipelines_survive_printing(pipeline: Pipeline) -> None:
    (parsed,) = parse_query(print_pipeline(pipeline)).statements
    assert without_places(parsed) == without_places(pipeline)


@pytest.mark.parametrize("path", sorted((ROOT / "kql" / "database").rglob("*.kql")), ids=lambda path: path.stem)
def test_the_market_database_is_all_commands_that_parse(path: Path) -> None:
    parts = split_script(path.read_text(encoding="utf-8"))
    assert parts
    for part in parts:
        parse_command(part.text)
