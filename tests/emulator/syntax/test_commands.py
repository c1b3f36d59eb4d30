"""Management commands to trees."""

import pytest

from emulator.errors import SyntaxFault
from emulator.syntax.commands import (
    DefineFunction,
    DefineMaterializedView,
    IngestFromQuery,
    IngestInline,
    PipedCommand,
    property_text,
)
from emulator.syntax.parse_command import parse_command
from emulator.syntax.requests import is_command, is_show_command
from tests.casefiles import Case, cases_in
from tests.conftest import CheckCase
from tests.emulator.syntax.outline import outline


def outlined(text: str) -> str:
    return "\n".join(outline(parse_command(line)) for line in text.splitlines())


def fault(text: str) -> str:
    with pytest.raises(SyntaxFault) as caught:
        parse_command(text)
    return str(caught.value)


@pytest.mark.parametrize("case", cases_in("parse/commands.txt"), ids=str)
def test_commands_parse_in_every_form(case: Case, check_case: CheckCase) -> None:
    check_case(case, outlined(case.step.text))


@pytest.mark.parametrize("case", cases_in("parse/command_faults.txt"), ids=str)
def test_a_command_fault_names_the_command_and_what_was_meant(case: Case, check_case: CheckCase) -> None:
    check_case(case, fault(case.step.text))


def test_a_function_keeps_its_texts_as_written() -> None:
    text = ".create-or-alter function with (docstring = 'x')\nF (a : long=1) {\n    // why\n    T | take a\n}"
    command = parse_command(text)
    assert isinstance(command, DefineFunction)
    assert command.parameters_text == "(a : long=1)"
    assert command.body_text == "{\n    // why\n    T | take a\n}"
    result = command.literal.body.result
    assert text[result.span.start : result.span.end] == "T | take a"  # spans point into the command
    assert property_text(command.properties, "DocString") == "x"


def test_a_view_keeps_its_query_without_the_blanks_around_it() -> None:
    command = parse_command(".create materialized-view V on table T {\n  T\n  | summarize count() by a\n}")
    assert isinstance(command, DefineMaterializedView)
    assert command.query_text == "T\n  | summarize count() by a"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (".ingest inline into table T <| 1,a\n2,b", "1,a\n2,b"),
        (".ingest inline into table T <|\n1,it's \"open\n`2", "1,it's \"open\n`2"),
        (".ingest inline into table T with (format='json') <|\r\n{\"a\": 1}\r\n", '{"a": 1}\r\n'),
        (".ingest inline into table T <|", ""),
    ],
)
def test_inline_data_is_kept_as_written(text: str, data: str) -> None:
    command = parse_command(text)
    assert isinstance(command, IngestInline)
    assert command.data == data


def test_a_query_behind_a_command_keeps_spans_into_the_command() -> None:
    text = ".set-or-append T <| Raw | where a > 1"
    command = parse_command(text)
    assert isinstance(command, IngestFromQuery)
    assert command.query_text == "Raw | where a > 1"
    (pipeline,) = command.query.statements
    assert text[pipeline.span.start : pipeline.span.end] == command.query_text
    assert command.query.source == text


def test_the_table_of_a_command_pipes_into_operators() -> None:
    command = parse_command(".show tables | where TableName == 'T' | project TableName;")
    assert isinstance(command, PipedCommand)
    assert len(command.operators) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".show tables", True),
        ("  // first\n.show tables", True),
        ("T | take 1", False),
        ("", False),
        ("print .5", False),
    ],
)
def test_a_command_begins_with_a_dot(text: str, expected: bool) -> None:
    assert is_command(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".show tables", True),
        ("// first\n.show tables", True),
        (".SHOW tables", True),
        (".drop table T", False),
        (". show", True),
        ("show", False),
        ("", False),
    ],
)
def test_a_show_command_is_known_before_it_is_parsed(text: str, expected: bool) -> None:
    assert is_show_command(text) is expected
