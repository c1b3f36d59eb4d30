"""The recipes that change code, carried out from CONTRIBUTING's own text: entities, functions, operators, sources."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.recipes.project import ROOT, Hunk, Project, code_recipes

pytestmark = pytest.mark.slow

FILE = "CONTRIBUTING.md"
LINTED = ("cli", "emulator", "producer", "tests")
# What of the suite speaks of all entities, functions, operators, commands, providers or commands of the tool.
CHECKS = (
    "tests/test_architecture.py::test_a_module_is_one_idea_of_readable_size_and_says_what_it_is_for",
    "tests/test_architecture.py::test_only_the_sql_package_writes_sql",
    "tests/test_architecture.py::test_help_loads_neither_duckdb_nor_azure",
    "tests/cli/test_help.py",
    "tests/emulator/binder/test_known_functions.py",
    "tests/emulator/engine/test_cases.py",
    "tests/emulator/engine/test_view_rules.py",
    "tests/emulator/engine/test_view_upkeep.py::test_views_equal_their_queries[pairs]",
    "tests/emulator/functions",
    # Minutes over all functions; what a new one has of them the suite itself finds.
    "--ignore=tests/emulator/functions/test_extremes.py",
    "--ignore=tests/emulator/functions/test_nested.py",
    "tests/emulator/schema",
    "tests/emulator/syntax",
    "tests/emulator/test_cases.py",
    "tests/kql/test_definitions.py",
    "tests/kql/test_deploy.py",
    "tests/kql/test_language_service.py",
    "tests/kql/test_loader.py",
    "tests/producer/sources/test_example.py",
    "tests/producer/test_documented_errors.py",
    "tests/producer/test_providers.py",
)
# Deploys the copy, ingests a halt and a polled trade of a provider on this machine, and prints the answers to queries.
ASKING = """
import asyncio, json, sys
from contextlib import aclosing
from pathlib import Path
from cli.composition.embedded import EmbeddedEventhouse
from emulator.errors import KustoError
from kql.deploy import deploy
from producer.model import encode_trade
from producer.providers import Surroundings, live_chain
from producer.settings import NetworkSettings, ProviderKeys, ProviderUrls
from producer.sinks.eventhouse import EventhouseSink
from tests.producer.clock import ManualClock
from tests.producer.local_provider import Said, providing

HALT = {"symbol": "AAPL", "halted_at": "2024-03-01T15:00:00Z", "reason": "T1"}
QUOTE = {"last": 189.5, "volume": 1200, "venue": "XNAS", "time": "2024-03-01T15:00:00Z"}

async def produce(eventhouse):
    with providing(lambda asked: Said(QUOTE)) as provider:
        keys = ProviderKeys.from_variables({"TICKHOUSE_EXAMPLE_KEY": "a-secret"})
        urls = ProviderUrls.from_variables({"TICKHOUSE_EXAMPLE_URL": provider.url})
        given = Surroundings(["AAPL"], keys, ManualClock(), NetworkSettings(offline=True), urls)
        source = live_chain(given, ["example"])
        async with aclosing(source.trades()) as trades:
            trade = await anext(trades)
        await source.close()
        (asked,) = provider.asked
        assert (asked.path, asked.parameters) == ("/v1/last", {"symbol": "AAPL"})
        assert {name.lower(): value for name, value in asked.headers.items()}["x-api-key"] == "a-secret"
    await EventhouseSink(eventhouse).send([trade], [encode_trade(trade)])

async def main():
    eventhouse = EmbeddedEventhouse.open(Path("data"), "Market")
    await deploy(eventhouse)
    await eventhouse.ingest("Halts", json.dumps(HALT).encode(), format="json", mapping="halts_v1")
    await produce(eventhouse)
    answers = []
    for text in json.loads(sys.argv[1]):
        try:
            ask = eventhouse.command if text.startswith(".") else eventhouse.query
            answers.append([list(map(str, row)) for row in (await ask(text)).rows()])
        except KustoError as error:
            answers.append(error.message)
    print(json.dumps(answers))
    await eventhouse.close()

