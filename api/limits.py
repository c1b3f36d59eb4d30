"""The limits of one API server; values come from the composition root, never from the environment here."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """What one request may take, and what is kept.

    `max_rows` bounds the records of one answer, `cache_bytes` the memory for cached ones. Answers above
    `compress_above` bytes are compressed, for peers on this machine only with `compress_loopback`.
    """

    timeout: timedelta = timedelta(seconds=30)
    max_rows: int = 100_000
    cache_bytes: int = 64 * 1024 * 1024
    compress_above: int = 4096
    compress_loopback: bool = False
