"""Texts in other forms. Malformed input gives None."""

import base64
import binascii
import csv
import json
import re
import zlib
from decimal import Decimal
from urllib.parse import parse_qsl, quote, unquote_plus, urlsplit
from uuid import UUID

from emulator.engine.udf.limits import PIECE, ValueTooLarge, pieces, refuse_above_longest
from emulator.work import check_work

_DOMAIN_DOTS = ".。．｡"

# Characters, in a millisecond; by default, `csv` refuses fields of twice as many.
_CSV_AT_ONCE = 65_536
# Between two looks at the clock.
_CSV_FIELDS = 16_384
# As many as an array may have that `range`, `repeat` or an aggregate makes.
_MOST_FIELDS = 1_048_576
# What `str.splitlines` divides by.
_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_END_OF_LINE, _END_OF_FIELD = re.compile(f"[{_BREAKS}]"), re.compile(f"[,{_BREAKS}]")


def base64_encode(text: str) -> str:
    """Return the UTF-8 bytes in Base64."""
    return base64.b64encode(text.encode()).decode()


def base64_decode(text: str) -> str | None:
    """Return the text whose UTF-8 bytes the Base64 holds."""
    decoded = _bytes(text)
    try:
        return None if decoded is None else decoded.decode()
    except UnicodeDecodeError:
        return None


def base64_bytes(text: str) -> list[int] | None:
    """Return the bytes that Base64 stands for."""
    decoded = _bytes(text)
    return None if decoded is None else list(decoded)


def base64_of_bytes(values: list[int | None]) -> str | None:
    """Return the Base64 of bytes."""
    if not all(value is not None and 0 <= value < 256 for value in values):
        return None
    return base64.b64encode(bytes(value for value in values if value is not None)).decode()


def base64_guid(text: str) -> str | None:
    """Return the guid whose 16 bytes, the first fields little-endian, Base64 stands for."""
    decoded = _bytes(text)
    return None if decoded is None or len(decoded) != 16 else str(UUID(bytes_le=decoded))


def base64_of_guid(text: str) -> str:
    """Return the Base64 of a guid's bytes, the first fields little-endian."""
    return base64.b64encode(UUID(text).bytes_le).decode()


def url_encode(text: str) -> str:
    """Return the URL encoding with lower-case digits and plus signs for blanks."""
    return url_encode_component(text).replace("%20", "+")


def url_encode_component(text: str) -> str:
    """Return the URL encoding with lower-case digits."""
    return "".join([_url_encoded(piece) for piece in pieces(text)])


def url_decode(text: str) -> str:
    """Return the text that a URL encoding stands for."""
    return unquote_plus(text)


def decompress_gzip(text: str) -> str | None:
    """Return the text that was compressed with gzip."""
    return _decompressed(text, zlib.MAX_WBITS | 16)


def decompress_zlib(text: str) -> str | None:
    """Return the text that was compressed with zlib."""
    return _decompressed(text, zlib.MAX_WBITS)


def punycode_encode(text: str) -> str:
    """Return the Punycode of a text."""
    return text.encode("punycode").decode()


def punycode_decode(text: str) -> str | None:
    """Return the text that a Punycode stands for."""
    try:
        return text.encode().decode("punycode")
    except UnicodeError:
        return None


def domain_encode(text: str) -> str:
    """Return a domain name with parts beyond ASCII in Punycode."""
    for dot in _DOMAIN_DOTS:
        text = text.replace(dot, ".")
    return ".".join(part if part.isascii() else f"xn--{punycode_encode(part)}" for part in text.split("."))


def domain_decode(text: str) -> str | None:
    """Return a domain name with its Punycode parts decoded."""
    parts = [punycode_decode(part[4:]) if part.lower().startswith("xn--") else part for part in text.split(".")]
    return None if None in parts else ".".join(part for part in parts if part is not None)


def parse_url(text: str) -> str:
    """Return the parts of a URL as a bag."""
    try:
        url = urlsplit(text)
        port = "" if url.port is None else str(url.port)
    except ValueError:
        url, port = urlsplit(""), ""
    bag = {
        "Scheme": url.scheme,
        "Host": url.hostname or "",
        "Port": port,
        "Path": url.path,
        "Username": url.username or "",
        "Password": url.password or "",
        "Query Parameters": dict(parse_qsl(url.query, keep_blank_values=True)),
        "Fragment": url.fragment,
    }
    return json.dumps(bag, ensure_ascii=False)


def parse_urlquery(text: str) -> str:
    """Return the parameters of a URL query as a bag."""
    return json.dumps({"Query Parameters": dict(parse_qsl(text, keep_blank_values=True))}, ensure_ascii=False)


def csv_fields(text: str) -> list[str]:
    """Return the fields of the first record of a CSV text."""
    if len(text) <= _CSV_AT_ONCE:
        return next(csv.reader(text.splitlines()), [""])
    fields: list[str] = []
    place = 0
    while not (place == 0 and _END_OF_LINE.match(text)):
        if len(fields) % _CSV_FIELDS == 0:
            check_work()
        quoted = ""
        if text.startswith('"', place):
            end = _end_of_quoted(text, place + 1)
            # A line break within quotes is none of the value's.
            quoted = "".join(["".join(piece.splitlines()) for piece in pieces(text[place + 1 : end])])
            quoted, place = quoted.replace('""', '"'), min(end + 1, len(text))
        end = _end_of_plain(text, place)
        fields.append(quoted + text[place:end])
        if not text.startswith(",", end):
            break
        if len(fields) > _MOST_FIELDS:
            raise ValueTooLarge(f"a line of CSV has more than {_MOST_FIELDS:,} fields")
        place = end + 1
    return fields


def _end_of_quoted(text: str, place: int) -> int:
    """Return where a quoted field ends: at a quote that is not doubled, or at the end of the text."""
    count = 0
    while (end := text.find('"', place)) >= 0 and text.startswith('"', end + 1):
        count += 1
        if count % _CSV_FIELDS == 0:
            check_work()
        place = end + 2
    return end if end >= 0 else len(text)


def _end_of_plain(text: str, place: int) -> int:
    """Return where a field ends: at a comma or a line break, or at the end of the text."""
    for start in range(place, len(text), PIECE):
        found = _END_OF_FIELD.search(text, start, start + PIECE)
        if found:
            return found.start()
        check_work()
    return len(text)


def version_number(text: str) -> Decimal | None:
    """Return a number that orders like versions of up to four parts, eight digits each."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 4 or not all(part.isdecimal() and len(part) <= 8 for part in parts):
        return None
    filled = [*parts, *["0"] * (4 - len(parts))]
    return Decimal("".join(part.zfill(8) for part in filled))


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _decompressed(text: str, window: int) -> str | None:
    compressed = _bytes(text)
    if compressed is None:
        return None
    reader, rest = zlib.decompressobj(window), compressed
    parts: list[bytes] = []
    length = 0
    try:
        while not reader.eof:
            check_work()
            parts.append(reader.decompress(rest, PIECE))
            rest = reader.unconsumed_tail
            if not parts[-1] and not rest:
                return None
            length += len(parts[-1])
            refuse_above_longest(length)
        return b"".join(parts).decode()
    except (zlib.error, UnicodeDecodeError):
        return None


def _url_encoded(text: str) -> str:
    parts = (quote(character, safe="-_.!*()") for character in text)
    return "".join(part if len(part) == 1 else part.lower() for part in parts)
