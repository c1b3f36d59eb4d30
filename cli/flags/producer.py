"""The flags of `tickhouse producer …`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.flags.options import (
    Database,
    IngestionName,
    LiveSources,
    Mix,
    Rate,
    RunData,
    StatusData,
    Symbols,
    Url,
    Via,
)

producer_app = typer.Typer(
    name="producer",
    help="Bring live prices into an Eventhouse or an event hub, and see how that goes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@producer_app.command("run")
def producer_run(
    source: LiveSources = "auto",
    symbols: Symbols = None,
    via: Annotated[
        Via | None,
        typer.Option(
            envvar="TICKHOUSE_VIA",
            help="eventhubs: into the hub of TICKHOUSE_EVENTHUBS_CONNECTION; the default where that is set.",
            show_default=False,
        ),
    ] = None,
    data: RunData = None,
    eventhouse: Url = None,
    database: Database = "Market",
    mix: Mix = False,
    trades_per_second: Rate = 5.0,
    write_ahead: Annotated[
        bool,
        typer.Option(envvar="TICKHOUSE_WRITE_AHEAD", help="Every batch goes to the spool on disk before it is sent."),
    ] = False,
    batch_age: Annotated[
        float,
        typer.Option(
            envvar="TICKHOUSE_BATCH_AGE",
            help="Seconds a trade waits for others to share a request; 0 sends at once.",
            metavar="SECONDS",
            min=0.0,
            max=60.0,
        ),
    ] = 0.0,
    lease: Annotated[
        Path | None,
        typer.Option(
            envvar="TICKHOUSE_LEASE",
            help="File that producers on the same symbols share: one is active, the others stand by.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    ingestion: Annotated[
        IngestionName | None,
        typer.Option(
            envvar="TICKHOUSE_INGESTION",
            help="Into --eventhouse: managed streams, and queues what cannot be streamed for now (the default there).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Stream live trades from a source into an Eventhouse or an event hub until Ctrl-C, which drains."""
    from cli.commands.producer import ProducerSettings, run_producer
    from cli.composition.sources import chosen_symbols

    run_producer(
        ProducerSettings(
            source=source,
            data=data,
            url=eventhouse,
            database=database,
            via=via.value if via else None,
            trades_per_second=trades_per_second,
            symbols=chosen_symbols(symbols),
            mix=mix,
            write_ahead=write_ahead,
            batch_age=batch_age,
            lease=lease,
            ingestion=ingestion.value if ingestion else None,
        )
    )


@producer_app.command("status")
def producer_status(data: StatusData = None) -> None:
    """Show lag, rate, drops and spool of the producer of a data folder; exit code 1 where none runs."""
    from cli.commands.producer_status import run_producer_status

    run_producer_status(data=data)
