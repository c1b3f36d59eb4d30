"""Printing: what is printed parses to the same tree."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings

from emulator.errors import KustoError
from emulator.syntax.commands import DefineFunction, DefineMaterializedView
from emulator.syntax.expressions import Expression
from emulator.syntax.operators import Pipeline
from emulator.syntax.parse_command import parse_command
from emulator.syntax.parser import parse_expression, parse_function_declaration, parse_query
from emulator.syntax.printing.printer import print_body, print_expression, print_parameters, print_pipeline, print_query
from emulator.syntax.requests import is_command
from emulator.syntax.script import split_script
from emulator.syntax.statements import Query
from tests.casefiles import TEXT, cases_in
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


@pytest.mark.slow
def test_every_measured_query_parses_and_survives_printing() -> None:
    vectors = SHARED / "conformance" / "dev.jsonl"
    if not vectors.exists():
        pytest.skip("needs conformance/dev.jsonl of the shared test data")
    lines = vectors.read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert_round_trip(json.loads(line)["kql"])
    assert len(lines) == 791


def assert_text_survives(text: str) -> None:
    """Print the queries and bodies of a text, and what is read again of them; a text that does not parse has none."""
    try:
        command = parse_command(text) if is_command(text) else parse_query(text)
    except KustoError:
        return
    match command:
        case DefineFunction(parameters_text=parameters, body_text=body):
            literal = parse_function_declaration(parameters, body)
            printed = print_parameters(literal.parameters, parameters), print_body(literal.body, body)
            assert without_places(parse_function_declaration(*printed)) == without_places(literal), printed
            again = parse_function_declaration(*printed)
            assert (print_parameters(again.parameters, printed[0]), print_body(again.body, printed[1])) == printed
        case DefineMaterializedView(query_text=query):
            assert_round_trip(query)
        case Query():
            assert_round_trip(text)
        case _:
            pass


@pytest.mark.slow
def test_the_texts_of_all_cases_survive_printing() -> None:
    cases = cases_in("commands", "operators", "functions", "bind", "errors")
    texts = [step.text for case in cases for step in case.steps if step.kind == TEXT]
    assert len(texts) > 500
    for text in texts:
        assert_text_survives(text)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(expressions())
def test_generated_expressions_survive_printing(expression: Expression) -> None:
    assert without_places(parse_expression(print_expression(expression))) == without_places(expression)


@pytest.mark.slow
@settings(max_examples=100)
@given(pipelines())
def test_generated_pipelines_survive_printing(pipeline: Pipeline) -> None:
    (parsed,) = parse_query(print_pipeline(pipeline)).statements
    assert without_places(parsed) == without_places(pipeline)


@pytest.mark.parametrize("path", sorted((ROOT / "kql" / "database").rglob("*.kql")), ids=lambda path: path.stem)
def test_the_market_database_is_all_commands_that_survive_printing(path: Path) -> None:
    parts = split_script(path.read_text(encoding="utf-8"))
    assert parts
    for part in parts:
        parse_command(part.text)
        assert_text_survives(part.text)
