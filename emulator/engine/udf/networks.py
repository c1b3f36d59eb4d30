"""IP addresses and prefixes as texts. What is no address gives None."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address, summarize_address_range

from emulator.engine.udf.limits import PIECE
from emulator.work import check_work

# Addresses that are read between two looks at the clock.
_MANY = 4_096
# More than any number of bits or address has, with some zeros before it.
_MOST_DIGITS = 40
# Characters, with the one that follows.
_LONGEST_IPV4 = 16
# A whole address in a text: neither letters nor digits beside it.
_IPV4_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])(?:\d{1,3}\.){3}\d{1,3}(?![0-9A-Za-z])")
_PRIVATE = (("10.0.0.0", 8), ("172.16.0.0", 12), ("192.168.0.0", 16))


def ipv4_number(text: str, prefix: int) -> int | None:
    """Return the address as a number, cut to the shorter of both prefixes."""
    parsed = _ipv4(text)
    if parsed is None or not 0 <= prefix <= 32:
        return None
    address, own = parsed
    return _cut(address, min(own, prefix), 32)


def ipv4_compare(first: str, second: str, prefix: int) -> int | None:
    """Return -1, 0 or 1 for the order of two addresses cut to the shortest prefix."""
    a, b = _ipv4(first), _ipv4(second)
    if a is None or b is None or not 0 <= prefix <= 32:
        return None
    bits = min(a[1], b[1], prefix)
    return _order(_cut(a[0], bits, 32), _cut(b[0], bits, 32))


def ipv4_in_any_range(text: str, ranges: list[str | None]) -> bool | None:
    """Tell whether an address lies in one of several prefixes; None if any of these is none."""
    address = _ipv4(text)
    parsed = [_ipv4(each) for each in _watched(ranges)]
    if address is None:
        return None
    found = [each for each in parsed if each is not None]
    if not found:
        return None
    return any(_cut(address[0], bits, 32) == _cut(base, bits, 32) for base, bits in found)


def ipv4_is_private(text: str) -> bool | None:
    """Tell whether an address or a whole prefix belongs to a private network."""
    parsed = _ipv4(text)
    if parsed is None:
        return None
    address, own = parsed
    return any(own >= bits and _cut(address, bits, 32) == int(IPv4Address(base)) for base, bits in _PRIVATE)


def ipv4_suffix(text: str) -> int | None:
    """Return the length of the prefix, 32 without one."""
    parsed = _ipv4(text)
    return None if parsed is None else parsed[1]


def format_ipv4(text: str, prefix: int, with_prefix: bool) -> str | None:
    """Return the address, given as text or as a number, cut to the shorter of both prefixes."""
    parsed = _ipv4(text)
    if parsed is None and _is_number(text) and int(text) < 1 << 32:
        parsed = int(text), 32
    if parsed is None or not 0 <= prefix <= 32:
        return None
    bits = min(parsed[1], prefix)
    shown = str(IPv4Address(_cut(parsed[0], bits, 32)))
    return f"{shown}/{bits}" if with_prefix else shown


def ipv4_range_prefixes(first: str, last: str) -> list[str] | None:
    """Return the prefixes that make up a range of addresses."""
    a, b = _ipv4(first), _ipv4(last)
    if a is None or b is None or a[0] > b[0]:
        return None
    return [str(network) for network in summarize_address_range(IPv4Address(a[0]), IPv4Address(b[0]))]


def has_any_ipv4(text: str, addresses: list[str | None]) -> bool:
    """Tell whether a text contains one of several addresses."""
    wanted = {address for address in _watched(addresses) if _ipv4(address) is not None}
    return any(found in wanted for found in _addresses_in(text))


def has_any_ipv4_prefix(text: str, prefixes: list[str | None]) -> bool:
    """Tell whether a text contains an address that starts with one of several prefixes, whole or ending in a dot."""
    wanted = [prefix for prefix in _watched(prefixes) if (prefix.endswith(".") or _ipv4(prefix) is not None)]
    found = [address for address in _addresses_in(text) if _ipv4(address) is not None]
    return any(address.startswith(prefix) if prefix.endswith(".") else address == prefix
               for address in found for prefix in wanted)  # fmt: skip


def ipv6_text(text: str, prefix: int) -> str | None:
    """Return the canonical text of an address of either version, cut to the shorter of both prefixes."""
    parsed = _ipv6(text)
    if parsed is None or not 0 <= prefix <= 128:
        return None
    address, own = parsed
    return IPv6Address(_cut(address, min(own, prefix), 128)).exploded


def ipv6_compare(first: str, second: str, prefix: int) -> int | None:
    """Return -1, 0 or 1 for the order of two addresses of either version cut to the shortest prefix."""
    a, b = _ipv6(first, mapped=True), _ipv6(second, mapped=True)
    if a is None or b is None or not 0 <= prefix <= 128:
        return None
    bits = min(a[1], b[1], prefix)
    return _order(_cut(a[0], bits, 128), _cut(b[0], bits, 128))


def ipv6_in_any_range(text: str, ranges: list[str | None]) -> bool | None:
    """Tell whether an address lies in one of several prefixes of either version."""
    address = _ipv6(text, mapped=True)
    found = [each for each in (_ipv6(each, mapped=True) for each in _watched(ranges)) if each is not None]
    if address is None or not found:
        return None
    return any(_cut(address[0], bits, 128) == _cut(base, bits, 128) for base, bits in found)


def _addresses_in(text: str) -> Iterator[str]:
    """Iterate over what looks like an address, in a bounded part of the text at a time."""
    place = 0
    while place < len(text):
        check_work()
        end = place + PIECE
        # An address that starts in this part may reach out of it, and so does what must not follow it.
        for found in _IPV4_IN_TEXT.finditer(text, place, end + _LONGEST_IPV4):
            if found.start() >= end:
                break
            place = found.end()
            yield found[0]
        place = max(place, end)


def _watched(texts: list[str | None]) -> Iterator[str]:
    """Iterate over texts, of which a null is empty; ends with the work of this thread."""
    for count, text in enumerate(texts, 1):
        if count % _MANY == 0:
            check_work()
        yield text or ""


def _split(text: str, bits: int) -> tuple[str, int] | None:
    address, slash, suffix = text.partition("/")
    if not slash:
        return address, bits
    if not _is_number(suffix) or int(suffix) > bits:
        return None
    return address, int(suffix)


def _is_number(text: str) -> bool:
    # Python refuses to read more than 4,300 digits.
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def _ipv4(text: str) -> tuple[int, int] | None:
    parts = _split(text, 32)
    if parts is None:
        return None
    try:
        return int(IPv4Address(parts[0])), parts[1]
    except AddressValueError:
        return None


def _ipv6(text: str, *, mapped: bool = False) -> tuple[int, int] | None:
    version4 = _ipv4(text)
    if version4 is not None:
        return 0xFFFF << 32 | version4[0], version4[1] + 96
    # A prefix behind an embedded IPv4 address counts its bits.
    has_dots = "." in text
    parts = _split(text, 32 if has_dots and "/" in text else 128)
    if parts is None:
        return None
    try:
        address = int(IPv6Address(parts[0]))
    except AddressValueError:
        return None
    bits = parts[1] + 96 if has_dots and "/" in text else parts[1]
    if mapped and has_dots and address >> 32 == 0:
        address |= 0xFFFF << 32
    return address, bits


def _cut(address: int, prefix: int, bits: int) -> int:
    return address >> (bits - prefix) << (bits - prefix)


def _order(first: int, second: int) -> int:
    return (first > second) - (first < second)
