"""The host that a request names, read as strictly as it is written (RFC 3986, 3.2; RFC 9110, 7.2)."""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import unquote

_LAST_PORT = 65_535
# Names, addresses of four numbers, and addresses in brackets; never a user, whatever stands before an `@`.
_HOST = re.compile(
    r"(?P<name>(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*+|\[[0-9A-Fa-f:.]*+\])(?::(?P<port>[0-9]{0,5}))?"
)
_NAME = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=-]+")
_AUTHORITY = re.compile(rb"https?://([^/?#]+)(?:[/?#]|$)", re.IGNORECASE)


# Callers name few hosts; to read one takes a microsecond, to look it up a tenth.
@lru_cache(64)
def host_name(text: str) -> str | None:
    """Return the name of a `Host` header in lower case, without port and the dot of the root; None for what is none.

    The name may be empty, as where there is no authority.
    """
    match = _HOST.fullmatch(text)
    if match is None or int(match["port"] or 0) > _LAST_PORT:
        return None
    name = match["name"]
    if name.startswith("["):
        return name.lower() if _is_address(name[1:-1]) else None
    if not name:
        # Without a name there is no port either.
        return None if match["port"] is not None else ""
    if "%" in name:
        name = unquote(name, "latin-1")
        if _NAME.fullmatch(name) is None:
            return None
    if ".." in name:
        return None
    name = name.lower().removesuffix(".")
    return None if not name or name.startswith(".") else name


def authority_of(target: bytes) -> bytes | None:
    """Return the host and port of a request target that is a URL; None for one of another scheme, or without any."""
    match = _AUTHORITY.match(target)
    return None if match is None or not host_name(match[1].decode("latin-1")) else match[1]


def _is_address(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
