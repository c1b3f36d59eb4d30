"""What the tool says of itself: help, version, completion."""

import re
from collections.abc import Iterator
from importlib.metadata import version

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from cli.main import app

RUN = CliRunner()


def command_lines(group: object, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, TyperGroup):
            yield from command_lines(command, (*before, name))


COMMANDS = [(), *command_lines(typer.main.get_command(app))]


def help_of(command: tuple[str, ...], flag: str = "--help") -> str:
    result = RUN.invoke(app, [*command, flag], terminal_width=200)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_names_what_an_option_takes_in_words(command: tuple[str, ...]) -> None:
    text = help_of(command)
    assert help_of(command, "-h") == text
    # Choices stand in angle brackets; types of the language, ranges and templates of dates do not stand there.
    assert re.findall(r"<(?:int|float|str|path|file|datetime|list\[[^>]*|[^>]* range|[^>]*%[^>]*)>", text) == []
    assert re.findall(r"[{}]|\[\[|%[YmdH]", text) == []


@pytest.mark.parametrize("command", [each for each in COMMANDS if "--data " in help_of(each)], ids=" ".join)
def test_help_says_where_a_command_looks_without_a_folder(command: tuple[str, ...]) -> None:
    text = re.sub(r"\s+", " ", help_of(command))
    option = re.search(r"--data FOLDER (.*?)(?= --|$)", text)
    assert option is not None
    assert "default: (" in option[1]


def test_the_version_is_that_of_the_package() -> None:
    assert RUN.invoke(app, ["--version"]).output == f"tickhouse {version('tickhouse')}\n"


def test_completion_can_be_shown_and_installed() -> None:
    assert RUN.invoke(app, ["--show-completion", "bash"]).exit_code == 0
    assert re.findall(r"^  (--\S+-completion)", help_of(()), re.MULTILINE) == [
        "--install-completion",
        "--show-completion",
    ]
