"""What the README says of commands, policies and make holds."""

import os
import re
import shlex
import subprocess

import pytest
import typer
from typer.core import TyperGroup

from cli.main import app
from emulator.schema.policies import _ENFORCED_NOWHERE, NAMES
from tests.documents.reading import ROOT, document

README = document("README.md")
BLOCKS = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("|")[0].strip() for block in BLOCKS for line in block.splitlines() if line.startswith("tickhouse ")
]
# Cannot run without an end, so that it stands alone in its block, or last.
SERVING = {"up", "emulator", "eventhubs", "api", "producer run", "data-connection run"}


def parsed(line: str) -> str:
    """Parse a command line as the tool does, and return the command's name."""
    words = shlex.split(line)[1:]
    group, names = typer.main.get_command(app), []
    while isinstance(group, TyperGroup):
        names.append(words.pop(0))
        command = group.commands[names[-1]]
        if not isinstance(command, TyperGroup):
            command.make_context(names[-1], words)
            return " ".join(names)
        group = command
    raise AssertionError(line)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_has_flags_that_exist(line: str) -> None:
    assert parsed(line.replace("<cluster>.<region>", "c.r"))


@pytest.mark.slow
def test_a_block_can_be_run_as_it_stands() -> None:
    assert len(COMMANDS) >= 12
    for block in BLOCKS:
        lines = [line.partition("|")[0] for line in block.splitlines() if line.startswith("tickhouse ")]
        names = [parsed(line.replace("<cluster>.<region>", "c.r")) for line in lines]
        # Behind a command that serves nothing of its block would be reached.
        assert [name for name in names[:-1] if name in SERVING] == [], block


def test_every_flag_that_says_who_is_let_in_is_named() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    commands = [group.commands[name] for name in ("up", "emulator", "api")]
    flags = {flag for command in commands for each in command.params for flag in each.opts}
    named = set(re.findall(r"`(--[a-z-]+)", README))
    who = {flag for flag in flags if re.search(r"host|key|token|allowed", flag)}
    assert who - {"--eventhouse", "--eventhouse-port"} == {
        *("--host", "--api-key", "--api-key-file", "--token", "--token-file"),
        *("--allowed-hosts", "--allowed-origins"),
    }
    assert who <= named | {"--eventhouse", "--eventhouse-port"}


def test_the_policies_without_effect_are_all_named() -> None:
    sentence = re.search(r"All others are kept and shown, and\s+have no effect: (.*?)\. So nothing", README, re.DOTALL)
    assert sentence is not None
    named = re.findall(r"`(\w+)`", sentence[1])
    assert named == sorted(NAMES.keys() - {"update", "ingestionbatching"} - _ENFORCED_NOWHERE)
    for name in _ENFORCED_NOWHERE:
        assert f"`{name}`" in README


def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    # Under another make it would say which folder it enters.
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "-s", "help"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=alone).stdout
    assert [line.split()[1] for line in listed.splitlines()] == phony[1].split()
    assert all(len(line.split()) > 2 for line in listed.splitlines())
