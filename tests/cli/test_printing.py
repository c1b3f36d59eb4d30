"""What `query` runs, and how it prints rows: as a table, JSON or CSV, each cell as Kusto writes it."""

import io
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cli.commands import query
from cli.commands.query import ROWS_SHOWN, print_results, read_text, run_query
from cli.composition.eventhouses import Target
from cli.errors import CliError
from cli.main import app, fail
from cli.settings.target import TargetSettings
from emulator.errors import KustoError
from emulator.result import ResultTable
from emulator.types import Column, KqlType, Scalar, Schema

KINDS = {
    "B": Scalar.BOOL,
    "L": Scalar.LONG,
    "R": Scalar.REAL,
    "D": Scalar.DECIMAL,
    "S": Scalar.STRING,
    "T": Scalar.DATETIME,
    "P": Scalar.TIMESPAN,
    "Y": Scalar.DYNAMIC,
}


def table(kinds: dict[str, Scalar], *rows: tuple[object, ...]) -> ResultTable:
    columns = tuple(Column(name, KqlType(kind)) for name, kind in kinds.items())
    arrays = [pa.array([row[number] for row in rows]) for number in range(len(kinds))]
    return ResultTable(Schema(columns), pa.table(arrays, names=list(kinds)))


EVERY_KIND = table(
    KINDS,
    (
        True,
        1_000,
        1.5,
        Decimal("1.250"),
        'é,"x',
        datetime.fromisoformat("2026-01-05T09:30:00"),
        937_845_000_000,
        '{"a": [1, null, "é"]}',
    ),
    (False, -1, float("nan"), Decimal("1000"), "", datetime.fromisoformat("2026-01-05T09:30:00.25"), 0, '"text"'),
    (None, None, float("-inf"), None, "1", None, None, None),
)
NUMBERS = table({"N": Scalar.LONG, "Name": Scalar.STRING}, (1, "a"), (200, "b"))
ONE = table({"N": Scalar.LONG}, (7,))


def test_json_keeps_types_and_has_no_number_that_json_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_results([EVERY_KIND], "json")
    assert capsys.readouterr().out == (
        "[\n"
        "  {\n"
        '    "B": true,\n'
        '    "L": 1000,\n'
        '    "R": 1.5,\n'
        '    "D": "1.25",\n'
        '    "S": "é,\\"x",\n'
        '    "T": "2026-01-05T09:30:00Z",\n'
        '    "P": "1.02:03:04.5000000",\n'
        '    "Y": {\n'
        '      "a": [\n'
        "        1,\n"
        "        null,\n"
        '        "é"\n'
        "      ]\n"
        "    }\n"
        "  },\n"
        "  {\n"
        '    "B": false,\n'
        '    "L": -1,\n'
        '    "R": null,\n'
        '    "D": "1000",\n'
        '    "S": "",\n'
        '    "T": "2026-01-05T09:30:00.250000Z",\n'
        '    "P": "00:00:00",\n'
        '    "Y": "text"\n'
        "  },\n"
        "  {\n"
        '    "B": null,\n'
        '    "L": null,\n'
        '    "R": null,\n'
        '    "D": null,\n'
        '    "S": "1",\n'
        '    "T": null,\n'
        '    "P": null,\n'
        '    "Y": null\n'
        "  }\n"
        "]\n"
    )


def test_several_results_are_an_array_of_arrays(capsys: pytest.CaptureFixture[str]) -> None:
    print_results([ONE, ONE], "json")
    assert "".join(capsys.readouterr().out.split()) == '[[{"N":7}],[{"N":7}]]'
    print_results([], "json")
    assert capsys.readouterr().out == "[]\n"


def test_csv_is_quoted_where_it_must_be_and_has_an_empty_line_between_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_results([EVERY_KIND, ONE], "csv")
    assert capsys.readouterr().out == (
        "B,L,R,D,S,T,P,Y\n"
        'true,1000,1.5,1.25,"é,""x",2026-01-05T09:30:00Z,1.02:03:04.5000000,"{""a"": [1, null, ""é""]}"\n'
        'false,-1,nan,1000,,2026-01-05T09:30:00.250000Z,00:00:00,"""text"""\n'
        ",,-inf,,1,,,\n"
        "\nN\n7\n"
    )


def test_a_table_has_its_numbers_on_the_right_and_counts_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_results([NUMBERS, ONE], "table")
    assert capsys.readouterr().out == (
        "┏━━━━━┳━━━━━━┓\n"
        "┃   N ┃ Name ┃\n"
        "┡━━━━━╇━━━━━━┩\n"
        "│   1 │ a    │\n"
        "│ 200 │ b    │\n"
        "└─────┴──────┘\n"
        "2 rows\n"
        "┏━━━┓\n"
        "┃ N ┃\n"
        "┡━━━┩\n"
        "│ 7 │\n"
        "└───┘\n"
        "1 row\n"
    )


