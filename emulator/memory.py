"""What memory there is, and a limit that ends a request in place of the process."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

# Of the memory there is; the rest is for what else runs on the machine.
_SHARE = 0.8
# What counts as allocated though nothing is in it: 1 GB of DuckDB's and a stack and an arena of each thread.
_RESERVED = 1536 * 1024 * 1024
_LEAST = 128 * 1024 * 1024
# Where Linux says what a container may use, in versions 2 and 1 of its control groups.
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_memory() -> int:
    """Return the bytes of memory that this process may hope for: less than the machine has if a limit says so."""
    return min((os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_container_limits(), *_address_limits()))


def bound_process(memory: int | None = None) -> None:
    """Let this process and its children allocate most of what the machine has, and no more: then allocations fail.

    DuckDB counts what is in its buffers, but not the constants of a query and what an answer becomes. For those the
    system would end the process; with a limit it is the request that ends. A lower limit stays.
    """
    limit = int((memory or machine_memory()) * _SHARE) + _RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    known = [each for each in (soft, hard) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min((limit, *known)), hard))


def _address_limits() -> Iterator[int]:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield max(_LEAST, soft - _RESERVED)


def _container_limits() -> Iterator[int]:
    for path in _CGROUP_LIMITS:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdecimal():
            yield int(text)
