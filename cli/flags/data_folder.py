"""The flags of the commands on a data folder: `backup`, `restore`, `check-data`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.flags.options import NewData, TargetData, target_of
from cli.settings.folders import DEFAULT_DATA


def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="New folder for the copy.", metavar="FOLDER")],
    data: TargetData = None,
) -> None:
    """Copy a data folder as it is at this moment, while it is served too."""
    from cli.commands.backup import run_backup

    run_backup(target_of(context, data, None, None), target=target)


def restore(
    source: Annotated[Path, typer.Argument(help="Folder that `backup` has made.", metavar="FOLDER")],
    data: NewData = None,
) -> None:
    """Make a data folder of a backup; one that holds anything is left alone."""
    from cli.commands.backup import run_restore

    run_restore(source=source, data=data or DEFAULT_DATA)


def check_data(
    context: typer.Context,
    data: TargetData = None,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Make what is left start again; damaged files are put aside.")
    ] = False,
) -> None:
    """Read all that a data folder or a backup holds; exit code 1 where something is missing or damaged."""
    from cli.commands.check_data import run_check_data

    run_check_data(target_of(context, data, None, None), accept=accept_loss)
