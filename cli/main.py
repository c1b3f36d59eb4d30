"""The tool `tickhouse`: its commands in the order of the help, the settings file, and how a command ends.

`tickhouse --help` must stay quick: nothing here may load DuckDB, Arrow, FastAPI or an Azure package.
"""

import errno
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CliError
from cli.flags import data_folder, database, prices, serving
from cli.flags.command import Command
from cli.flags.data_connection import connection_app
from cli.flags.producer import producer_app
from cli.settings.file import SETTINGS_FILE, Option, default_map, read_settings_file
from cli.signals import end_by_signals
from cli.usage import Tool, end, warn_of_variables
from emulator.memory import bound_process

app = typer.Typer(
    name="tickhouse",
    cls=Tool,
    help="KQL-first real-time stock analytics: an embedded Eventhouse, versioned KQL functions, a generated REST API.",
    epilog="Settings: flags, then environment TICKHOUSE_<OPTION>, then tickhouse.toml in the current folder.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    serving.up,
    serving.emulator,
    serving.eventhubs,
    database.deploy,
    database.lock,
    prices.load,
    prices.backfill,
    prices.replay,
    database.query,
    serving.api,
    data_folder.backup,
    data_folder.restore,
    data_folder.check_data,
):
    app.command(cls=Command)(command)
app.add_typer(producer_app)
app.add_typer(connection_app)


# What the machine is short of, whichever file it was about.
_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE)
_FILES = 65_536
_HINTS = {errno.EROFS: "give a folder on a disk that is not mounted read-only"}


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"tickhouse {version('tickhouse')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path, typer.Option("--config", envvar="TICKHOUSE_CONFIG", help="Settings file.", metavar="FILE")
    ] = Path(SETTINGS_FILE),
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Load the settings file into the defaults of every command; only the one that nobody named may be missing."""
    source = context.get_parameter_source("config")
    settings = read_settings_file(config, must_exist=source is None or source.name != "DEFAULT")
    context.default_map = default_map(settings, dict(_options(context.command)), config)
    warn_of_variables(_variables(context.command))


def _variables(group: object) -> Iterator[str]:
    """Iterate over the variables of all options."""
    for parameter in getattr(group, "params", ()):
        if isinstance(parameter.envvar, str):
            yield parameter.envvar
    for command in getattr(group, "commands", {}).values():
        yield from _variables(command)


def _options(group: object, prefix: str = "") -> Iterator[tuple[str, tuple[Option, ...]]]:
    """Iterate over the commands with their options; a command in a group is called `group.command`."""
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from _options(command, f"{prefix}{name}.")
        else:
            yield (
                prefix + name,
                tuple(
                    Option(parameter.name, option.lstrip("-"), getattr(parameter, "is_flag", False))
                    for parameter in command.params
                    for option in parameter.opts
                    if parameter.name and option.startswith("--") and option != "--help"
                ),
            )


def main() -> None:
    """Run the tool; a known error ends with one message on standard error and exit code 1."""
    end_by_signals()
    bound_process()
    _allow_files()
    try:
        app()
    except CliError as error:
        fail(error.message, error.hint)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        # A file or folder that may not be read, written or made; without its name only some are the user's to mend.
        if error.filename is None and error.errno not in _OF_THE_MACHINE:
            raise
        named = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        fail(f"{named}{error.strerror}", _HINTS.get(error.errno or 0, ""))
    except Exception as error:
        if not is_reportable(error):
            raise
        fail(str(error))


def _allow_files() -> None:
    """Take as many open files as this user may have: the usual 1,024 are few for clients and segments of logs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
    end(message, hint, 1)
