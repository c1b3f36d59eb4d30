"""The flags of the commands that serve: `up`, `emulator`, `eventhubs`, `api`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.flags.options import (
    AllowedHosts,
    AllowedOrigins,
    ApiKey,
    ApiKeyFile,
    Database,
    EventhousePort,
    Host,
    HubName,
    HubPort,
    LiveSources,
    MemoryData,
    Mix,
    Partitions,
    Port,
    Rate,
    ReadData,
    RunData,
    Symbols,
    TargetDatabase,
    TokenFile,
    Url,
    Via,
    key_of,
    port,
    target_of,
)


def up(
    context: typer.Context,
    source: LiveSources = "auto",
    symbols: Symbols = None,
    data: RunData = None,
    port: Port = 8000,
    eventhouse_port: EventhousePort = 8080,
    host: Host = "127.0.0.1",
    api_key: ApiKey = None,
    api_key_file: ApiKeyFile = None,
    allowed_hosts: AllowedHosts = None,
    allowed_origins: AllowedOrigins = None,
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
    from cli.commands.up import UpSettings, run_up
    from cli.composition.hub import HubSettings
    from cli.composition.sources import chosen_symbols
    from cli.settings.access import access

    run_up(
        UpSettings(
            source=source,
            data=data,
            port=port,
            eventhouse_port=eventhouse_port,
            host=host,
            access=access(key_of(context, "api_key", api_key, api_key_file), allowed_hosts, allowed_origins),
            database=database,
            mix=mix,
            hub=HubSettings(hub_port, data, hub, partitions, flag="--hub-port") if via is Via.EVENTHUBS else None,
            trades_per_second=trades_per_second,
            symbols=chosen_symbols(symbols),
        )
    )


def emulator(
    context: typer.Context,
    port: Annotated[int, port("--port", "the Kusto wire", "TICKHOUSE_EVENTHOUSE_PORT")] = 8080,
    data: MemoryData = None,
    host: Host = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="TICKHOUSE_TOKEN", help="Bearer token that clients must send.", metavar="TOKEN", show_default=False
        ),
    ] = None,
    token_file: TokenFile = None,
    allowed_hosts: AllowedHosts = None,
    allowed_origins: AllowedOrigins = None,
    database: Annotated[
        str, typer.Option("--database", help="Database created when the folder is new.", metavar="NAME")
    ] = "NetDefaultDB",
) -> None:
    """Run only the embedded Eventhouse: a local Kusto for any KQL, in memory without --data."""
    from cli.commands.emulator import run_emulator
    from cli.settings.access import access

    allowed = access(key_of(context, "token", token, token_file), allowed_hosts, allowed_origins)
    run_emulator(port=port, data=data, host=host, access=allowed, database=database)


def eventhubs(
    port: Annotated[int, port("--port", "AMQP 1.0", "TICKHOUSE_HUB_PORT")] = 5672,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="TICKHOUSE_DATA",
            help="Folder in which the hub keeps its events (in `eventhubs`).",
            metavar="FOLDER",
            show_default="none: in memory",
        ),
    ] = None,
    hub: HubName = "trades",
    partitions: Partitions = 4,
    consumer_group: Annotated[
        list[str] | None,
        typer.Option(
            "--consumer-group",
            help="A consumer group beside $Default; may be given again.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    retention: Annotated[
        str | None,
        typer.Option(
            "--retention",
            envvar="TICKHOUSE_HUB_RETENTION",
            help="How long events stay: 7d, 12h, 30m.",
            metavar="AGE",
            show_default="7d on disk, 1d in memory",
        ),
    ] = None,
    throughput_units: Annotated[
        int | None,
        typer.Option(
            "--throughput-units",
            envvar="TICKHOUSE_THROUGHPUT_UNITS",
            help="Throttle as Azure does: 1,000 events and 1 MB a second come in for each.",
            metavar="N",
            min=1,
            max=40,
            show_default="no limit",
        ),
    ] = None,
) -> None:
    """Run only the local Event Hubs peer and print its connection string; in memory without --data."""
    from cli.commands.eventhubs import run_eventhubs
    from cli.composition.hub import HubSettings, parse_age

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


def api(
    context: typer.Context,
    data: ReadData = None,
    eventhouse: Url = None,
    database: TargetDatabase = None,
    port: Port = 8000,
    host: Host = "127.0.0.1",
    api_key: ApiKey = None,
    api_key_file: ApiKeyFile = None,
    allowed_hosts: AllowedHosts = None,
    allowed_origins: AllowedOrigins = None,
) -> None:
    """Serve only the REST API over an Eventhouse."""
    from cli.commands.api import run_api
    from cli.settings.access import access

    allowed = access(key_of(context, "api_key", api_key, api_key_file), allowed_hosts, allowed_origins)
    run_api(target_of(context, data, eventhouse, database), port=port, host=host, access=allowed)
