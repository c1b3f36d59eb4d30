"""`tickhouse backup` and `tickhouse restore`: a data folder into a folder of its own, and back."""

import os
from pathlib import Path

from cli.composition.backups import Backup, restore_backup, take_backup
from cli.composition.data_folder import require_data_folder
from cli.composition.eventhouses import find_target
from cli.errors import CliError
from cli.settings.target import TargetSettings
from cli.terminal import messages


def run_backup(given: TargetSettings, *, target: Path) -> None:
    """Copy the data folder, which may be served meanwhile."""
    folder = find_target(given).folder
    if folder is None:
        raise CliError("that Eventhouse keeps its data in memory", hint="name a data folder with --data")
    require_data_folder(folder)
    os.umask(0o077)
    messages().print(f"Backup of {folder} in {target}: {_describe(take_backup(folder, target))}.", markup=False)


def run_restore(*, source: Path, data: Path) -> None:
    """Make a data folder of a backup."""
    os.umask(0o077)
    backup = restore_backup(source, data)
    messages().print(
        f"Restored {data} as of {backup.taken_at:%Y-%m-%d %H:%M:%S} UTC: {_describe(backup)}.", markup=False
    )


def _describe(backup: Backup) -> str:
    return f"{len(backup.files):,} files, {backup.size:,} bytes"
