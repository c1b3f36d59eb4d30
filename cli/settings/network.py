"""Which addresses a process may speak to."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from cli.errors import CliError
from emulator.loopback import is_loopback_url


def is_offline(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `TICKHOUSE_OFFLINE` keeps this process off every address but loopback."""
    return environment.get("TICKHOUSE_OFFLINE", "").lower() not in ("", "0", "false", "no")


def require_reachable(url: str) -> str:
    """Return the Eventhouse URL, or refuse it when offline mode forbids the address."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise CliError(f"'{url}' is not an Eventhouse URL", hint="write it as http://host:port or https://host")
    if is_offline() and not is_loopback_url(url):
        raise CliError(f"TICKHOUSE_OFFLINE is set: {url} is not on this machine")
    return url
