"""What the tool says of itself: help, version, completion."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from cli.main import app
from producer.providers import HISTORY_PROVIDERS, LIVE_PROVIDERS
from producer.settings import ProviderKeys, variable_of

README = Path(__file__).resolve().parents[2] / "README.md"
RUN = CliRunner()


def command_lines(group: object, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, TyperGroup):
            yield from command_lines(command, (*before, name))


COMMANDS = [(), *command_lines(typer.main.get_command(app))]


def help_of(command: tuple[str, ...], flag: str = "--help", width: int = 200) -> str:
    result = RUN.invoke(app, [*command, flag], terminal_width=width)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_names_what_an_option_takes_in_words(command: tuple[str, ...]) -> None:
    text = help_of(command)
    assert help_of(command, "-h") == text
    # Choices stand in angle brackets; types of the language, ranges and templates of dates do not stand there.
    assert re.findall(r"<(?:int|float|str|path|file|datetime|list\[[^>]*|[^>]* range|[^>]*%[^>]*)>", text) == []
    assert re.findall(r"[{}]|\[\[|%[YmdH]", text) == []


def flags_without_help(group: object, before: str = "tickhouse") -> Iterator[str]:
    for parameter in getattr(group, "params", ()):
        if not (parameter.help or "").strip():
            yield f"{before} {parameter.opts[0]}"
    for name, command in getattr(group, "commands", {}).items():
        yield from flags_without_help(command, f"{before} {name}")


def test_every_flag_and_argument_of_every_command_says_what_it_is() -> None:
    assert list(flags_without_help(typer.main.get_command(app))) == []


@pytest.mark.parametrize("command", [each for each in COMMANDS if "--data " in help_of(each)], ids=" ".join)
def test_help_says_where_a_command_looks_without_a_folder(command: tuple[str, ...]) -> None:
    text = re.sub(r"\s+", " ", help_of(command))
    option = re.search(r"--data FOLDER (.*?)(?= --|$)", text)
    assert option is not None
    assert "default: (" in option[1]


@pytest.mark.parametrize(
    ("command", "providers"),
    [(("up",), LIVE_PROVIDERS), (("producer", "run"), LIVE_PROVIDERS), (("backfill",), HISTORY_PROVIDERS)],
    ids=["up", "producer run", "backfill"],
)
def test_help_names_the_providers_in_order_of_preference(
    command: tuple[str, ...], providers: Mapping[str, object]
) -> None:
    # Wide enough for no line to end at a hyphen.
    text = re.sub(r"\s+", " ", help_of(command, width=2_000))
    named = re.search(r"in order of preference ([\w, -]+)\.", text)
    assert named is not None
    assert named[1].split(", ") == list(providers)


def test_the_readme_names_the_providers_and_their_keys() -> None:
    _, _, table = README.read_text(encoding="utf-8").partition("| provider | key | live")
    rows = [line.split("|")[1:-1] for line in table.partition("\n\n")[0].splitlines()[2:]]
    _, keys, live, past = zip(*rows, strict=True)
    assert set(re.findall(r"`(\w+)`", " ".join(keys))) == {variable_of(field.name) for field in fields(ProviderKeys)}
    assert set(re.findall(r"`([\w-]+)`:", " ".join(live))) == set(LIVE_PROVIDERS)
    assert set(re.findall(r"`([\w-]+)`:", " ".join(past))) == set(HISTORY_PROVIDERS)


def test_the_version_is_that_of_the_package() -> None:
    assert RUN.invoke(app, ["--version"]).output == f"tickhouse {version('tickhouse')}\n"


@pytest.mark.slow
def test_completion_can_be_shown_and_installed() -> None:
    # By a shell, since the tool asks which one has started it; in a build there may be none above it.
    script = f"{sys.executable} -m cli --show-completion; exit $?"
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert "complete -o default" in shown.stdout
    assert re.findall(r"^  (--\S+-completion)", help_of(()), re.MULTILINE) == [
        "--install-completion",
        "--show-completion",
    ]
