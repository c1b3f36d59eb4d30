"""A small file that is true for as long as its writer lives: the writer holds a lock on it.

The kernel gives the lock free when the process ends, however it ends; what is found without a lock is a leftover or
a copy, and counts as absent. A process id would not do: a reboot or a container gives it to somebody else.
"""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_LOGGER = logging.getLogger(__name__)


@contextmanager
def held_file(path: Path, facts: Mapping[str, str]) -> Iterator[None]:
    """Keep the facts in a file for the duration, in place of what a process before left there.

    A disk without room for them is no reason to end.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # Locked before it has its name: nobody sees it without the lock.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            os.write(descriptor, json.dumps(facts).encode())
            draft.rename(path)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            _LOGGER.warning("the disk is full: other commands do not find this process by '%s'", path)
        yield
    finally:
        for name in (draft, path):
            name.unlink(missing_ok=True)
        os.close(descriptor)


def read_held(path: Path) -> dict[str, str] | None:
    """Return the facts of a file whose writer lives; None where there is no file, or only what one left."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        if _is_free(descriptor):
            return None
        facts = json.loads(os.read(descriptor, 1 << 16))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    return {str(name): str(value) for name, value in facts.items()} if isinstance(facts, dict) else None


def _is_free(descriptor: int) -> bool:
    try:
        # Shared, so that several that look at once do not take each other for the writer.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
