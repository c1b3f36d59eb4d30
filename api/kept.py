"""Answers that are kept for a while, within a number of bytes that counts all of them: keys, headers, both codings."""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from api.spelling import Key

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

# What an entry takes beside its bytes, about.
_OVERHEAD = 256
# How often answers that nobody asks for again are looked through.
_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Answer:
    """A finished answer: what is sent again, and when it was computed."""

    status: int
    headers: RawHeaders
    body: bytes
    computed: float
    compressed: bytes | None = field(default=None, repr=False)

    @property
    def tag(self) -> bytes | None:
        """The entity tag."""
        return next((value for name, value in self.headers if name == b"etag"), None)

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return _OVERHEAD + len(self.body) + len(self.compressed or b"") + headers

    def gzipped(self) -> bytes:
        """Return the compressed body, made once."""
        if self.compressed is None:
            self.compressed = gzip.compress(self.body, 5, mtime=0)
        return self.compressed


class KeptAnswers:
    """At most `most_bytes` of answers, those asked for last; what is too old goes, whether anyone asks or not."""

    def __init__(self, most_bytes: int, clock: Callable[[], float]) -> None:
        self._most = most_bytes
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[Answer, int, int]] = OrderedDict()  # with its age limit and its size
        # By age limit the keys in the order in which they become too old.
        self._ends: dict[int, dict[Key, None]] = {}
        self._bytes = 0
        self._look: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """What the answers take."""
        return self._bytes

    def find(self, key: Key) -> Answer | None:
        """Return an answer that is not too old."""
        found = self._kept.get(key)
        if found is None:
            return None
        answer, max_age, _ = found
        if self._clock() - answer.computed >= max_age:
            self.forget(key)
            return None
        self._kept.move_to_end(key)
        return answer

    def keep(self, key: Key, answer: Answer, max_age: int) -> None:
        """Keep an answer for seconds, in place of an older one."""
        self.forget(key)
        size = answer.size + sum(len(part) for part in key)
        if size > self._most:
            return
        self._kept[key] = (answer, max_age, size)
        self._ends.setdefault(max_age, {})[key] = None
        self._bytes += size
        while self._bytes > self._most:
            self.forget(next(iter(self._kept)))
        if self._look is None and self._kept:
            self._look = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_through)

    def weigh(self, key: Key, answer: Answer) -> None:
        """Count an answer again that has grown."""
        found = self._kept.get(key)
        if found is not None and found[0] is answer:
            self.keep(key, answer, found[1])

    def forget(self, key: Key) -> None:
        """Let an answer go."""
        found = self._kept.pop(key, None)
        if found is not None:
            del self._ends[found[1]][key]
            self._bytes -= found[2]

    def expire(self) -> None:
        """Let everything go that is too old."""
        now = self._clock()
        for max_age, keys in self._ends.items():
            while (key := next(iter(keys), None)) is not None and now - self._kept[key][0].computed >= max_age:
                self.forget(key)

    def _look_through(self) -> None:
        self.expire()
        self._look = None
        if self._kept:
            self._look = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_through)
