"""Eventhouses that run on this machine: how a process tells of its own, and how commands find it.

Who serves a data folder says so in the folder, for commands that name it, and in folders of the user, for commands
that name nothing: a login has XDG_RUNTIME_DIR, a service, cron or `su` of the same user has not. All are held files:
what a killed process leaves is not believed, and removed when it is seen.
"""

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cli.composition.held_files import held_file, read_held

ENDPOINT_FILE = "endpoint.json"


@dataclass(frozen=True, slots=True)
class Instance:
    """A running Eventhouse: its URL, the database it was started for, its data folder unless it is in memory."""

    url: str
    database: str
    folder: Path | None

    def __str__(self) -> str:
        kept = "in memory" if self.folder is None else f"data in {shown(self.folder)}"
        return f"{self.url}  database {self.database}, {kept}"


@contextmanager
def announced(instance: Instance, *, to_all: bool = True) -> Iterator[None]:
    """Tell of a running Eventhouse for the duration; with `to_all` False only those that name its folder."""
    facts = {"url": instance.url, "database": instance.database}
    with ExitStack() as held:
        if instance.folder is not None:
            facts["folder"] = str(instance.folder.resolve())
            held.enter_context(held_file(instance.folder / ENDPOINT_FILE, facts))
        for runtime in runtime_folders() if to_all else ():
            held.enter_context(held_file(runtime / f"{uuid4().hex}.json", facts))
        yield


def serving(folder: Path) -> Instance | None:
    """Return the process that serves a data folder, or None."""
    # What is known of the folder itself wins over the path under which its server saw it, as in a container.
    facts = read_held(folder / ENDPOINT_FILE)
    return _instance({**facts, "folder": str(folder)}) if facts is not None else None


def running_instances() -> tuple[Instance, ...]:
    """Return the Eventhouses that this user runs here, by URL; what killed ones left is removed."""
    found = set()
    for path in (path for runtime in runtime_folders() for path in sorted(runtime.glob("*.json"))):
        facts = read_held(path)
        if facts is None:
            path.unlink(missing_ok=True)
        elif (instance := _instance(facts)) is not None:
            found.add(instance)
    return tuple(sorted(found, key=lambda each: each.url))


def runtime_folders(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return the user's folders for running processes, made where they are missing; none where there can be none.

    Each must belong to the user alone: whoever may write there chooses where commands go.
    """
    base = Path(environment.get("XDG_RUNTIME_DIR", ""))
    own = (base / "tickhouse",) if base.is_absolute() else ()
    folders = (*own, Path(tempfile.gettempdir()) / f"tickhouse-{os.getuid()}")
    return tuple(folder for folder in folders if _is_private(folder))


def _is_private(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o077


def shown(folder: Path) -> Path:
    """Return a folder as the user would write it: relative where it lies below the current one."""
    try:
        return folder.resolve().relative_to(Path.cwd()) if folder.is_absolute() else folder
    except ValueError:
        return folder


def _instance(facts: Mapping[str, str]) -> Instance | None:
    if "url" not in facts or "database" not in facts:
        return None
    return Instance(facts["url"], facts["database"], Path(facts["folder"]) if "folder" in facts else None)
