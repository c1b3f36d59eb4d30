from pathlib import Path

import pytest

from emulator.schema.subjects import Kind
from emulator.syntax.commands import DefineFunction
from kql.errors import DefinitionError
from kql.loader import DATABASE_FOLDER, load_database, load_script


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.kql").write_text(text, encoding="utf-8")
    return folder


def function(name: str, body: str) -> str:
    return f".create-or-alter function {name}() {{ {body} }}\n"


@pytest.mark.slow
def test_a_file_is_named_for_the_one_entity_it_makes() -> None:
    for script in load_database().scripts:
        assert [entity.name for entity in script.entities] == [script.file.stem]


def test_every_command_can_run_again_and_drops_nothing() -> None:
    allowed = (".create-merge ", ".create-or-alter ", ".alter-merge ", ".alter table ")
    for statement in load_database().statements:
        assert statement.text.startswith(allowed), statement.text.splitlines()[0]


def test_files_come_after_all_that_they_use() -> None:
    names = [script.file.stem for script in load_database().scripts]
    assert sorted(names) == sorted(file.stem for file in DATABASE_FOLDER.rglob("*.kql"))
    for earlier, later in [
        ("TradesRaw", "CheckedTrades"),
        ("CanonicalSymbol", "CheckedTrades"),
        ("AcceptedTrades", "Trades"),  # named inside of the update policy only
        ("TradesUnique", "Bars1m"),
        ("Bars", "RollingAverage_v1"),
    ]:
        assert names.index(earlier) < names.index(later)


def test_a_command_keeps_its_text_its_line_and_its_properties(tmp_path: Path) -> None:
    write(
        tmp_path,
        F=(
            "// A sentence.\n// @param window Number of bars.\n// @column Average Mean of them.\n// @inherit G\n"
            '.create-or-alter function with (folder = "v1", docstring = "Say \\"it\\".")\nF(window: long) {\n'
            "    // . is no command here\n    print 1\n}\n\n// about the next command\n.show tables\n"
        ),
    )
    script = load_script(tmp_path / "F.kql")
    made, other = script.statements
    assert (made.kind, made.name, made.line) == (Kind.FUNCTION, "F", 5)
    assert isinstance(made.command, DefineFunction)
    assert {each.name: each.text for each in made.command.properties} == {"folder": "v1", "docstring": 'Say "it".'}
    assert made.text.endswith("}")
    assert (other.kind, other.text, other.line) == (Kind.OTHER, ".show tables", 12)
    assert script.header.parameters == {"window": "Number of bars."}
    assert script.header.columns == {"Average": "Mean of them."}
    assert script.header.inherits == ("G",)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("// nothing else\n", None, "no management command found"),
        ("// @param window\n.show tables\n", 1, "'// @param window' is not understood"),
        ("// @parameter window Text.\n.show tables\n", 1, "is not understood"),
        (".create-or-alter function\n(x: long) { print x }\n", 2, "name"),
        (".create-or-alter function F() {\n    print 1 |\n}\n", 3, "."),
        (".show tables\n.drop table T\n", 2, "a command that takes away what is there"),
        (".clear table T data\n", 1, "a command that takes away what is there"),
        (".show tables\n\nprint 1\n", 3, "a query, not a management command"),
        ('.show tables\n\n.create-or-alter function F() {\n  print "open\n}\n', 4, "unterminated|closed|string"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(tmp_path: Path, text: str, line: int | None, message: str) -> None:
    write(tmp_path, F=text)
    with pytest.raises(DefinitionError, match=message) as caught:
        load_script(tmp_path / "F.kql")
    assert (caught.value.file.name, caught.value.line) == ("F.kql", line)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, content in (("Bytes.kql", b"\xff"), ("Folder.kql", None)):
        file = tmp_path / name
        if content is None:
            file.mkdir()
        else:
            file.write_bytes(content)
        with pytest.raises(DefinitionError, match="not a file that can be read") as caught:
            load_script(file)
        assert caught.value.file == file


def test_a_file_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "F.kql").write_bytes(b".show tables\n\n// caf\xe9\n")
    with pytest.raises(DefinitionError) as caught:
        load_script(tmp_path / "F.kql")
    assert (caught.value.line, caught.value.hint) == (3, "save it as UTF-8")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "F.kql").write_bytes(b"\xef\xbb\xbf.show tables\n")
    assert [each.text for each in load_script(tmp_path / "F.kql").statements] == [".show tables"]


def test_two_files_cannot_make_the_same_entity(tmp_path: Path) -> None:
    write(tmp_path, A=function("F", "print 1"), B=function("F", "print 2"))
    with pytest.raises(DefinitionError, match=r"'F' is made by A\.kql too"):
        load_database(tmp_path)


def test_files_that_need_each_other_are_named(tmp_path: Path) -> None:
    write(tmp_path, A=function("F", "G()"), B=function("G", "F()"))
    with pytest.raises(DefinitionError, match=r"files that need each other: .*\.kql → .*\.kql → "):
        load_database(tmp_path)


def test_a_folder_without_files_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"no \.kql file found"):
        load_database(tmp_path)


def test_a_function_has_the_name_of_its_file(tmp_path: Path) -> None:
    write(tmp_path, DailyTurnover_v1=f"// Header.\n{function('DailyTurnOver_v1', 'print 1')}")
    with pytest.raises(DefinitionError) as caught:
        load_database(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/DailyTurnover_v1.kql:2: the file is called DailyTurnover_v1.kql and makes the function"
        " 'DailyTurnOver_v1'\nhint: call the file DailyTurnOver_v1.kql, or the function 'DailyTurnover_v1'"
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (".ingest inline into table T <| 1", "a command that adds rows, at every deployment anew"),
        (".set T <| print 1", "a command that adds rows, at every deployment anew"),
        (".set-or-replace T <| print 1", "a command that adds rows, at every deployment anew"),
        (".append T <| print 1", "a command that adds rows, at every deployment anew"),
        (".show tables", "a command that makes nothing that a database consists of"),
        (".show table T details | count", "a command that makes nothing that a database consists of"),
        (".get ingestion resources", "a command that makes nothing that a database consists of"),
        (".cancel query 'x'", "a command that makes nothing that a database consists of"),
    ],
)
def test_a_project_makes_a_database_and_does_nothing_else(tmp_path: Path, command: str, message: str) -> None:
    folder = write(tmp_path, T=f".create-merge table T (n: long)\n\n// and then\n{command}\n")
    with pytest.raises(DefinitionError) as caught:
        load_database(folder)
    assert (caught.value.message, caught.value.file.name, caught.value.line) == (message, "T.kql", 4)