asyncio.run(main())
"""
RANGE = "range x from 1 to 3 step 1"
ANSWERS = {
    "LatestHalt": [["AAPL", "2024-03-01 15:00:00", "T1", "1"]],
    "TradesUnique | project Symbol, Timestamp, Price, Size, Venue, Source": [
        ["AAPL", "2024-03-01 15:00:00", "189.5", "0.0", "XNAS", "example"]
    ],
    "print tanh(0), hypotenuse(3, 4)": [["0.0", "5.0"]],
    "print zlib_decompress_from_base64_string(zlib_compress_to_base64_string('né'))": [["né"]],
    f"{RANGE} | summarize sum_of_squares(x)": [["14.0"]],
    f"{RANGE} | bottom 2 by x": [["1"], ["2"]],
    f"{RANGE} | reverse": [["3"], ["2"], ["1"]],
    ".create materialized-view V on table Halts { Halts | reverse | summarize count() by Symbol }": (
        "Cannot create materialized view 'V': Reverse is not supported."
    ),
    ".swap tables Trades, Halts | project TableName": [["Halts"], ["Trades"]],
    ".swap tables Halts, Trades | project TableName": [["Trades"], ["Halts"]],
}


@dataclass(frozen=True, slots=True)
class Done:
    """The copy in which all recipes were carried out, and what it said on the way."""

    project: Project
    unhandled: frozenset[str]
    handled: frozenset[str]
    renewed: dict[str, tuple[set[str], set[str]]]


def handles_a_node(hunk: Hunk) -> bool:
    """Tell whether a hunk adds a branch over a closed union, or to one."""
    return hunk.path.startswith("emulator/") and re.search(r"^ +case ", hunk.after, re.MULTILINE) is not None


def cases(folder: Path) -> dict[str, list[str]]:
    files = sorted((folder / "tests" / "cases").rglob("*.txt"))
    return {str(file.relative_to(folder)): file.read_text(encoding="utf-8").splitlines() for file in files}


def lines_without(lines: list[str], others: list[str]) -> set[str]:
    return set(lines) - set(others)


def carried_out(project: Project) -> Done:
    """Carry all recipes out; the branches over closed unions last, when mypy has said which it misses."""
    changes = [hunk for changes in code_recipes(FILE).values() for hunk in changes]
    branches = [hunk for hunk in changes if handles_a_node(hunk)]
    for hunk in changes:
        if hunk not in branches:
            project.change(hunk)
    said = project.tried(sys.executable, "-m", "mypy", "--no-error-summary", "-p", "emulator").stdout
    unhandled = {re.sub(r":\d+: error: ", ": ", line) for line in said.splitlines() if 'to "assert_never"' in line}
    assert len(unhandled) == len(said.splitlines()), said
    for hunk in branches:
        project.change(hunk)
    project.run("ruff", "check", "--quiet", "--fix", ".")
    project.run("ruff", "format", "--quiet", ".")
    before = cases(project.folder)
    # What the text says to run. It ends with failures, those of the cases that it writes anew.
    (told,) = set(re.findall(r"`pytest (\S+) --update-cases`", (ROOT / FILE).read_text(encoding="utf-8")))
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--update-cases")
    project.tried(sys.executable, "-m", "pytest", *options, told)
    after = cases(project.folder)
    renewed = {
        name: (lines_without(before[name], lines), lines_without(lines, before[name]))
        for name, lines in after.items()
        if lines != before[name]
    }
    return Done(project, frozenset(unhandled), frozenset(hunk.path for hunk in branches), renewed)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Return a copy of the project in which all recipes were carried out."""
    return carried_out(Project.copied_to(tmp_path_factory.mktemp("project")))


def test_mypy_names_every_branch_that_is_missing(done: Done) -> None:
    missing = {
        "emulator/binder/plan.py": ["Reverse"],
        "emulator/emit/relations.py": ["Reverse"],
        "emulator/engine/commands/dispatch.py": ["SwapTables"],
        "emulator/optimize/narrow.py": ["Reverse"],
        "emulator/optimize/walk.py": ["Reverse"],
        "emulator/syntax/printing/operators.py": ["Bottom | Reverse"],
    }
    assert done.unhandled == {
        f'{file}: Argument 1 to "assert_never" has incompatible type "{name}"; expected "Never"  [arg-type]'
        for file, names in missing.items()
        for name in names
    }
    assert done.handled == missing.keys()


def test_the_cases_that_are_renewed_are_the_hints_that_name_all(done: Done) -> None:
    hints = {
        "tests/cases/parse/command_faults.txt": ("hint: the commands are ", {".swap"}),
        "tests/cases/parse/faults.txt": ("hint: the operators are ", {"bottom", "reverse"}),
    }
    assert done.renewed.keys() == hints.keys()
    for name, (head, new) in hints.items():
        (old_line,), (new_line,) = done.renewed[name]
        assert new_line == head + ", ".join(sorted({*old_line.removeprefix(head).split(", "), *new}))


def test_the_linters_find_nothing(done: Done) -> None:
    done.project.run("ruff", "check", *LINTED)
    done.project.run("ruff", "format", "--check", *LINTED)
    done.project.run("mypy", "-p", "emulator", "-p", "producer", "-p", "cli")
    assert "0 broken." in done.project.tool("lint-imports")


def test_the_suite_passes(done: Done) -> None:
    done.project.passes(*CHECKS)


def test_what_was_made_answers(done: Done) -> None:
    (done.project.folder / "ask.py").write_text(ASKING, encoding="utf-8")
    answers = json.loads(done.project.run("ask", json.dumps(list(ANSWERS))))
    assert dict(zip(ANSWERS, answers, strict=True)) == ANSWERS


def test_the_command_of_the_tool_runs_and_has_its_help(done: Done, tmp_path: Path) -> None:
    made = (".create table A (X: int)", ".set-or-append A <| range X from int(1) to int(3) step int(1)")
    for text in made:
        done.project.run("cli", "query", text, "--data", str(tmp_path), "--database", "Market")
    shown = done.project.run("cli", "rows", "--data", str(tmp_path))
    assert re.findall(r"│ (\w+) +│ +(\d+) │", shown) == [("A", "3")]
    about = "Print how many rows each table and view has."
    assert re.findall(r"^ +rows +(.+)$", done.project.run("cli", "--help"), re.MULTILINE) == [about]
    assert done.project.run("cli", "rows", "--help").splitlines()[2].strip() == about
