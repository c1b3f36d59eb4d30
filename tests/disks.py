"""Disks without room: a small one of its own where the machine permits it, and files that may not grow."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder on a disk, and how the disk is filled and given room again."""

    folder: Path
    fill: Callable[[], None]
    free: Callable[[], None]


@contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Disk]:
    """Mount a disk of a size at a folder for the duration; skip the test where this machine does not permit it."""
    folder.mkdir(parents=True, exist_ok=True)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        subprocess.run(mounting, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only who may mount a file system has a small disk")
    filler = folder / "filler"

    def fill() -> None:
        with filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    try:
        yield Disk(folder, fill, lambda: filler.unlink(missing_ok=True))
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def small_files(folder: Path, size: str = "", pid: Callable[[], int] = lambda: 0) -> Iterator[Disk]:
    """Let files of a process, by default this one, end a few bytes beyond the largest one in a folder, once filled."""
    del size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        largest = max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)
        resource.prlimit(pid(), resource.RLIMIT_FSIZE, (largest + 7, hard))

    def free() -> None:
        # A process that has ended has taken its limit with it.
        with suppress(ProcessLookupError):
            resource.prlimit(pid(), resource.RLIMIT_FSIZE, (soft, hard))

    try:
        yield Disk(folder, fill, free)
    finally:
        free()


DISKS: dict[str, Callable[..., AbstractContextManager[Disk]]] = {"disk": small_disk, "file size": small_files}


@contextmanager
def no_more_files() -> Iterator[None]:
    """Leave this process no file to open for the duration."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open(os.devnull, os.O_RDONLY)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
    taken = []
    with suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    try:
        yield
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
