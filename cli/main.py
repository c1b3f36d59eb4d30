"""The Typer application: every command's flags and help; the work is imported when a command runs.

`tickhouse --help` must stay quick: nothing here may load DuckDB, Arrow, FastAPI or an Azure package.
"""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CliError
from cli.options import (
    AdjustmentName,
    ApiKey,
    BackfillInterval,
    Data,
    Database,
    DateOption,
    EventhousePort,
    Host,
    HubName,
    HubPort,
    IngestionName,
    LiveSources,
    LoadKind,
    Mix,
    OutputFormat,
    Partitions,
    Port,
    Rate,
    SymbolOption,
    Symbols,
    Url,
    Via,
)
from cli.settings import SETTINGS_FILE, Option, default_map, read_settings_file

app = typer.Typer(
    name="tickhouse",
    help="KQL-first real-time stock analytics: an embedded Eventhouse, versioned KQL functions, a generated REST API.",
    epilog="Settings: flags, then environment TICKHOUSE_<OPTION>, then tickhouse.toml in the current folder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

producer_app = typer.Typer(
    name="producer",
    help="Bring live prices into an Eventhouse or an event hub, and see how that goes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(producer_app)

connection_app = typer.Typer(
    name="data-connection",
    help="Store what arrives in an event hub into an Eventhouse, each event once, and see how that goes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(connection_app)


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[Path, typer.Option("--config", envvar="TICKHOUSE_CONFIG", help="Settings file.")] = Path(
        SETTINGS_FILE
    ),
) -> None:
    """Load the settings file into the defaults of every command."""
    commands = dict(_options(context.command))
    context.default_map = default_map(read_settings_file(config), commands, config)


def _options(group: object, prefix: str = "") -> Iterator[tuple[str, tuple[Option, ...]]]:
    """Iterate over the commands with their options; a command in a group is called `group.command`."""
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from _options(command, f"{prefix}{name}.")
        else:
            yield (
                prefix + name,
                tuple(
                    Option(parameter.name, option.lstrip("-"))
                    for parameter in command.params
                    for option in parameter.opts
                    if parameter.name and option.startswith("--") and option != "--help"
                ),
            )


@app.command()
def up(
    source: LiveSources = "auto",
    symbols: Symbols = None,
    data: Data = None,
    port: Port = 8000,
    eventhouse_port: EventhousePort = 8080,
    host: Host = "127.0.0.1",
    api_key: ApiKey = None,
    database: Database = "Market",
    mix: Mix = False,
    via: Annotated[
        Via, typer.Option(envvar="TICKHOUSE_VIA", help="eventhubs: through a local event hub, as in production.")
    ] = Via.DIRECT,
    hub_port: HubPort = 5672,
    hub: HubName = "trades",
    partitions: Partitions = 4,
    trades_per_second: Rate = 5.0,
) -> None:
    """Run Eventhouse, market database, producer and API on this machine until Ctrl-C."""
    from cli.hub import HubSettings
    from cli.sources import chosen_symbols
    from cli.up import UpSettings, run_up

    run_up(
        UpSettings(
            source=source,
            data=data,
            port=port,
            eventhouse_port=eventhouse_port,
            host=host,
            api_key=api_key,
            database=database,
            mix=mix,
            hub=HubSettings(hub_port, data, hub, partitions, flag="--hub-port") if via is Via.EVENTHUBS else None,
            trades_per_second=trades_per_second,
            symbols=chosen_symbols(symbols),
        )
    )


@app.command()
def emulator(
    port: Annotated[
        int,
        typer.Option("--port", envvar="TICKHOUSE_EVENTHOUSE_PORT", help="Port of the Kusto wire.", min=1, max=65535),
    ] = 8080,
    data: Data = None,
    host: Host = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(envvar="TICKHOUSE_TOKEN", help="Bearer token that clients must send.", show_default=False),
    ] = None,
    database: Annotated[
        str, typer.Option("--database", help="Database created when the folder is new.")
    ] = "NetDefaultDB",
) -> None:
    """Run only the embedded Eventhouse: a local Kusto for any KQL, in memory without --data."""
    from cli.emulator import run_emulator

    run_emulator(port=port, data=data, host=host, token=token, database=database)


@app.command()
def eventhubs(
    port: Annotated[
        int, typer.Option("--port", envvar="TICKHOUSE_HUB_PORT", help="Port of AMQP 1.0.", min=1, max=65535)
    ] = 5672,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="TICKHOUSE_DATA",
            help="Folder in which the hub keeps its events (in `eventhubs`); without it they are in memory.",
            show_default=False,
        ),
    ] = None,
    hub: HubName = "trades",
    partitions: Partitions = 4,
    consumer_group: Annotated[
        list[str] | None,
        typer.Option(
            "--consumer-group", help="A consumer group beside $Default; may be given again.", show_default=False
        ),
    ] = None,
    retention: Annotated[
        str | None,
        typer.Option(
            "--retention",
            envvar="TICKHOUSE_HUB_RETENTION",
            help="How long events stay: 7d, 12h, 30m. By default 7d on disk, 1d in memory.",
            show_default=False,
        ),
    ] = None,
    throughput_units: Annotated[
        int | None,
        typer.Option(
            "--throughput-units",
            envvar="TICKHOUSE_THROUGHPUT_UNITS",
            help="Throttle as Azure does: 1,000 events and 1 MB a second come in for each. By default no limit.",
            min=1,
            max=40,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run only the local Event Hubs peer and print its connection string; in memory without --data."""
    from cli.eventhubs import run_eventhubs
    from cli.hub import HubSettings, parse_age

    run_eventhubs(
        HubSettings(
            port,
            data,
            hub,
            partitions,
            consumer_groups=tuple(consumer_group or ()),
            retention=parse_age(retention) if retention else None,
            throughput_units=throughput_units,
        )
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
    data: Data = None,
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
            min=0.0,
            max=60.0,
        ),
    ] = 0.0,
    lease: Annotated[
        Path | None,
        typer.Option(
            envvar="TICKHOUSE_LEASE",
            help="File that producers on the same symbols share: one is active, the others stand by.",
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
    from cli.producer import ProducerSettings, run_producer
    from cli.sources import chosen_symbols

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
def producer_status(data: Data = None) -> None:
    """Show lag, rate, drops and spool of the producer of a data folder; exit code 1 where none runs."""
    from cli.producer_status import run_producer_status

    run_producer_status(data=data)


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
    from cli.data_connection import ConnectionSettings, run_data_connection

    run_data_connection(ConnectionSettings(eventhouse, data, database, table, mapping, consumer_group, token))


@connection_app.command("status")
def connection_status(data: Data = None) -> None:
    """Show lag, rate, dead letters and problems; exit code 1 where it does not run, or not well."""
    from cli.connection_status import run_connection_status

    run_connection_status(data=data)


@app.command()
def deploy(
    data: Data = None,
    eventhouse: Url = None,
    database: Database = "Market",
    files: Annotated[
        Path | None, typer.Option("--files", help="Folder of .kql files; the market database without it.")
    ] = None,
) -> None:
    """Create or alter the market database: tables, mappings, policies, views and functions, in dependency order."""
    from cli.deploy import run_deploy

    run_deploy(data=data, url=eventhouse, database=database, files=files)


@app.command()
def load(
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet files.", metavar="FILE…")],
    kind: Annotated[LoadKind, typer.Option("--as", help="What the rows are.")],
    adjustment: Annotated[
        AdjustmentName, typer.Option(help="split: prices are split-adjusted and the file carries the splits.")
    ] = AdjustmentName.RAW,
    data: Data = None,
    eventhouse: Url = None,
    database: Database = "Market",
    mix: Mix = False,
    symbol: SymbolOption = None,
    date: DateOption = None,
) -> None:
    """Load historical prices from files; loading a file twice changes nothing."""
    from cli.load import run_load
    from producer.sources.files.reading import FileOptions

    run_load(
        files=tuple(files),
        kind=kind.value,
        options=FileOptions(adjustment=adjustment.value, symbol=symbol, trading_date=date.date() if date else None),
        data=data,
        url=eventhouse,
        database=database,
        mix=mix,
    )


@app.command()
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First trading date.")],
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last trading date; today without it.", show_default=False),
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
    data: Data = None,
    eventhouse: Url = None,
    database: Database = "Market",
    mix: Mix = False,
) -> None:
    """Fetch the bars of the five companies that are missing in a range, and reconcile what is there; resumes."""
    from cli.backfill import BackfillOrder, run_backfill_command
    from cli.sources import chosen_symbols

    run_backfill_command(
        BackfillOrder(
            source=source,
            first=first.date(),
            last=last.date() if last else None,
            interval="daily" if interval is BackfillInterval.DAY else "intraday",
            data=data,
            url=eventhouse,
            database=database,
            mix=mix,
            symbols=chosen_symbols(symbols),
        )
    )


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Recorded trades, CSV or Parquet.", metavar="FILE")],
    speed: Annotated[float, typer.Option(help="Times faster than recorded; 0 means as fast as possible.", min=0)] = 1.0,
    data: Data = None,
    eventhouse: Url = None,
    database: Database = "Market",
    symbol: SymbolOption = None,
    date: DateOption = None,
) -> None:
    """Send recorded trades again with their recorded times, at a chosen speed."""
    from cli.load import run_replay
    from producer.sources.files.reading import FileOptions

    options = FileOptions(symbol=symbol, trading_date=date.date() if date else None)
    run_replay(file=file, speed=speed, options=options, data=data, url=eventhouse, database=database)


@app.command()
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
    from cli.query import run_query

    run_query(
        text=sys.stdin.read() if text == "-" else text,
        data=data,
        url=eventhouse,
        database=database,
        parameters=tuple(parameter or ()),
        output=output.value,
    )


@app.command()
def api(
    data: Data = None,
    eventhouse: Url = None,
    database: Database = "Market",
    port: Port = 8000,
    host: Host = "127.0.0.1",
    api_key: ApiKey = None,
) -> None:
    """Serve only the REST API over an Eventhouse."""
    from cli.api import run_api

    run_api(data=data, url=eventhouse, database=database, port=port, host=host, api_key=api_key)


def main() -> None:
    """Run the tool; a known error ends with one message on standard error and exit code 1."""
    try:
        app()
    except CliError as error:
        fail(error.message, error.hint)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not is_reportable(error):
            raise
        fail(str(error))


def is_reportable(error: Exception) -> bool:
    """Whether an error of another package is meant for the user; asks only packages that are loaded already."""
    roots = (
        ("emulator.errors", "KustoError"),
        ("kql.errors", "DefinitionError"),
        ("producer.errors", "ProducerError"),
    )
    classes = tuple(getattr(sys.modules[module], name) for module, name in roots if module in sys.modules)
    return isinstance(error, classes)


def fail(message: str, hint: str = "") -> None:
    """Print an error and end the process with exit code 1."""
    typer.secho(f"error: {message}", err=True, fg=typer.colors.RED)
    if hint:
        typer.echo(f"hint: {hint}", err=True)
    sys.exit(1)
