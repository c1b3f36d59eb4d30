"""The flags of `tickhouse data-connection …`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.flags.options import (
    Database,
    StatusData,
    TokenFile,
    key_of,
)

connection_app = typer.Typer(
    name="data-connection",
    help="Store what arrives in an event hub into an Eventhouse, each event once, and see how that goes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@connection_app.command("run")
def connection_run(
    context: typer.Context,
    eventhouse: Annotated[
        str | None,
        typer.Option(
            "--eventhouse",
            envvar="TICKHOUSE_EVENTHOUSE",
            help="URL of a running emulator or `up`; without it the Eventhouse of the data folder.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="TICKHOUSE_DATA",
            help="Folder for status and dead letters.",
            metavar="FOLDER",
            show_default="data/market",
        ),
    ] = None,
    database: Database = "Market",
    table: Annotated[
        str | None,
        typer.Option(
            "--table", help="Table that takes the events.", metavar="NAME", show_default="TradesRaw, where trades land"
        ),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option("--mapping", help="JSON mapping of the table.", metavar="NAME", show_default="that of TradesRaw"),
    ] = None,
    consumer_group: Annotated[
        str,
        typer.Option(
            envvar="TICKHOUSE_CONSUMER_GROUP",
            help="Consumer group of the hub; nobody else may read it.",
            metavar="NAME",
        ),
    ] = "$Default",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="TICKHOUSE_TOKEN", help="Bearer token of the Eventhouse.", metavar="TOKEN", show_default=False
        ),
    ] = None,
    token_file: TokenFile = None,
) -> None:
    """Store the events of the hub of TICKHOUSE_EVENTHUBS_CONNECTION until Ctrl-C, which drains."""
    from cli.commands.data_connection import ConnectionSettings, run_data_connection

    key = key_of(context, "token", token, token_file)
    run_data_connection(ConnectionSettings(eventhouse, data, database, table, mapping, consumer_group, key))


@connection_app.command("status")
def connection_status(data: StatusData = None) -> None:
    """Show lag, rate, dead letters and problems; exit code 1 where it does not run, or not well."""
    from cli.commands.connection_status import run_connection_status

    run_connection_status(data=data)
