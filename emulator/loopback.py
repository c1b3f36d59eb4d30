"""Whether an address means this machine only: what listens there is reached by nobody else."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only (names: RFC 6761, 6.3)."""
    name = host.lower().rstrip(".").strip("[]").partition("%")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Whether a URL points at this machine only; one without a host does not."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
