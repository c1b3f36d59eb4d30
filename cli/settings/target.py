"""What a command was told of the Eventhouse it works on, before any is looked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cli.errors import CliError

T = TypeVar("T")
U = TypeVar("U")

DEFAULT_DATABASE = "Market"
# Where a value came from, the strongest first, in the parser's words.
_STRENGTH = ("COMMANDLINE", "ENVIRONMENT", "DEFAULT_MAP", "DEFAULT")


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """A URL or a data folder, or neither; without a database it is that of a running Eventhouse, else `Market`."""

    url: str | None = None
    data: Path | None = None
    database: str | None = None


def one_of(
    first: T | None, second: U | None, first_from: str, second_from: str, flags: str = "--eventhouse and --data"
) -> tuple[T | None, U | None]:
    """Return what was given with more force of two values: a flag before the environment before the file.

    Both from one place are a CliError.
    """
    if first is None or second is None:
        return first, second
    if first_from == second_from:
        raise CliError(f"{flags} exclude each other", hint="give one of the two")
    return (first, None) if _STRENGTH.index(first_from) < _STRENGTH.index(second_from) else (None, second)
