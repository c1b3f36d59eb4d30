"""Files that are whole or not changed at all, on a disk that may be full."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


def append_durably(descriptor: int, size: int, data: bytes) -> None:
    """Write at the end of a file of so many bytes; on an error the next call writes over what was left of this one.

    Bytes beyond `size` are what an earlier call could not take back.
    """
    try:
        os.ftruncate(descriptor, size)
        view, at = memoryview(data), size
        while view:
            written = os.pwrite(descriptor, view, at)
            view, at = view[written:], at + written
        os.fdatasync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def replace_file(path: Path, data: bytes) -> None:
    """Replace the content of a file that has one writer at a time.

    A reader sees the old content or the new one; a failure leaves the old one, and what a killed process has left of
    its draft is written over.
    """
    os.close(_replaced(path, path.with_name(f"{path.name}.next"), data))


class HeldFile:
    """A file that is replaced again and again, and locked by its writer for as long as that lives.

    The kernel gives the lock free when the process ends, however it ends: a copy, or what a killed process has left,
    is known by the missing lock. A process id would not do: a reboot or a container gives it to somebody else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def write(self, data: bytes) -> None:
        """Replace the content; on an error the old one stays, and stays locked."""
        name = f".{self._path.name}"
        if self._descriptor is None:
            for left in self._path.parent.glob(f"{name}.*"):
                if not is_held(left):
                    left.unlink(missing_ok=True)
        descriptor = _replaced(self._path, self._path.with_name(f"{name}.{uuid4().hex}"), data)
        self.close()
        self._descriptor = descriptor

    def close(self) -> None:
        """Give the lock free and leave the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool:
    """Whether the writer of a file holds it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        # Shared, so that several that look at once do not take each other for the writer.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _replaced(path: Path, draft: Path, data: bytes) -> int:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        # Locked before it has its name: nobody sees it without the lock.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        draft.rename(path)
    except OSError:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
        raise
    return descriptor
