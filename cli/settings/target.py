"""What a command was told of the Eventhouse it works on, before any is looked for."""

from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError

DEFAULT_DATABASE = "Market"
# Where a value came from, the strongest first, in the parser's words.
_STRENGTH = ("COMMANDLINE", "ENVIRONMENT", "DEFAULT_MAP", "DEFAULT")


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """A URL or a data folder, or neither; without a database it is that of a running Eventhouse, else `Market`."""

    url: str | None = None
    data: Path | None = None
    database: str | None = None


def one_of(data: Path | None, url: str | None, data_from: str, url_from: str) -> tuple[Path | None, str | None]:
    """Return what was given with more force of a folder and a URL: a flag before the environment before the file.

    Both from one place are a CliError.
    """
    if data is None or url is None:
        return data, url
    if data_from == url_from:
        raise CliError("--eventhouse and --data exclude each other", hint="give one of the two")
    return (data, None) if _STRENGTH.index(data_from) < _STRENGTH.index(url_from) else (None, url)
