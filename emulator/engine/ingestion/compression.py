"""Payloads as they travel: plain, gzip or zip, told apart by their first bytes; no header is trusted for it."""

import io
import zipfile
import zlib

from emulator.errors import IngestionFault

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_GZIP_WINDOW = 31


def decompress(data: bytes) -> bytes:
    """Return the plain bytes of a payload; a zip archive must hold exactly one file."""
    try:
        if data[:2] == _GZIP:
            return _gunzip(data)
        if data[:4] == _ZIP:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                if len(names) != 1:
                    raise IngestionFault(
                        f"The zip archive holds {len(names)} files, one is expected.", "BadRequest_CorruptData"
                    )
                return archive.read(names[0])
    except (zlib.error, zipfile.BadZipFile, EOFError) as error:
        raise IngestionFault(f"The compressed payload is damaged: {error}.", "BadRequest_CorruptData") from error
    return data


def _gunzip(data: bytes) -> bytes:
    plain: list[bytes] = []
    while data[:2] == _GZIP:
        stream = zlib.decompressobj(_GZIP_WINDOW)
        plain.append(stream.decompress(data) + stream.flush())
        if not stream.eof:
            raise EOFError("it ends too early")
        data = stream.unused_data
    return b"".join(plain)
