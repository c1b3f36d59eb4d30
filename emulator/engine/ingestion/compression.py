"""Payloads as they travel: plain, gzip or zip, told apart by their first bytes; no header is trusted for it."""

import io
import lzma
import zipfile
import zlib

from emulator.content_codings import GZIP, GzipTooLarge, gunzip
from emulator.errors import IngestionFault

_ZIP = b"PK\x03\x04"
_ZIP_ENTRY = b"PK\x01\x02"
# A directory of files is read whole to count them; one is expected, with its folders.
_MOST_ENTRIES = 1_000
MAX_PLAIN = 512 * 1024 * 1024


def decompress(data: bytes) -> bytes:
    """Return the plain bytes of a payload, at most `MAX_PLAIN`; a zip archive must hold exactly one file."""
    try:
        if data[:2] == GZIP:
            return _gunzip(data)
        if data[:4] == _ZIP:
            if data.count(_ZIP_ENTRY) > _MOST_ENTRIES:
                raise zipfile.BadZipFile(f"it holds more than {_MOST_ENTRIES} files")
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files = [each for each in archive.infolist() if not each.is_dir()]
                if len(files) != 1:
                    raise IngestionFault(
                        f"The zip archive holds {len(files)} files, one is expected.", "BadRequest_CorruptData"
                    )
                if files[0].file_size > MAX_PLAIN:
                    raise _too_large()
                return archive.read(files[0])
    except (zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, lzma.LZMAError) as error:
        raise IngestionFault(f"The compressed payload is damaged: {error}.", "BadRequest_CorruptData") from error
    return data


def _gunzip(data: bytes) -> bytes:
    try:
        return gunzip(data, MAX_PLAIN)
    except GzipTooLarge as error:
        raise _too_large() from error


def _too_large() -> IngestionFault:
    return IngestionFault(
        f"The payload is larger than {MAX_PLAIN} bytes after decompression.",
        "BadRequest_FileTooLarge",
        hint="split it",
    )
