"""The flags of the commands that bring past prices: `load`, `backfill`, `replay`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.flags.options import (
    AdjustmentName,
    BackfillInterval,
    DateOption,
    LoadKind,
    Mix,
    SymbolOption,
    Symbols,
    TargetData,
    TargetDatabase,
    Url,
    finite,
    target_of,
)


def load(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet files.", metavar="FILE")],
    kind: Annotated[LoadKind, typer.Option("--as", help="What the rows are.")],
    adjustment: Annotated[
        AdjustmentName, typer.Option(help="split: prices are split-adjusted and the file carries the splits.")
    ] = AdjustmentName.RAW,
    data: TargetData = None,
    eventhouse: Url = None,
    database: TargetDatabase = None,
    mix: Mix = False,
    symbol: SymbolOption = None,
    date: DateOption = None,
) -> None:
    """Load historical prices from files; loading a file twice changes nothing."""
    from cli.commands.load import run_load
    from producer.sources.files.reading import FileOptions

    run_load(
        files=tuple(files),
        kind=kind.value,
        options=FileOptions(adjustment=adjustment.value, symbol=symbol, trading_date=date.date() if date else None),
        target=target_of(context, data, eventhouse, database),
        mix=mix,
    )


def backfill(
    context: typer.Context,
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First trading date.", metavar="YYYY-MM-DD")
    ],
    last: Annotated[
        datetime | None,
        typer.Option(
            "--to", formats=["%Y-%m-%d"], help="Last trading date.", metavar="YYYY-MM-DD", show_default="today"
        ),
    ] = None,
    interval: Annotated[BackfillInterval, typer.Option(help="Bars of days or of minutes.")] = BackfillInterval.DAY,
    source: Annotated[
        str,
        typer.Option(
            metavar="NAME[,NAME…]",
            help=(
                "auto: all providers that need no key or have one. simulated, or in order of preference tiingo, alpaca,"
                " yahoo, twelvedata, alphavantage."
            ),
        ),
    ] = "auto",
    symbols: Symbols = None,
    data: TargetData = None,
    eventhouse: Url = None,
    database: TargetDatabase = None,
    mix: Mix = False,
) -> None:
    """Fetch the bars that are missing in a range, and reconcile what is there; resumes."""
    from cli.commands.backfill import BackfillOrder, run_backfill_command
    from cli.composition.sources import chosen_symbols

    run_backfill_command(
        BackfillOrder(
            source=source,
            first=first.date(),
            last=last.date() if last else None,
            interval="daily" if interval is BackfillInterval.DAY else "intraday",
            target=target_of(context, data, eventhouse, database),
            mix=mix,
            symbols=chosen_symbols(symbols),
        )
    )


def replay(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Recorded trades, CSV or Parquet.", metavar="FILE")],
    speed: Annotated[
        float,
        typer.Option(
            help="Times faster than recorded; 0 means as fast as possible.", metavar="N", min=0, callback=finite
        ),
    ] = 1.0,
    data: TargetData = None,
    eventhouse: Url = None,
    database: TargetDatabase = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
) -> None:
    """Send recorded trades again with their recorded times, at a chosen speed."""
    from cli.commands.replay import run_replay
    from producer.sources.files.reading import FileOptions

    options = FileOptions(symbol=symbol, trading_date=date.date() if date else None)
    run_replay(file=file, speed=speed, options=options, target=target_of(context, data, eventhouse, database))
