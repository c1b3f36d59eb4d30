"""Codings of content: which ones of an answer a client takes (RFC 9110, 12.5.3), and gzip without its bombs."""

import zlib

GZIP = b"\x1f\x8b"
# Members of a file, one behind the other: programs that write blocks make one of some 64 kB.
MOST_MEMBERS = 100_000
_FIRST_STEP, _LARGEST_STEP = 512, 1024 * 1024


class GzipTooLarge(ValueError):
    """The content is larger than allowed once it is inflated."""


def gunzip(data: bytes, limit: int) -> bytes:
    """Return gzip data inflated, of all its members; other bytes behind the last are passed over.

    Raises GzipTooLarge above `limit` bytes, zlib.error for what is damaged and EOFError for what ends too early.
    """
    parts: list[bytes] = []
    room, position, members = limit, 0, 0
    while data[position : position + 2] == GZIP:
        members += 1
        if members > MOST_MEMBERS:
            raise GzipTooLarge(f"it has more than {MOST_MEMBERS} members")
        # A member does not say how long it is, and what is given beyond its end is copied: so little first, then more.
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        step = _FIRST_STEP
        while not stream.eof:
            chunk = data[position : position + step]
            if not chunk:
                raise EOFError("it ends too early")
            parts.append(stream.decompress(chunk, room + 1))
            room -= len(parts[-1])
            if room < 0:
                raise GzipTooLarge(f"it has more than {limit} bytes")
            position += len(chunk) - len(stream.unused_data) - len(stream.unconsumed_tail)
            step = min(2 * step, _LARGEST_STEP)
    return b"".join(parts)


def accepted_codings(header: str) -> frozenset[str]:
    """Return the content codings of an `Accept-Encoding` header, without those of weight zero."""
    accepted = set()
    for item in header.split(","):
        coding, _, weight = item.partition(";")
        if weight.replace(" ", "").removeprefix("q=").rstrip("0").rstrip(".") != "" or not weight:
            accepted.add(coding.strip().lower())
    return frozenset(accepted)
