"""The market database as records: what the files say is what an Eventhouse holds after them."""

from pathlib import Path

import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.schema.definitions import Definitions
from emulator.schema.subjects import Kind, Subject
from kql.errors import DefinitionError
from kql.loader import DATABASE_FOLDER, load_database
from tests.kql.template import DATABASE, market_folder


def write(folder: Path, text: str) -> Path:
    (folder / "F.kql").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    """The definitions of a market database that was deployed, kept and opened again."""
    eventhouse = Eventhouse.open(market_folder(tmp_path_factory.mktemp("market")), database=DATABASE)
    try:
        return eventhouse.definitions()
    finally:
        eventhouse.close()


@pytest.mark.slow
def test_what_the_files_say_is_what_an_eventhouse_holds(living: Definitions) -> None:
    wanted = load_database().definitions
    assert living == wanted
    assert living.canonical() == wanted.canonical()
    made = sorted((*wanted.tables, *wanted.views, *wanted.functions))
    assert made == sorted(file.stem for file in DATABASE_FOLDER.rglob("*.kql"))


@pytest.mark.slow
def test_a_script_of_the_living_database_makes_the_same_definitions(living: Definitions, tmp_path: Path) -> None:
    eventhouse = Eventhouse.open(market_folder(tmp_path / "market"), database=DATABASE)
    try:
        commands = [str(row[0]) for row in eventhouse.command(".show database schema as csl script").rows()]
    finally:
        eventhouse.close()
    remade = load_database(write(tmp_path, "\n\n".join(commands))).definitions
    assert remade.canonical() == living.canonical()


@pytest.mark.slow
def test_every_command_of_the_files_is_about_something_with_a_name() -> None:
    for statement in load_database().statements:
        assert statement.kind is not Kind.OTHER, statement.text
        assert statement.name, statement.text
    (landing,) = (script for script in load_database().scripts if script.file.stem == "TradesRaw")
    table = Subject(Kind.TABLE, "TradesRaw")
    assert [statement.subject for statement in landing.statements] == [
        table,
        Subject(Kind.TEXT, "column-docstrings", table),
        Subject(Kind.MAPPING, "json trades_v1", table),
        Subject(Kind.POLICY, "streamingingestion", table),
    ]


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (
            ".create-merge tables A (a: int), B (b: int)\n",
            1,
            "a command about several entities at once",
            "write one command for each of them",
        ),
        (
            ".create-merge table T (a: int)\n\n.alter table T policy update '!'\n",
            3,
            "policy update of table T: BadRequest_InvalidPolicy: Invalid update policy: Expecting value: "
            "line 1 column 1 (char 0).",
            "",
        ),
        (
            ".create-merge table T (a: int)\n\n// of another table\n.alter table U policy streamingingestion enable\n",
            4,
            "policy streamingingestion of table U: BadRequest_EntityNotFound: Table 'U' is not defined.",
            "",
        ),
        (
            ".create-merge table T (a: int)\n\n.create-merge table T (a: long)\n",
            3,
            "table T: BadRequest_ColumnTypeMismatch: Table 'T': column 'a' is of type 'int' and cannot become 'long'.",
            "`.alter column` changes a type, and loses the column's values",
        ),
    ],
)
def test_a_command_that_defines_nothing_certain_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        _ = load_database(write(tmp_path, text)).definitions
    assert (caught.value.message, caught.value.line, caught.value.hint) == (message, line, hint)
