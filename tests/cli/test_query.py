"""`tickhouse query`: rows as a table, JSON or CSV; errors with their place."""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.commands.query import read_parameters, require_declared, run_query
from cli.errors import CliError
from cli.settings.target import TargetSettings
from emulator.engine.eventhouse import Eventhouse
from emulator.text_forms import timespan_text
from tests.end_to_end.platform import ROOT, offline_environment, tickhouse

EVERY_TYPE = (
    "print B = true, I = int(1), L = 2, R = 1.5, N = real(nan), D = decimal(1.25), S = 'é,\"x',"
    " T = datetime(2026-01-05), P = time(1.02:03:04.5),"
    " G = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), Y = dynamic({'a': [1, null]}), E = long(null)"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("query") / "data"
    folder.mkdir()
    Eventhouse.open(folder, database="Market").close()
    return folder


@pytest.mark.slow
def test_json_keeps_types(data: Path) -> None:
    result = tickhouse("query", EVERY_TYPE, "--data", str(data), "-f", "json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [
        {
            "B": True,
            "I": 1,
            "L": 2,
            "R": 1.5,
            "N": None,
            "D": "1.25",
            "S": 'é,"x',
            "T": "2026-01-05T00:00:00Z",
            "P": "1.02:03:04.5000000",
            "G": "74be27de-1e4e-49d9-b579-fe0b331d3642",
            "Y": {"a": [1, None]},
            "E": None,
        }
    ]


@pytest.mark.slow
def test_csv_quotes_what_needs_it(data: Path) -> None:
    result = tickhouse("query", "print S = 'é,\"x', B = false, E = long(null)", "--data", str(data), "-f", "csv")
    assert list(csv.reader(io.StringIO(result.stdout))) == [["S", "B", "E"], ['é,"x', "false", ""]]


@pytest.mark.slow
def test_a_table_keeps_a_row_on_a_line(data: Path) -> None:
    result = tickhouse("query", "print Long = strrep('wide ', 60), Number = 5", "--data", str(data))
    assert any("wide " * 60 in line and "5" in line for line in result.stdout.splitlines())
    assert "1 row" in result.stdout


SEVERAL = "print A = 1, B = 'x'; range C from 1 to 2 step 1; print D = int(null)"


@pytest.mark.slow
def test_several_results_are_all_printed_as_json(data: Path) -> None:
    result = tickhouse("query", SEVERAL, "--data", str(data), "-f", "json")
    assert json.loads(result.stdout) == [[{"A": 1, "B": "x"}], [{"C": 1}, {"C": 2}], [{"D": None}]]


@pytest.mark.slow
def test_several_results_are_all_printed_as_csv(data: Path) -> None:
    result = tickhouse("query", SEVERAL, "--data", str(data), "-f", "csv")
    assert result.stdout == 'A,B\n1,x\n\nC\n1\n2\n\nD\n""\n'


@pytest.mark.slow
def test_several_results_are_all_printed_as_tables(data: Path) -> None:
    lines = tickhouse("query", SEVERAL, "--data", str(data)).stdout.splitlines()
    assert [line.strip("┃│ ").split() for line in lines if line[0] in "┃│"] == [
        ["A", "┃", "B"],
        ["1", "│", "x"],
        ["C"],
        ["1"],
        ["2"],
        ["D"],
        [],
    ]
    assert [line for line in lines if line.endswith(("row", "rows"))] == ["1 row", "2 rows", "1 row"]


@pytest.mark.slow
def test_kql_comes_from_a_file_or_standard_input(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "q.kql"
    file.write_text("\ufeffprint a = 1 // é\n", encoding="utf-8")
    places = ("--data", str(data), "-f", "csv")
    assert tickhouse("query", "--file", str(file), *places).stdout == "a\n1\n"
    for arguments in (("-",), ("--file", "-")):
        command = [sys.executable, "-m", "cli", "query", *arguments, *places]
        asked = subprocess.run(
            command, input="print a = 2", capture_output=True, text=True, env=offline_environment(), check=False
        )
        assert (asked.stdout, asked.stderr) == ("a\n2\n", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: give KQL, or a file with --file\nhint: `tickhouse query 'print 1'`, `tickhouse query --file F`\n"),
        (("--file", "none.kql"), "error: none.kql cannot be read: No such file or directory\n"),
    ],
)
def test_a_query_without_text_is_refused(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = tickhouse("query", *arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", message)


@pytest.mark.slow
def test_the_name_of_a_file_as_kql_hints_at_the_flag(data: Path) -> None:
    result = tickhouse("query", "q.kql", "--data", str(data))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "hint: KQL in a file is run by `tickhouse query --file q.kql`"


@pytest.mark.slow
def test_ctrl_c_ends_a_query_that_takes_long(data: Path) -> None:
    text = "range i from 1 to 100000000000 step 1 | summarize count() by i % 7 | count"
    command = [sys.executable, "-m", "cli", "query", text, "--data", str(data)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=offline_environment()
    ) as process:
        while not (data / "eventhouse.lock").read_text().startswith(f"{process.pid}\n"):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
    assert tickhouse("query", "print a = 1", "--data", str(data), "-f", "csv").stdout == "a\n1\n"


@pytest.mark.slow
def test_parameters_are_values_and_never_text(data: Path) -> None:
    text = "declare query_parameters(s: string, n: long = 5); print s = s, n = n"
    injected = "x'; .drop table T //"
    result = tickhouse("query", text, "-p", f"s={injected}", "--data", str(data), "-f", "json")
    assert json.loads(result.stdout) == [{"s": injected, "n": 5}]


@pytest.mark.slow
def test_a_fault_is_shown_at_its_place(data: Path) -> None:
    result = tickhouse("query", "print a = 1 | where b > 1", "--data", str(data))
    assert result.returncode == 1
    assert "Failed to resolve column or scalar expression named 'b'" in result.stderr
    assert "^" in result.stderr


@pytest.mark.slow
def test_nothing_but_rows_is_printed(data: Path) -> None:
    result = tickhouse("query", "range x from 1 to 3 step 1 | summarize sum(x)", "--data", str(data), "-f", "csv")
    assert (result.stdout, result.stderr) == ("sum_x\n6\n", "")


@pytest.mark.slow
def test_commands_run_too(data: Path) -> None:
    result = tickhouse("query", ".show databases | project DatabaseName", "--data", str(data), "-f", "csv")
    assert "Market" in result.stdout.splitlines()


def test_parameters_without_a_name_are_refused() -> None:
    assert read_parameters(["a=1=2"]) == {"a": "1=2"}
    with pytest.raises(CliError, match="name=value"):
        read_parameters(["=1"])


@pytest.mark.parametrize("place", [TargetSettings(data=Path("none")), TargetSettings("http://127.0.0.1:9")])
@pytest.mark.parametrize(
    ("text", "given", "message", "hint"),
    [
        (
            "print 1",
            ("z=2",),
            "the query declares no parameter 'z'",
            "declare query_parameters(z: type) stands first in a query",
        ),
        (
            "declare query_parameters(a: long, Z: long = 1); print a + Z",
            ("a=1", "z=2"),
            "the query declares no parameter 'z'",
            "declare query_parameters(z: type) stands first in a query",
        ),
        (
            ".show tables",
            ("z=2",),
            "a management command takes no parameter 'z'",
            "only queries declare parameters",
        ),
    ],
)
def test_a_parameter_that_nobody_declares_is_refused(
    place: TargetSettings, text: str, given: tuple[str, ...], message: str, hint: str
) -> None:
    with pytest.raises(CliError) as caught:
        run_query(place, text=text, parameters=given, output="csv")
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_declared_parameters_and_what_is_no_kql_are_for_the_eventhouse() -> None:
    require_declared("declare query_parameters(a: long, b: long = 1); print a + b", ["a"])
    require_declared("declare query_parameters(a: long); print b | | c", ["z"])


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        (0, "00:00:00"),
        (-10_000_000, "-00:00:01"),
        (864_000_000_001, "1.00:00:00.0000001"),
        (36_000_000_000, "01:00:00"),
    ],
)
def test_timespans_are_written_as_kusto_does(ticks: int, expected: str) -> None:
    assert timespan_text(ticks) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "typed", "source"),
    [([""], "", "the argument"), (["-"], " \n", "standard input"), (["--file", "empty.kql"], "", "empty.kql")],
)
def test_a_text_without_kql_is_told_before_any_eventhouse_is_looked_for(
    arguments: list[str], typed: str, source: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.kql").write_text("\n")
    result = subprocess.run(
        [sys.executable, "-m", "cli", "query", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=offline_environment() | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (1, "", f"error: {source} holds no KQL\n")
