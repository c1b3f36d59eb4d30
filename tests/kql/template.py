"""The market database, deployed once in a test process; what a test fills is a copy of its own."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cli.composition.embedded import EmbeddedEventhouse
from emulator.engine.eventhouse import Eventhouse
from kql.loader import load_database

DATABASE = "Market"


def market_folder(folder: Path) -> Path:
    """Put the data of an Eventhouse with the empty market database, `Market`, into a folder, and return that."""
    return Path(shutil.copytree(_template(), folder, dirs_exist_ok=True))


def open_market(folder: Path) -> EmbeddedEventhouse:
    """Open an Eventhouse with the empty market database in a folder."""
    return EmbeddedEventhouse.open(market_folder(folder), DATABASE)


@cache
def _template() -> Path:
    folder = Path(mkdtemp(prefix="tickhouse-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    eventhouse = Eventhouse.open(folder, database=DATABASE)
    for statement in load_database().statements:
        eventhouse.command(statement.text)
    eventhouse.close()
    return folder
