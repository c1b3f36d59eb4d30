"""Payloads as they travel: plain, gzip or zip, told apart by their first bytes; no header is trusted for it."""

import io
import zipfile
import zlib

from emulator.errors import IngestionFault

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_GZIP_WINDOW = 31
MAX_PLAIN = 512 * 1024 * 1024


def decompress(data: bytes) -> bytes:
    """Return the plain bytes of a payload, at most `MAX_PLAIN`; a zip archive must hold exactly one file."""
    try:
        if data[:2] == _GZIP:
            return _gunzip(data)
        if data[:4] == _ZIP:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files = [each for each in archive.infolist() if not each.is_dir()]
                if len(files) != 1:
                    raise IngestionFault(
                        f"The zip archive holds {len(files)} files, one is expected.", "BadRequest_CorruptData"
                    )
                if files[0].file_size > MAX_PLAIN:
                    raise _too_large()
                return archive.read(files[0])
    except (zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise IngestionFault(f"The compressed payload is damaged: {error}.", "BadRequest_CorruptData") from error
    return data


def _gunzip(data: bytes) -> bytes:
    plain: list[bytes] = []
    room = MAX_PLAIN
    while data[:2] == _GZIP:
        stream = zlib.decompressobj(_GZIP_WINDOW)
        plain.append(stream.decompress(data, room + 1))
        room -= len(plain[-1])
        if room < 0:
            raise _too_large()
        if not stream.eof:
            raise EOFError("it ends too early")
        data = stream.unused_data
    return b"".join(plain)


def _too_large() -> IngestionFault:
    return IngestionFault(
        f"The payload is larger than {MAX_PLAIN} bytes after decompression.",
        "BadRequest_FileTooLarge",
        hint="split it",
    )
