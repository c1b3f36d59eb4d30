"""Which of several producers is the active one: a lease in a file, held for some seconds and renewed.

An Eventhouse knows no compare-and-set, so that a lease in it could be held twice; a file under a lock cannot, on one
machine or on a file system that honours locks. A holder that is killed or stalls loses the lease when its seconds are
over. For that moment two may believe to hold it: event ids make that harmless.
"""

import fcntl
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import orjson

from producer.clock import Clock
from producer.durable_files import replace_file

logger = logging.getLogger(__name__)


class Lease(Protocol):
    """The right to be the active one, for `seconds` at a time."""

    seconds: float

    @property
    def is_held(self) -> bool:
        """Whether the right is this holder's at the moment."""
        ...

    def claim(self) -> bool:
        """Take the lease if it is free, renew it if it is held; return whether it is held now."""
        ...

    def release(self) -> None:
        """Give the lease back at once."""
        ...


@dataclass(frozen=True, slots=True)
class _Claim:
    holder: str
    until: datetime


class FileLease:
    """A lease in a file; the clocks of its holders should agree to within a fraction of `seconds`."""

    def __init__(self, path: Path, holder: str, clock: Clock, seconds: float = 10.0) -> None:
        self.seconds = seconds
        self._path = path
        self._holder = holder
        self._clock = clock
        self._held_until = float("-inf")
        self._seen: tuple[_Claim, float] | None = None

    @property
    def is_held(self) -> bool:
        """Whether the lease is this holder's, as far as is known without looking."""
        return self._clock.monotonic() < self._held_until

    def claim(self) -> bool:
        """Take or renew the lease; a file that cannot be had leaves things as they are until the lease runs out."""
        try:
            with self._locked():
                found = self._read()
                if found and found.holder != self._holder and self._is_valid(found):
                    self._held_until = float("-inf")
                else:
                    held_until = self._clock.monotonic() + self.seconds
                    self._write(_Claim(self._holder, self._clock.now() + timedelta(seconds=self.seconds)))
                    self._held_until = held_until
        except OSError as error:
            logger.warning("the lease %s cannot be claimed: %s", self._path, error)
        return self.is_held

    def release(self) -> None:
        """Give the lease back."""
        self._held_until = float("-inf")
        try:
            with self._locked():
                found = self._read()
                if found and found.holder == self._holder:
                    self._path.unlink()
        except OSError as error:
            logger.warning("the lease %s cannot be released: %s", self._path, error)

    def _is_valid(self, claim: _Claim) -> bool:
        """Whether another holder's claim holds: until its time, and while it is renewed if the clock was set back."""
        if self._seen is None or self._seen[0] != claim:
            self._seen = (claim, self._clock.monotonic())
        waited = self._clock.monotonic() - self._seen[1]
        return self._clock.now() < claim.until and waited <= self.seconds

    def _locked(self) -> "_FileLock":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return _FileLock(self._path.with_name(f"{self._path.name}.lock"))

    def _read(self) -> _Claim | None:
        try:
            facts = orjson.loads(self._path.read_bytes())
            return _Claim(str(facts["holder"]), datetime.fromisoformat(facts["until"]).astimezone(UTC))
        except FileNotFoundError:
            return None
        except (LookupError, TypeError, ValueError) as error:
            # Half a file cannot be: it is replaced whole. Whatever this is, it holds no lease.
            logger.warning("the lease %s is unreadable: %s", self._path, error)
            return None

    def _write(self, claim: _Claim) -> None:
        replace_file(self._path, orjson.dumps(claim, option=orjson.OPT_UTC_Z))


class _FileLock:
    """An exclusive lock on a file for the length of a `with` block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
