"""Who a server lets in, as a command was told."""

from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError
from emulator.listening.keys import UnusableKey, read_key
from emulator.listening.pages import read_hosts, read_origins
from emulator.listening.sockets import ListenError


@dataclass(frozen=True, slots=True)
class Access:
    """The key that callers send, names that the server answers to, and origins whose pages it lets in."""

    key: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


def key_in(key: str | None, file: Path | None, flag: str) -> str | None:
    """Return a key as it was given, by itself or by a file; CliError for a file that cannot be read."""
    if file is None:
        return key
    try:
        return read_key(file)
    except UnusableKey as error:
        raise CliError(str(error), hint=f"see {flag}-file") from error


def access(key: str | None, hosts: str | None, origins: str | None) -> Access:
    """Return who is let in; CliError for what is no name or no origin."""
    try:
        return Access(key, read_hosts(hosts or ""), read_origins(origins or ""))
    except ListenError as error:
        raise CliError(str(error), hint="see --allowed-hosts and --allowed-origins") from error