@pytest.mark.parametrize(
    ("rows", "shown", "last"), [(0, 0, "0 rows"), (3, 3, "3 rows"), (4, 3, "first 3 of 4 rows"), (1, 1, "1 row")]
)
def test_a_table_shows_its_first_rows(
    rows: int, shown: int, last: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(query, "ROWS_SHOWN", 3)
    print_results([table({"N": Scalar.LONG}, *((number,) for number in range(rows)))], "table")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("│")] == [f"│ {number} │" for number in range(shown)]
    assert lines[-1] == last
    assert ROWS_SHOWN == 1_000, "as the README says"


class _Asked:
    """An Eventhouse that writes down what it is asked."""

    def __init__(self, fault: KustoError | None = None) -> None:
        self.asked: list[object] = []
        self.fault = fault

    async def command(self, text: str) -> ResultTable:
        self.asked.append(text)
        return ONE

    async def query_all(self, text: str, *, parameters: dict[str, str]) -> Sequence[ResultTable]:
        if self.fault is not None:
            raise self.fault
        self.asked.append((text, parameters))
        return [ONE, ONE]

    async def close(self) -> None:
        self.asked.append("closed")


def run(
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: KustoError | None = None,
    *,
    is_found: bool = False,
    parameters: tuple[str, ...] = (),
) -> _Asked:
    eventhouse = _Asked(fault)

    async def opened(_target: Target) -> _Asked:
        return eventhouse

    monkeypatch.setattr(query, "open_eventhouse", opened)
    monkeypatch.setattr(query, "end_at_once", lambda: None)
    monkeypatch.setattr(query, "find_target", lambda *_given: Target("Market", None, Path("d"), is_found))
    run_query(TargetSettings(), text=text, parameters=parameters, output="csv")
    return eventhouse


def test_a_query_is_asked_with_its_parameters_and_a_command_by_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "declare query_parameters(a: long); print N = 6 + a"
    assert run(text, monkeypatch, parameters=("a=1",)).asked == [(text, {"a": "1"}), "closed"]
    assert capsys.readouterr() == ("N\n7\n\nN\n7\n", "")
    assert run(" // say\n.show tables", monkeypatch).asked == [" // say\n.show tables", "closed"]
    assert capsys.readouterr() == ("N\n7\n", "")


def test_an_eventhouse_that_was_found_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(".show tables", monkeypatch, is_found=True)
    assert capsys.readouterr() == ("N\n7\n", "Eventhouse  d  database Market\n")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (" q.kql\n", "KQL in a file is run by `tickhouse query --file q.kql`"),
        ("folder/q.csl", "KQL in a file is run by `tickhouse query --file folder/q.csl`"),
        ("q.kusto", "KQL in a file is run by `tickhouse query --file q.kusto`"),
        ("q.txt", "of the fault"),
        ("T\n| where a.kql", "of the fault"),
    ],
)
def test_a_text_that_is_the_name_of_a_file_is_led_to_the_flag(
    text: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KustoError) as caught:
        run(text, monkeypatch, KustoError("no such table", hint="of the fault"))
    assert caught.value.hint == hint


def test_kql_is_of_the_argument_or_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "q.kql"
    file.write_text("\ufeffprint 'é'", encoding="utf-8")
    assert read_text("print 1", None) == "print 1"
    assert read_text(None, file) == "print 'é'"
    for text, place in (("-", None), (None, Path("-"))):
        monkeypatch.setattr(sys, "stdin", io.StringIO("print 2"))
        assert read_text(text, place) == "print 2"


@pytest.mark.parametrize(
    ("text", "name", "message", "hint"),
    [
        (None, None, "give KQL, or a file with --file", "`tickhouse query 'print 1'`, `tickhouse query --file F`"),
        (
            "print 1",
            "q.kql",
            "give KQL, or a file with --file",
            "`tickhouse query 'print 1'`, `tickhouse query --file F`",
        ),
        (None, "none.kql", "none.kql cannot be read: No such file or directory", ""),
        (None, "odd.kql", "odd.kql is not UTF-8 text: invalid start byte at byte 7", ""),
        (None, "empty.kql", "empty.kql holds no KQL", ""),
        (" \n", None, "the argument holds no KQL", ""),
        ("", None, "the argument holds no KQL", ""),
        ("-", None, "standard input holds no KQL", ""),
    ],
)
def test_what_is_no_kql_is_refused(
    text: str | None, name: str | None, message: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\t"))
    Path("odd.kql").write_bytes(b"print '\xff'")
    Path("empty.kql").write_text("\n")
    with pytest.raises(CliError) as caught:
        read_text(text, Path(name) if name else None)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(("hint", "lines"), [("", ""), ("try that", "hint: try that\n")])
def test_an_error_is_a_line_and_its_hint_another(hint: str, lines: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fail("it failed", hint)
    assert (caught.value.code, capsys.readouterr()) == (1, ("", f"error: it failed\n{lines}"))


def test_a_parameter_that_is_no_pair_ends_a_query_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "end_at_once", lambda: None)
    result = CliRunner().invoke(app, ["query", "print 1", "--data", "none", "-p", " =1"])
    assert isinstance(result.exception, CliError)
    assert result.exception.message == "--parameter ' =1' is not name=value"
