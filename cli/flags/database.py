"""The flags of the commands on a database: `deploy`, `lock`, `query`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.flags.options import OutputFormat, ReadData, TargetData, TargetDatabase, Url, target_of

Files = Annotated[
    Path | None,
    typer.Option("--files", help="Folder of .kql files.", metavar="FOLDER", show_default="the market database"),
]


def deploy(
    context: typer.Context,
    data: TargetData = None,
    eventhouse: Url = None,
    database: TargetDatabase = None,
    files: Files = None,
) -> None:
    """Create or alter the market database: tables, mappings, policies, views and functions, in dependency order."""
    from cli.commands.deploy import run_deploy

    run_deploy(target_of(context, data, eventhouse, database), files=files)


def lock(
    files: Files = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where a released function does not keep its contract.")
    ] = False,
    replace: Annotated[
        list[str] | None,
        typer.Option("--replace", help="Lock a function anew that was never released; repeatable.", metavar="FUNCTION"),
    ] = None,
) -> None:
    """Record in kql.lock what released functions (`_v1`, `_v2`, …) promise: parameters, result columns, their types."""
    from cli.commands.lock import run_lock

    run_lock(files=files, check=check, replace=tuple(replace or ()))


def query(
    context: typer.Context,
    text: Annotated[
        str | None, typer.Argument(help="KQL query or management command; '-' reads standard input.", metavar="KQL")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Read the KQL from a file.", metavar="FILE", show_default=False)
    ] = None,
    data: ReadData = None,
    eventhouse: Url = None,
    database: TargetDatabase = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="name=value for `declare query_parameters`; repeatable.", metavar="N=V"),
    ] = None,
    output: Annotated[
        OutputFormat,
        typer.Option(
            "--format",
            "-f",
            help=(
                "How to print the rows. Several results are a table each, an array of the results' arrays, or CSV with"
                " an empty line between two."
            ),
        ),
    ] = OutputFormat.TABLE,
) -> None:
    """Run KQL and print the rows of every result."""
    from cli.commands.query import read_text, run_query

    run_query(
        target_of(context, data, eventhouse, database),
        text=read_text(text, file),
        parameters=tuple(parameter or ()),
        output=output.value,
    )
