"""`tickhouse query`: run KQL and print rows as a table, JSON or CSV."""

import asyncio
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from rich.table import Table

from cli.composition.eventhouses import Target, find_target, open_eventhouse
from cli.errors import CliError
from cli.settings.folders import DEFAULT_DATA, SIMULATED_DATA
from cli.settings.target import TargetSettings
from cli.signals import end_at_once
from cli.terminal import messages, print_whole
from cli.terminal import results as results_console
from emulator.errors import KustoError
from emulator.result import ResultTable
from emulator.syntax.parser import parse_query
from emulator.syntax.requests import is_command
from emulator.syntax.statements import DeclareQueryParameters
from emulator.text_forms import timespan_text
from emulator.types import Scalar

ROWS_SHOWN = 1000
KQL_SUFFIXES = (".kql", ".csl", ".kusto")


def read_text(text: str | None, file: Path | None) -> str:
    """Return the KQL of a command line: its own, that of a file, or of standard input for `-`."""
    if (text is None) is (file is None):
        raise CliError(
            "give KQL, or a file with --file", hint="`tickhouse query 'print 1'`, `tickhouse query --file F`"
        )
    if "-" in (text, str(file)):
        found, source = sys.stdin.read(), "standard input"
    elif file is not None:
        found, source = _read_file(file), str(file)
    else:
        found, source = text or "", "the argument"
    if not found.strip():
        raise CliError(f"{source} holds no KQL")
    return found


def _read_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CliError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def run_query(given: TargetSettings, *, text: str, parameters: tuple[str, ...], output: str) -> None:
    """Run one query or command and print its results; Ctrl-C ends the process at once.

    A query has nothing to wind up, and DuckDB drops a command that was under way.
    """
    end_at_once()
    values = read_parameters(parameters)
    require_declared(text, values)
    target = find_target(given, DEFAULT_DATA, SIMULATED_DATA)
    if target.is_found:
        target.tell(messages())
    try:
        results = asyncio.run(_run(text, target, values))
    except KustoError as error:
        if Path(text.strip()).suffix in KQL_SUFFIXES and "\n" not in text.strip():
            error.hint = f"KQL in a file is run by `tickhouse query --file {text.strip()}`"
        raise
    print_results(results, output)


async def _run(text: str, target: Target, parameters: dict[str, str]) -> Sequence[ResultTable]:
    eventhouse = await open_eventhouse(target)
    try:
        if is_command(text):
            return [await eventhouse.command(text)]
        return await eventhouse.query_all(text, parameters=parameters)
    finally:
        await eventhouse.close()


def read_parameters(texts: Iterable[str]) -> dict[str, str]:
    """Read `name=value` texts; the value is read by the type in `declare query_parameters`."""
    result: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise CliError(f"--parameter '{text}' is not name=value")
        result[name.strip()] = value
    return result


def require_declared(text: str, parameters: Iterable[str]) -> None:
    """Refuse values for parameters that a query does not declare: an Eventhouse ignores them without a word.

    What cannot be read as KQL is left to the Eventhouse, which says where it is wrong.
    """
    names = list(parameters)
    if not names:
        return
    if is_command(text):
        raise CliError(f"a management command takes no parameter '{names[0]}'", hint="only queries declare parameters")
    try:
        statements = parse_query(text).statements
    except KustoError:
        return
    declared = [
        parameter.name.text
        for statement in statements
        if isinstance(statement, DeclareQueryParameters)
        for parameter in statement.parameters
    ]
    for name in names:
        if name not in declared:
            raise CliError(
                f"the query declares no parameter '{name}'",
                hint=f"declare query_parameters({name}: type) stands first in a query",
            )


def print_results(results: Sequence[ResultTable], output: str) -> None:
    """Print every result in one of the output formats, all of it but for tables, which show `ROWS_SHOWN` rows.

    JSON is an array of rows, for several results an array of such arrays; in CSV an empty line stands between two.
    """
    if output == "json":
        documents = [_json_rows(result) for result in results]
        document = documents[0] if len(documents) == 1 else documents
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return
    for number, result in enumerate(results):
        if output == "csv":
            sys.stdout.write("\n" if number else "")
            _print_csv(result)
        else:
            print_table(result)


def _kinds(result: ResultTable) -> list[Scalar]:
    return [column.type.scalar for column in result.schema]


def _json_rows(result: ResultTable) -> list[dict[str, object]]:
    kinds = _kinds(result)
    return [
        {name: json_value(cell, kind) for name, cell, kind in zip(result.schema.names, row, kinds, strict=True)}
        for row in result.rows()
    ]


def _print_csv(result: ResultTable) -> None:
    kinds = _kinds(result)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.schema.names)
    for row in result.rows():
        writer.writerow([text_value(cell, kind) for cell, kind in zip(row, kinds, strict=True)])


def print_table(result: ResultTable) -> None:
    """Print rows as a terminal table with right-aligned numbers."""
    console, kinds = results_console(), _kinds(result)
    table = Table(header_style="bold", row_styles=("", "dim"))
    for name, kind in zip(result.schema.names, kinds, strict=True):
        table.add_column(name, justify="right" if kind.is_numeric else "left", no_wrap=True)
    for number, row in enumerate(result.rows()):
        if number == ROWS_SHOWN:
            break
        table.add_row(*(text_value(cell, kind) for cell, kind in zip(row, kinds, strict=True)))
    print_whole(console, table)
    shown = f"first {ROWS_SHOWN} of " if len(result) > ROWS_SHOWN else ""
    console.print(f"{shown}{len(result)} row{'' if len(result) == 1 else 's'}", style="dim")


def json_value(cell: object, kind: Scalar) -> object:
    """Return a cell as JSON shows it: times as text, dynamic as JSON, decimals as text, no NaN."""
    if cell is None:
        return None
    if kind is Scalar.DYNAMIC and isinstance(cell, str):
        return json.loads(cell)
    if isinstance(cell, float) and cell - cell != 0:
        return None
    if isinstance(cell, datetime | Decimal) or kind is Scalar.TIMESPAN:
        return text_value(cell, kind)
    return cell


def text_value(cell: object, kind: Scalar) -> str:
    """Return a cell as text the way Kusto prints it; null is empty."""
    match cell:
        case None:
            return ""
        case datetime():
            return f"{cell.isoformat()}Z"
        case int() if kind is Scalar.TIMESPAN:
            return timespan_text(cell)
        case Decimal():
            return f"{cell.normalize():f}"
        case bool():
            return str(cell).lower()
        case _:
            return str(cell)
