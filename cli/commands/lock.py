"""`tickhouse lock`: record the contracts of released functions, or check that they are kept."""

from pathlib import Path

from cli.errors import CliError
from cli.terminal import messages
from kql.loader import MarketDatabase, load_database
from kql.lock import LOCK_FILE, breaches, lock_of, write_lock


def definitions_of(files: Path | None) -> tuple[MarketDatabase, Path]:
    """Return the database of a folder, by default the market database, and where its lock is."""
    return (load_database(), LOCK_FILE) if files is None else (load_database(files), lock_of(files))


def run_lock(*, files: Path | None, check: bool, replace: tuple[str, ...]) -> None:
    """Lock the versions that are not locked yet; with `check` only tell what does not keep its contract."""
    database, lock = definitions_of(files)
    console = messages()
    if check:
        found = breaches(database, lock)
        if found:
            raise CliError("\nerror: ".join(str(breach.error) for breach in found))
        console.print(f"{lock}: every released function keeps its contract.")
        return
    written = write_lock(database, lock, replace=replace)
    names = ", ".join(written)
    console.print(f"{lock}: locked {names}." if names else f"{lock}: nothing to lock.")
