"""The flags of the commands on a database: `deploy`, `query`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.flags.options import (
    Data,
    Database,
    OutputFormat,
    Url,
)


def deploy(
    data: Data = None,
    eventhouse: Url = None,
    database: Database = "Market",
    files: Annotated[
        Path | None, typer.Option("--files", help="Folder of .kql files; the market database without it.")
    ] = None,
) -> None:
    """Create or alter the market database: tables, mappings, policies, views and functions, in dependency order."""
    from cli.commands.deploy import run_deploy

    run_deploy(data=data, url=eventhouse, database=database, files=files)


def query(
    text: Annotated[str, typer.Argument(help="KQL query or management command; '-' reads standard input.")],
    data: Data = None,
    eventhouse: Url = None,
    database: Database = "Market",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="name=value for `declare query_parameters`; repeatable.", metavar="N=V"),
    ] = None,
    output: Annotated[OutputFormat, typer.Option("--format", "-f", help="How to print the rows.")] = OutputFormat.TABLE,
) -> None:
    """Run KQL and print the rows."""
    from cli.commands.query import run_query

    run_query(
        text=sys.stdin.read() if text == "-" else text,
        data=data,
        url=eventhouse,
        database=database,
        parameters=tuple(parameter or ()),
        output=output.value,
    )
