"""The options that several commands share, and the names that an option chooses from.

Loaded with every command, and with `--help`: nothing heavy may be imported here.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Via(StrEnum):
    """The way of live trades into the Eventhouse."""

    DIRECT = "direct"
    EVENTHUBS = "eventhubs"


class IngestionName(StrEnum):
    """How a remote Eventhouse gets its batches."""

    MANAGED = "managed"
    STREAMING = "streaming"
    QUEUED = "queued"


class BackfillInterval(StrEnum):
    """The bars that `backfill` fetches."""

    DAY = "1d"
    MINUTE = "1m"


class LoadKind(StrEnum):
    """What the rows of a file are."""

    DAILY = "daily"
    INTRADAY = "intraday"
    TRADES = "trades"
    ACTIONS = "actions"


class AdjustmentName(StrEnum):
    """How the prices of a file are adjusted."""

    RAW = "raw"
    SPLIT = "split"


class OutputFormat(StrEnum):
    """How `query` prints rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="TICKHOUSE_DATA", help="Folder of the embedded Eventhouse.", show_default=False),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--eventhouse",
        envvar="TICKHOUSE_EVENTHOUSE",
        help="URL of an Eventhouse (Fabric, Azure Data Explorer or a running emulator) instead of a data folder.",
        show_default=False,
    ),
]
Database = Annotated[str, typer.Option("--database", envvar="TICKHOUSE_DATABASE", help="Name of the KQL database.")]
Host = Annotated[
    str, typer.Option("--host", envvar="TICKHOUSE_HOST", help="Address to listen on; beyond loopback needs a key.")
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="TICKHOUSE_API_KEY",
        help="Key that callers must send; required to listen beyond loopback.",
        show_default=False,
    ),
]
Port = Annotated[int, typer.Option("--port", envvar="TICKHOUSE_PORT", help="Port of the REST API.", min=1, max=65535)]
SymbolOption = Annotated[
    str | None, typer.Option("--symbol", help="Symbol of a file without a symbol column.", show_default=False)
]
DateOption = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="Trading date of a file with times only.", show_default=False),
]
LiveSources = Annotated[
    str,
    typer.Option(
        "--source",
        envvar="TICKHOUSE_SOURCE",
        metavar="NAME[,NAME…]",
        help=(
            "auto: the live providers that answer, and the simulated market where none does. simulated, none, or in"
            " order of preference yahoo-stream, yahoo, alpaca, finnhub, finnhub-quotes."
        ),
    ),
]
Symbols = Annotated[
    str | None,
    typer.Option(
        "--symbols",
        envvar="TICKHOUSE_SYMBOLS",
        metavar="SYMBOL[,SYMBOL…]",
        help="Only these companies, by symbol or alias; all without it.",
        show_default=False,
    ),
]
Mix = Annotated[bool, typer.Option("--mix", help="Allow real and simulated prices in one database.")]
EventhousePort = Annotated[
    int,
    typer.Option(
        "--eventhouse-port",
        envvar="TICKHOUSE_EVENTHOUSE_PORT",
        help="Port of the embedded Eventhouse's Kusto wire.",
        min=1,
        max=65535,
    ),
]
Rate = Annotated[
    float,
    typer.Option(
        "--trades-per-second", envvar="TICKHOUSE_TRADES_PER_SECOND", help="How busy the simulated market is.", min=0.1
    ),
]
HubName = Annotated[str, typer.Option("--hub", envvar="TICKHOUSE_HUB", help="Name of the event hub.")]
Partitions = Annotated[
    int, typer.Option("--partitions", envvar="TICKHOUSE_PARTITIONS", help="Partitions of the event hub.", min=1, max=32)
]
HubPort = Annotated[
    int, typer.Option("--hub-port", envvar="TICKHOUSE_HUB_PORT", help="Port of the event hub.", min=1, max=65535)
]
