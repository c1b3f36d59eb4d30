"""The options that several commands share, and the names that an option chooses from.

Loaded with every command, and with `--help`: nothing heavy may be imported here.
"""

from datetime import datetime
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from cli.settings.target import TargetSettings, one_of


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


# Where a command looks when it is told neither a folder nor a URL, as `cli.composition.eventhouses` does.
_RUNNING = "that of the Eventhouse that runs, else data/market"


def _folder(help_: str, default: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        "--data", envvar="TICKHOUSE_DATA", help=help_, metavar="FOLDER", show_default=default
    )
    return option


def _database(default: str | bool) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        "--database",
        envvar="TICKHOUSE_DATABASE",
        help="Name of the KQL database.",
        metavar="NAME",
        show_default=default,
    )
    return option


def _key_file(flag: str, variable: str, what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        flag,
        envvar=variable,
        help=f"File that holds {what}: a command line is seen by everyone on the machine.",
        metavar="FILE",
        show_default=False,
    )
    return option


def port(flag: str, what: str, variable: str) -> typer.models.OptionInfo:
    """Return the option of a port; 0 takes a free one."""
    option: typer.models.OptionInfo = typer.Option(
        flag, envvar=variable, help=f"Port of {what}; 0 takes a free one.", metavar="PORT", min=0, max=65535
    )
    return option


def finite(value: float | None) -> float | None:
    """Refuse what is a number to the parser and to nobody else."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


TargetData = Annotated[Path | None, _folder("Folder of the embedded Eventhouse to work on.", _RUNNING)]
ReadData = Annotated[
    Path | None,
    _folder("Folder of the embedded Eventhouse to ask.", f"{_RUNNING} or data/simulated, where there is one"),
]
RunData = Annotated[
    Path | None, _folder("Folder that keeps everything.", "data/market, and data/simulated for simulated prices")
]
StatusData = Annotated[
    Path | None, _folder("Folder of the process.", "of data/market and data/simulated that which was written last")
]
NewData = Annotated[Path | None, _folder("New or empty folder that is to keep everything.", "data/market")]
MemoryData = Annotated[Path | None, _folder("Folder that keeps the data.", "none: in memory")]
Url = Annotated[
    str | None,
    typer.Option(
        "--eventhouse",
        envvar="TICKHOUSE_EVENTHOUSE",
        help="URL of an Eventhouse (Fabric, Azure Data Explorer or a running emulator) instead of a data folder.",
        metavar="URL",
        show_default=False,
    ),
]
Database = Annotated[str, _database(True)]
TargetDatabase = Annotated[str | None, _database("that of the Eventhouse that runs, else Market")]
Host = Annotated[
    str,
    typer.Option(
        "--host", envvar="TICKHOUSE_HOST", help="Address to listen on; beyond loopback needs a key.", metavar="ADDRESS"
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="TICKHOUSE_API_KEY",
        help="Key that callers must send; required to listen beyond loopback.",
        metavar="KEY",
        show_default=False,
    ),
]
ApiKeyFile = Annotated[Path | None, _key_file("--api-key-file", "TICKHOUSE_API_KEY_FILE", "the key")]
TokenFile = Annotated[Path | None, _key_file("--token-file", "TICKHOUSE_TOKEN_FILE", "the token")]
AllowedHosts = Annotated[
    str | None,
    typer.Option(
        "--allowed-hosts",
        envvar="TICKHOUSE_ALLOWED_HOSTS",
        help="Names beside those of this machine under which requests may come; without a key no others do.",
        metavar="NAME[,NAME…]",
        show_default=False,
    ),
]
AllowedOrigins = Annotated[
    str | None,
    typer.Option(
        "--allowed-origins",
        envvar="TICKHOUSE_ALLOWED_ORIGINS",
        help="Origins whose web pages may ask, beside those of this machine, such as https://dash.example.",
        metavar="ORIGIN[,ORIGIN…]",
        show_default=False,
    ),
]
Port = Annotated[int, port("--port", "the REST API", "TICKHOUSE_PORT")]
SymbolOption = Annotated[
    str | None,
    typer.Option("--symbol", help="Symbol of a file without a symbol column.", metavar="SYMBOL", show_default=False),
]
DateOption = Annotated[
    datetime | None,
    typer.Option(
        "--date",
        formats=["%Y-%m-%d"],
        help="Trading date of a file with times only.",
        metavar="YYYY-MM-DD",
        show_default=False,
    ),
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
    int, port("--eventhouse-port", "the embedded Eventhouse's Kusto wire", "TICKHOUSE_EVENTHOUSE_PORT")
]
Rate = Annotated[
    float,
    typer.Option(
        "--trades-per-second",
        envvar="TICKHOUSE_TRADES_PER_SECOND",
        help="How busy the simulated market is.",
        metavar="N",
        min=0.1,
        callback=finite,
    ),
]
HubName = Annotated[str, typer.Option("--hub", envvar="TICKHOUSE_HUB", help="Name of the event hub.", metavar="NAME")]
Partitions = Annotated[
    int,
    typer.Option(
        "--partitions", envvar="TICKHOUSE_PARTITIONS", help="Partitions of the event hub.", metavar="N", min=1, max=32
    ),
]
HubPort = Annotated[int, port("--hub-port", "the event hub", "TICKHOUSE_HUB_PORT")]


def target_of(
    context: typer.Context, data: Path | None, eventhouse: str | None, database: str | None
) -> TargetSettings:
    """Return what the options of a command say of its Eventhouse; a folder and a URL from one place are refused."""
    folder, url = one_of(data, eventhouse, *(_source(context, name) for name in ("data", "eventhouse")))
    return TargetSettings(url, folder, database)


def key_of(context: typer.Context, name: str, key: str | None, file: Path | None) -> str | None:
    """Return the key of the option `name` or of the file of its neighbor; both from one place are refused."""
    from cli.settings.access import key_in

    flag = f"--{name.replace('_', '-')}"
    key_from, file_from = _source(context, name), _source(context, f"{name}_file")
    return key_in(*one_of(key, file, key_from, file_from, f"{flag} and {flag}-file"), flag)


def _source(context: typer.Context, name: str) -> str:
    source = context.get_parameter_source(name)
    return source.name if source else "DEFAULT"
