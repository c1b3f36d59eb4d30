"""The lock that makes one process the owner of a data folder."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from emulator.errors import FolderFault

LOCK_FILE = "eventhouse.lock"


class FolderLock:
    """An advisory lock on a folder, held until closed; the kernel releases it when the process dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Take the lock and leave this process's id in it, or raise FolderFault naming the holder; OSError for a folder
        that cannot be used.
        """
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise FolderFault(
                f"The data folder '{folder}' is in use by process {holder or 'unknown'}.",
                code="TH_FolderInUse",
                hint="end that process, or give another folder",
            ) from error
        # The id is only for the message above; a full disk has no room for it.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the folder free; the file stays, since removing it could race with the next owner."""
        os.close(self._descriptor)
