"""Data folders as commands make them: for their owner alone."""

import os
from pathlib import Path

from cli.errors import CliError


def require_data_folder(folder: Path) -> None:
    """Refuse a folder that does not exist where there is something to read from it."""
    if not folder.is_dir():
        raise CliError(f"there is no data folder '{folder}'", hint="name one with --data")


def make_data_folder(folder: Path) -> None:
    """Make a folder where it is missing; what this process makes from now on is for its owner alone.

    DuckDB and others make their files as the process lets them. Raises OSError that names the folder.
    """
    os.umask(0o077)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
