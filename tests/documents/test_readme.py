"""What the root's README says of commands, routes and numbers is what the code has."""

import json
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Protocol

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from cli.main import app
from kql.deploy import Deployment
from kql.loader import load_database
from kql.registry import load_registry
from tests.documents.reading import ROOT, code_in, document, documents, section, table_with_head

README = document("README.md")
_FLAG = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
# A flag with what follows it: a default, choices, or a word for what it takes.
_VALUED = re.compile(r"(--[a-z-]+) ([^\s\]\[]+)")


class Parameter(Protocol):
    """What is read of an argument or option."""

    opts: list[str]
    required: bool
    default: object


def commands(group: object = None, before: str = "") -> Iterator[tuple[str, Sequence[Parameter]]]:
    group = group or typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command.params


COMMANDS = dict(commands())


def rows() -> dict[str, str]:
    """Return the table of commands: the line of each without the tool's name and the backslashes before bars."""
    found = {}
    for cell, _ in table_with_head(README, "command", "what it does"):
        (line,) = code_in(cell.replace("\\|", "|"))
        assert line.startswith("tickhouse ")
        words = line.removeprefix("tickhouse ")
        name = max((name for name in COMMANDS if f"{words} ".startswith(f"{name} ")), key=len, default=words)
        assert name not in found
        found[name] = words.removeprefix(name)
    return found


ROWS = rows()
# Told once, below the table.
_, _, _BELOW = section(README, "## Commands").partition("Flags of several commands: ")
SHARED = {flag for code in code_in(_BELOW.partition("\n\n")[0]) for flag in _FLAG.findall(code)} - {"--help"}


def test_the_table_has_all_commands_and_no_others() -> None:
    assert sorted(ROWS) == sorted(COMMANDS)


def test_flags_of_several_commands_are_that() -> None:
    all_flags = [flag for parameters in COMMANDS.values() for parameter in parameters for flag in parameter.opts]
    assert SHARED
    assert {flag: all_flags.count(flag) > 1 for flag in SHARED} == dict.fromkeys(SHARED, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_row_has_the_flags_of_its_command(command: str) -> None:
    named = _FLAG.findall(ROWS[command])
    flags = {flag for parameter in COMMANDS[command] for flag in parameter.opts if flag.startswith("-")}
    assert set(named) - flags == set(), "it has no such flag"
    missing = [
        parameter.opts
        for parameter in COMMANDS[command]
        if parameter.opts[0].startswith("-") and not {*named, *SHARED} & {*parameter.opts}
    ]
    assert missing == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_row_has_the_defaults_and_choices_of_its_command(command: str) -> None:
    by_flag = {flag: parameter for parameter in COMMANDS[command] for flag in parameter.opts}
    shown = CliRunner().invoke(app, [*command.split(), "--help"], terminal_width=250).output
    for flag, value in _VALUED.findall(ROWS[command]):
        parameter = by_flag[flag]
        if "…" in value or value.isupper() or "=" in value or (parameter.required and "|" not in value):
            continue
        if "|" in value:
            assert f"<{value}>" in shown, f"{flag} {value}"
        else:
            default = parameter.default.value if isinstance(parameter.default, Enum) else parameter.default
            assert str(default) == value, flag


def test_required_flags_are_not_in_brackets() -> None:
    for command, words in ROWS.items():
        outside = re.sub(r"\[[^\]]*\]", "", words)
        required = {parameter.opts[0] for parameter in COMMANDS[command] if parameter.required}
        assert {flag for flag in required if flag.startswith("-")} == set(_FLAG.findall(outside)), command


@pytest.mark.parametrize("path", documents())
def test_a_command_in_a_document_exists(path: str) -> None:
    # What a recipe adds is not there yet.
    text = re.sub(r"\s+", " ", re.sub(r"^```diff\n.*?^```$", "", document(path), flags=re.MULTILINE | re.DOTALL))
    for words in re.findall(r"[`\s/]tickhouse ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", text):
        first = words.split()[0]
        assert words in COMMANDS or first in COMMANDS, f"{path}: tickhouse {words}"


@pytest.mark.slow
def test_the_routes_are_those_of_the_registry() -> None:
    cells = table_with_head(README, "route", "answers")
    told = [route for cell, _ in cells for route in code_in(cell.replace("\\|", "|"))]
    endpoints = {endpoint.route: endpoint for endpoint in load_registry().endpoints}
    assert sorted(route.partition("?")[0] for route in told) == sorted(endpoints)
    for route in told:
        path, _, query = route.partition("?")
        names = [pair.partition("=")[0] for pair in query.split("&") if pair]
        parameters = {parameter.name for parameter in endpoints[path].parameters if parameter.location == "query"}
        assert set(names) - parameters == set(), route


def test_the_functions_that_answers_and_pictures_name_exist() -> None:
    functions = set(re.findall(r"\b[A-Z]\w+_v\d+\b", README)) - {"DailyTurnover_v1"}
    assert functions - {statement.name for statement in load_database().statements} == set()


def test_the_counts_of_a_deployment_are_computed() -> None:
    (told,) = re.findall(r"^Deployed (.* \(\d+ commands) in [\d.]+ s\)\.$", README, re.MULTILINE)
    deployed = str(Deployment("Market", load_database().statements, 0.0))
    assert deployed.partition(" in ")[0] == told


def test_the_counts_of_the_conformance_suite_are_those_its_test_holds() -> None:
    floor = json.loads((ROOT / "tests/emulator/conformance_floor.json").read_text(encoding="utf-8"))
    sentence = re.sub(r"\s+", " ", section(README, "## How the embedded Eventhouse differs from a real one"))
    told = re.findall(r"of the (\d+) scored queries .*? it passes (\d+) and refuses the rest", sentence)
    ((scored, passed),) = told
    assert floor == {"scored": int(scored), "passes": int(passed), "mismatches": 0}
