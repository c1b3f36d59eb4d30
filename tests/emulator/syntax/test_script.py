"""Scripts to commands."""

import pytest

from emulator.syntax.commands import ExecuteScript
from emulator.syntax.parse_command import parse_command
from emulator.syntax.script import split_script
from tests.casefiles import Case, cases_in
from tests.conftest import CheckCase


@pytest.mark.parametrize("case", cases_in("parse/scripts.txt"), ids=str)
def test_a_script_splits_where_its_commands_begin_and_end(case: Case, check_case: CheckCase) -> None:
    check_case(case, "\n~~\n".join(part.text for part in split_script(case.step.text)))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_parts_stand_where_their_text_is(newline: str) -> None:
    script = "// head\n\n.create table T (a: int)\n\n\n// next\n.show tables\n\nT | take 1\n".replace("\n", newline)
    parts = split_script(script)
    assert [script[part.span.start : part.span.end] for part in parts] == [part.text for part in parts]
    assert [part.is_command for part in parts] == [True, True, False]


def test_the_parts_of_a_nested_script_are_those_of_the_script_itself() -> None:
    inner = ".create table T (a: int)\n\n.show tables"
    (outer,) = split_script(f".execute database script <|\n{inner}\n")
    command = parse_command(outer.text)
    assert isinstance(command, ExecuteScript)
    assert [part.text for part in split_script(command.script)] == inner.split("\n\n")
