"""Backups: a data folder as of one moment in a folder of its own, with the checksum of each file.

Spool and blobs are copied before the database, the hub's log after it: what is twice then is known by event ids and
marks, and nothing is missing.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cli.composition.hub import LOG_FOLDER
from cli.composition.instances import ENDPOINT_FILE, serving
from cli.composition.pipelines import SPOOL_FOLDER
from cli.errors import CliError
from cli.status.connection import STATUS_FILE as CONNECTION_FILE
from cli.status.producer import STATUS_FILE as PRODUCER_FILE
from emulator.engine.data_folder.copying import OWN_FILES, copy_database
from emulator.product_version import product_version

MANIFEST_FILE = "backup.json"
FORMAT = 1

# What says how a process does, and locks.
_OF_PROCESSES = {ENDPOINT_FILE, PRODUCER_FILE, CONNECTION_FILE, "lock"} | OWN_FILES
_UNFINISHED = (".next", ".new")


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: when it was taken, and its files with their bytes and checksums."""

    taken_at: datetime
    files: dict[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(size for size, _ in self.files.values())


def take_backup(data: Path, target: Path) -> Backup:
    """Copy a data folder, which may be served, into a new or empty one, which has its name only when it is whole."""
    _require_new(target, "a backup")
    _require_apart(data, target)
    draft = _draft(target)
    try:
        _copy_others(data, draft, hub=False)
        copy_database(data, draft)
        _copy_others(data, draft, hub=True)
        paths = sorted(path for path in draft.rglob("*") if path.is_file())
        files = {str(path.relative_to(draft)): (path.stat().st_size, _checksum(path)) for path in paths}
        backup = Backup(datetime.now(UTC), files)
        _write_manifest(draft / MANIFEST_FILE, backup)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return backup


def restore_backup(source: Path, data: Path) -> Backup:
    """Make a data folder of a backup; one that is served, or holds anything, is left alone."""
    if (served := serving(data)) is not None:
        raise CliError(f"data folder '{data}' is served at {served.url}", hint="give --data another folder")
    _require_new(data, "a backup that is restored")
    backup = read_backup(source)
    _require_apart(source, data)
    draft = _draft(data)
    try:
        for name, (size, checksum) in backup.files.items():
            path = draft / name
            # To read a pipe is to wait for who writes it, and a device has no end.
            if not _is_file_of(source / name, size):
                raise CliError(f"{source / name} is not what was backed up", hint="restore another backup")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy(source / name, path)
            if (path.stat().st_size, _checksum(path)) != (size, checksum):
                raise CliError(f"{source / name} is not what was backed up", hint="restore another backup")
        draft.rename(data)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return backup


def read_backup(folder: Path) -> Backup:
    """Read what a backup says of itself; any other folder is a CliError."""
    try:
        facts = json.loads((folder / MANIFEST_FILE).read_bytes())
        files = {str(name): (int(size), str(checksum)) for name, (size, checksum) in facts["files"].items()}
        if facts["format"] != FORMAT or not files or not all(map(_is_inside, files)):
            raise ValueError("another form")
        return Backup(datetime.fromisoformat(facts["taken_at"]), files)
    except (FileNotFoundError, NotADirectoryError):
        raise CliError(f"'{folder}' is no backup", hint="name a folder that `tickhouse backup` has made") from None
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CliError(f"{folder / MANIFEST_FILE} does not describe a backup: {error}") from error


def changed_files(folder: Path, backup: Backup) -> list[str]:
    """Return the files of a backup that are missing, or not what they were."""
    return [
        name
        for name, (size, checksum) in backup.files.items()
        if not _is_file_of(folder / name, size) or _checksum(folder / name) != checksum
    ]


def _is_file_of(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _is_inside(name: str) -> bool:
    parts = Path(name).parts
    return bool(parts) and "\0" not in name and ".." not in parts and not Path(name).is_absolute()


def _require_new(folder: Path, what: str) -> None:
    if folder.is_symlink():
        # What is made takes the place of an empty folder, and not that of a link.
        raise CliError(f"'{folder}' is a link", hint="name the folder that it leads to")
    if folder.exists() and not folder.is_dir():
        raise CliError(f"'{folder}' is a file, not a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise CliError(f"'{folder}' is not empty", hint=f"{what} goes into a new folder")


def _require_apart(source: Path, target: Path) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise CliError(f"'{target}' lies within '{source}'", hint="name a folder elsewhere, best on another disk")


def _draft(folder: Path) -> Path:
    """Return a new folder beside one that is to be made; what an attempt that was killed has left goes."""
    folder = folder.absolute()
    draft = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    return draft


def _copy_others(data: Path, target: Path, *, hub: bool) -> None:
    """Copy what is not the database; the hub's log and what came meanwhile the second time."""
    for path in _files(data):
        name = path.relative_to(data)
        copied = target / name
        is_hub, is_spool = name.parts[0] == LOG_FOLDER, name.parts[0] == SPOOL_FOLDER
        if is_hub != hub and (not hub or is_spool or copied.exists()):
            continue
        copied.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _copy(path, copied)
        except FileNotFoundError:
            # Delivered, ingested or expired while this looked.
            copied.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    """Iterate over the files of a folder that are more than how a process does at the moment."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and not each.endswith(".tmp"))
        is_top = Path(place) == folder
        for name in sorted(names):
            is_own = name in _OF_PROCESSES and (is_top or name in OWN_FILES or name == "lock")
            if is_own or name.startswith(".") or name.endswith(_UNFINISHED):
                continue
            # To read a pipe is to wait for who writes it; and a link may lead nowhere.
            if (path := Path(place) / name).is_file():
                yield path


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        target.chmod(0o600)
        shutil.copyfileobj(read, written, 1 << 20)
        written.flush()
        os.fsync(written.fileno())


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_manifest(path: Path, backup: Backup) -> None:
    facts = {
        "format": FORMAT,
        "tickhouse": product_version(),
        "taken_at": backup.taken_at.isoformat(),
        "files": backup.files,
    }
    with path.open("w", encoding="utf-8") as file:
        json.dump(facts, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
