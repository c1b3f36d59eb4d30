"""Scratch blobs: files that wait for their ingestion. A blob goes an hour after nobody needs it any more."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from emulator.errors import EngineFault, KustoError


class BlobNotFound(KustoError):
    """The blob does not exist, or does not any more."""

    kind = "Blob not found"


class InvalidBlocks(KustoError):
    """A list of blocks names one that was not uploaded."""

    kind = "Invalid block list"


class BlobsFull(EngineFault):
    """The blobs that wait take all the room there is for them."""

    kind = "Server busy"
    http_status = 503


@dataclass(frozen=True, slots=True)
class BlobLimits:
    """Bytes of one blob and of all together, and the seconds an unused one is kept: fewer where room is short."""

    size: int = 256 * 1024 * 1024
    total: int = 4 * 1024 * 1024 * 1024
    unused_seconds: float = 3600.0
    unused_seconds_when_short: float = 600.0
    sweep_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Blob:
    """What a blob is: its bytes, and when it was written, in seconds of the Unix epoch."""

    size: int
    modified: float

    @property
    def tag(self) -> str:
        """What changes whenever the blob does."""
        return f'"0x{int(self.modified * 1_000_000):X}{self.size:X}"'


class BlobStore:
    """The blobs of one Eventhouse, by key; safe to share between threads.

    Keys never become file names: they come from clients.
    """

    def __init__(self, folder: Path | None, limits: BlobLimits | None = None) -> None:
        self._given_folder = folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._limits = limits or BlobLimits()
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._total = 0
        self._next_sweep = 0.0

    def put(self, key: str, data: bytes) -> Blob:
        """Write a blob, or replace it; on return it is durable."""
        self._reserve(len(data))
        return self._write(self._file(key), [data])

    def put_block(self, key: str, block: str, data: bytes) -> None:
        """Keep a block until a list names it."""
        self._reserve(len(data))
        folder = self._blocks(key)
        folder.mkdir(exist_ok=True)
        self._write(folder / _name(block), [data])

    def commit_blocks(self, key: str, blocks: Sequence[str]) -> Blob:
        """Make a blob of blocks, in order; the others are dropped."""
        folder = self._blocks(key)
        files = [folder / _name(block) for block in blocks]
        missing = [block for block, file in zip(blocks, files, strict=True) if not file.exists()]
        if missing:
            raise InvalidBlocks(f"The block '{missing[0]}' was not uploaded.", "InvalidBlockList")
        size = sum(file.stat().st_size for file in files)
        if size > self._limits.size:
            raise KustoError(
                f"The blob is larger than {self._limits.size} bytes.", "RequestBodyTooLarge", hint="split it"
            )
        blob = self._write(self._file(key), (file.read_bytes() for file in files))
        shutil.rmtree(folder, ignore_errors=True)
        return blob

    def find(self, key: str) -> Blob:
        """Return what a blob is, or raise BlobNotFound."""
        try:
            found = self._file(key).stat()
        except FileNotFoundError:
            raise BlobNotFound("The blob does not exist.", "BlobNotFound", hint=f"its name is '{key}'") from None
        return Blob(found.st_size, found.st_mtime)

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return the bytes of a blob, or of a part of it."""
        try:
            with self._file(key).open("rb") as file:
                file.seek(start)
                return file.read(-1 if length is None else length)
        except FileNotFoundError:
            raise BlobNotFound("The blob does not exist.", "BlobNotFound", hint=f"its name is '{key}'") from None

    def hold(self, key: str) -> None:
        """Keep a blob until it is released as often."""
        with self._lock:
            self._used[_name(key)] = self._used.get(_name(key), 0) + 1

    def release(self, key: str, *, delete: bool) -> None:
        """Need a blob no longer: delete it at once, or let its time run from now."""
        with self._lock:
            name = _name(key)
            self._used[name] = self._used.get(name, 1) - 1
            if self._used[name] > 0:
                return
            del self._used[name]
        with suppress(FileNotFoundError):
            if delete:
                self._file(key).unlink()
            else:
                os.utime(self._file(key))

    def sweep(self) -> None:
        """Remove what nobody has needed for long."""
        with self._lock:
            used = set(self._used)
        entries = sorted(((each, *_size_and_time(each)) for each in self._folder.iterdir()), key=lambda entry: entry[2])
        total = sum(size for _, size, _ in entries)
        now, limits = time.time(), self._limits
        for path, size, modified in entries:
            is_short = total > limits.total // 2
            kept = limits.unused_seconds_when_short if is_short else limits.unused_seconds
            if path.stem not in used and modified < now - kept:
                _remove(path)
                total -= size
        with self._lock:
            self._total = total
            self._next_sweep = time.monotonic() + limits.sweep_seconds

    def close(self) -> None:
        """Remove what was kept for the life of the process only."""
        if self._temporary:
            self._temporary.cleanup()

    @property
    def _folder(self) -> Path:
        # Most Eventhouses never see a blob: the folder is made for the first one.
        if self._given_folder is None:
            with self._lock:
                self._temporary = self._temporary or tempfile.TemporaryDirectory(prefix="eventhouse-blobs-")
                return Path(self._temporary.name)
        self._given_folder.mkdir(parents=True, exist_ok=True)
        return self._given_folder

    def _reserve(self, size: int) -> None:
        if size > self._limits.size:
            raise KustoError(
                f"The blob is larger than {self._limits.size} bytes.", "RequestBodyTooLarge", hint="split it"
            )
        # What was removed since the last sweep still counts, until the next one.
        if time.monotonic() >= self._next_sweep or self._total + size > self._limits.total:
            self.sweep()
        with self._lock:
            if self._total + size > self._limits.total:
                raise BlobsFull("The blobs that wait for ingestion take all the room there is.", "ServerBusy")
            self._total += size

    def _write(self, target: Path, parts: Iterable[bytes]) -> Blob:
        try:
            return self._written(target, parts)
        except OSError as error:
            # In the service's words for it, on which its clients come again.
            raise BlobsFull(f"The blob cannot be kept now: {error.strerror}.", "ServerBusy") from error

    def _written(self, target: Path, parts: Iterable[bytes]) -> Blob:
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="new-", delete=False) as file:
            try:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(target)
            except BaseException:
                _remove(Path(file.name))
                raise
        found = target.stat()
        return Blob(found.st_size, found.st_mtime)

    def _file(self, key: str) -> Path:
        return self._folder / f"{_name(key)}.blob"

    def _blocks(self, key: str) -> Path:
        return self._folder / f"{_name(key)}.blocks"


def _name(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _size_and_time(path: Path) -> tuple[int, float]:
    try:
        found = path.stat()
        if path.is_dir():
            return sum(each.stat().st_size for each in path.iterdir()), found.st_mtime
    except FileNotFoundError:
        return 0, 0.0
    return found.st_size, found.st_mtime


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
