"""What all callers write down while they work; safe to share between threads."""

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos.verdict import Moment

# What a platform answers that is stopped, stalled, overloaded, out of room or out of time; any other 5xx is its fault.
PASSING = {503, 504, 507}
_IDLE_SECONDS = 0.2


@dataclass
class Notes:
    """Answers by kind, moments with what they took, when nothing could be expected, and what must not have been."""

    lines: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    prints: list[Moment] = field(default_factory=list)
    ingestions: list[Moment] = field(default_factory=list)
    bombs: list[Moment] = field(default_factory=list)
    endings: list[Moment] = field(default_factory=list)
    disturbed: list[tuple[float, float]] = field(default_factory=list)
    crowds: list[tuple[float, float]] = field(default_factory=list)
    idle: list[Moment] = field(default_factory=list)
    resident: int = 0
    is_crowded: bool = False
    turns: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, *words: object) -> None:
        """Note what is tried, or was acknowledged, as the judge of crashes reads it."""
        self.lines.append(" ".join(map(str, words)))

    def answer(self, caller: str, status: int, text: str = "") -> None:
        """Note an answer; status 0 is none."""
        code = _code(text)
        with self._lock:
            self.answers[f"{caller} {status or 'none'}{code and f' {code}'}"] += 1
            if (status >= 500 and status not in PASSING) or code == "TH0911":
                self.unexpected[f"{caller}: {status} {text[:300]}"] += 1

    def wrong(self, what: str) -> None:
        """Note what must not be."""
        with self._lock:
            self.unexpected[what] += 1

    @contextmanager
    def while_disturbed(self) -> Iterator[None]:
        """Expect nothing for the duration."""
        since = time.time()
        try:
            yield
        finally:
            self.disturbed.append((since, time.time()))

    def watch_cores(self, ended: threading.Event) -> None:
        """Note how many cores are free, again and again."""
        before, at = _idle_seconds(), time.time()
        while not ended.wait(_IDLE_SECONDS):
            now, idle = time.time(), _idle_seconds()
            self.idle.append(Moment(at, now - at, (idle - before) / (now - at)))
            before, at = idle, now


def _code(text: str) -> str:
    found = re.search(r"\b(TH_\w+|TH\d{4}|E_\w+|SEM\d{4}|SYN\d{4})\b", text)
    return found[0] if found else ""


def _idle_seconds() -> float:
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[4]) / os.sysconf("SC_CLK_TCK")


def high_water(pid: int) -> int:
    """Return the most bytes that a process has had resident so far; 0 for one that is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
