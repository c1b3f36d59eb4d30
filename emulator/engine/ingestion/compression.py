"""Payloads as they travel: plain, gzip or zip, told apart by their first bytes; no header is trusted for it."""

import io
import zipfile
import zlib

from emulator.content_codings import GZIP, GzipTooLarge, gunzip
from emulator.errors import IngestionFault
from emulator.work import check_work

_ZIP = b"PK\x03\x04"
_ZIP_ENTRY = b"PK\x01\x02"
# A directory of files is read whole to count them; one is expected, with its folders.
_MOST_ENTRIES = 1_000
# bzip2 and LZMA inflate as much as there is, whatever is asked for: 2 kB may be gigabytes.
_BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_INFLATED_AT_ONCE = 4 * 1024 * 1024
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
                return _unzip(archive, files[0])
    except (zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise IngestionFault(f"The compressed payload is damaged: {error}.", "BadRequest_CorruptData") from error
    return data


def _gunzip(data: bytes) -> bytes:
    try:
        return gunzip(data, MAX_PLAIN)
    except GzipTooLarge as error:
        raise _too_large() from error


def _unzip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.compress_type not in _BOUNDED_METHODS:
        raise zipfile.BadZipFile("it is compressed by another method than deflate")
    inflated = io.BytesIO()
    with archive.open(entry) as file:
        # The directory may say less than there is: asked for all, zlib inflates all of it at once.
        while piece := file.read(_INFLATED_AT_ONCE):
            check_work()
            inflated.write(piece)
    return inflated.getvalue()


def _too_large() -> IngestionFault:
    return IngestionFault(
        f"The payload is larger than {MAX_PLAIN} bytes after decompression.",
        "BadRequest_FileTooLarge",
        hint="split it",
    )
