"""`tickhouse query`: run KQL and print rows as a table, JSON or CSV."""

import asyncio
import csv
import json
import sys
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.composition.eventhouses import open_eventhouse
from cli.errors import CliError
from emulator.result import ResultTable
from emulator.text_forms import timespan_text
from emulator.types import Scalar

ROWS_SHOWN = 1000
WIDEST = 10_000


def run_query(
    *,
    text: str,
    data: Path | None,
    url: str | None,
    database: str,
    parameters: tuple[str, ...],
    output: str,
) -> None:
    """Run one query or command and print its first result."""
    result = asyncio.run(_run(text, data, url, database, read_parameters(parameters)))
    print_result(result, output)


async def _run(text: str, data: Path | None, url: str | None, database: str, parameters: dict[str, str]) -> ResultTable:
    eventhouse = await open_eventhouse(url=url, data=data, database=database)
    try:
        if text.lstrip().startswith("."):
            return await eventhouse.command(text)
        return await eventhouse.query(text, parameters=parameters)
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


def print_result(result: ResultTable, output: str) -> None:
    """Print all rows in one of the output formats; a table shows at most `ROWS_SHOWN` rows and says so."""
    kinds = [column.type.scalar for column in result.schema]
    if output == "json":
        rows = [
            {name: json_value(cell, kind) for name, cell, kind in zip(result.schema.names, row, kinds, strict=True)}
            for row in result.rows()
        ]
        sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    elif output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(result.schema.names)
        for row in result.rows():
            writer.writerow([text_value(cell, kind) for cell, kind in zip(row, kinds, strict=True)])
    else:
        print_table(result, kinds)


def print_table(result: ResultTable, kinds: list[Scalar]) -> None:
    """Print rows as a terminal table with right-aligned numbers."""
    console = Console()
    table = Table(header_style="bold", row_styles=("", "dim"))
    for name, kind in zip(result.schema.names, kinds, strict=True):
        table.add_column(name, justify="right" if kind.is_numeric else "left", no_wrap=True)
    for number, row in enumerate(result.rows()):
        if number == ROWS_SHOWN:
            break
        table.add_row(*(text_value(cell, kind) for cell, kind in zip(row, kinds, strict=True)))
    # A row stays on one line; where it is wider than the terminal, the terminal or a pager deals with it.
    needed = console.measure(table, options=console.options.update(max_width=WIDEST)).maximum
    Console(width=max(needed, console.width)).print(table)
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
