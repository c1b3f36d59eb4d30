"""The flags of `tickhouse data-connection …`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.flags.options import (
    Data,
    Database,
)

connection_app = typer.Typer(
    name="data-connection",
    help="Store what arrives in an event hub into an Eventhouse, each event once, and see how that goes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@connection_app.command("run")
def connection_run(
    eventhouse: Annotated[
        str | None,
        typer.Option(
            "--eventhouse",
            envvar="TICKHOUSE_EVENTHOUSE",
            help="URL of a running emulator or `up`; without it the Eventhouse of the data folder.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="TICKHOUSE_DATA", help="Folder for status and dead letters.", show_default=False),
    ] = None,
    database: Database = "Market",
    table: Annotated[
        str | None,
        typer.Option("--table", help="Table that takes the events; trades land in TradesRaw.", show_default=False),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option("--mapping", help="JSON mapping of the table; by default that of TradesRaw.", show_default=False),
    ] = None,
    consumer_group: Annotated[
        str, typer.Option(envvar="TICKHOUSE_CONSUMER_GROUP", help="Consumer group of the hub; nobody else may read it.")
    ] = "$Default",
    token: Annotated[
        str | None,
        typer.Option(envvar="TICKHOUSE_TOKEN", help="Bearer token of the Eventhouse.", show_default=False),
    ] = None,
) -> None:
    """Store the events of the hub of TICKHOUSE_EVENTHUBS_CONNECTION until Ctrl-C, which drains."""
    from cli.commands.data_connection import ConnectionSettings, run_data_connection

    run_data_connection(ConnectionSettings(eventhouse, data, database, table, mapping, consumer_group, token))


@connection_app.command("status")
def connection_status(data: Data = None) -> None:
    """Show lag, rate, dead letters and problems; exit code 1 where it does not run, or not well."""
    from cli.commands.connection_status import run_connection_status

    run_connection_status(data=data)
