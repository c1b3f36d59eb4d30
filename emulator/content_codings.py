"""Codings of content: which ones of an answer a client takes (RFC 9110, 12.5.3), and gzip without its bombs."""

import io
import zlib
from collections.abc import Callable

GZIP = b"\x1f\x8b"
# Members of a file, one behind the other: programs that write blocks make one of some 64 kB.
MOST_MEMBERS = 100_000
_FIRST_STEP, _LARGEST_STEP = 512, 1024 * 1024
# A piece of this takes some milliseconds.
_INFLATED_AT_ONCE = 4 * 1024 * 1024


class GzipTooLarge(ValueError):
    """The content is larger than allowed once it is inflated."""


def gunzip(data: bytes, limit: int, grows: Callable[[int], object] = lambda _: None) -> bytes:
    """Return gzip data inflated, of all its members; other bytes behind the last are passed over.

    `grows` is called with the size of each piece of some megabytes, and may end it. Raises GzipTooLarge above `limit`
    bytes, zlib.error for what is damaged and EOFError for what ends too early.
    """
    # It grows in place: to join 512 MB would take half a second in which no other thread runs.
    inflated = io.BytesIO()
    room, position, members = limit, 0, 0
    while data[position : position + 2] == GZIP:
        members += 1
        if members > MOST_MEMBERS:
            raise GzipTooLarge(f"it has more than {MOST_MEMBERS} members")
        # A member does not say how long it is, and what is given beyond its end is copied: so little first, then more.
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        step = _FIRST_STEP
        left = b""
        while not stream.eof:
            if not left:
                left = data[position : position + step]
                position += len(left)
                step = min(2 * step, _LARGEST_STEP)
                if not left:
                    raise EOFError("it ends too early")
            piece = stream.decompress(left, min(room + 1, _INFLATED_AT_ONCE))
            room -= len(piece)
            if room < 0:
                raise GzipTooLarge(f"it has more than {limit} bytes")
            grows(len(piece))
            inflated.write(piece)
            left = stream.unconsumed_tail
        position -= len(stream.unused_data)
    return inflated.getvalue()


def accepted_codings(header: str) -> frozenset[str]:
    """Return the content codings of an `Accept-Encoding` header, without those of weight zero."""
    accepted = set()
    for item in header.split(","):
        coding, _, weight = item.partition(";")
        if weight.replace(" ", "").removeprefix("q=").rstrip("0").rstrip(".") != "" or not weight:
            accepted.add(coding.strip().lower())
    return frozenset(accepted)
