"""The limits of one query: time, records and size of its result."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from emulator.options import QUERY_TIMEOUT, count, flag
from emulator.options import timeout as read_timeout

# concepts/querylimits.md, "Limit on result set size (result truncation)".
MAX_RECORDS = 500_000
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may take; None is no limit."""

    records: int | None = MAX_RECORDS
    size: int | None = MAX_BYTES
    timeout: timedelta = QUERY_TIMEOUT

    @classmethod
    def of(cls, options: Mapping[str, object]) -> "Limits":
        """Read the request options `notruncation`, `truncationmaxrecords`, `truncationmaxsize`, `servertimeout`."""
        timeout = read_timeout(options, QUERY_TIMEOUT)
        if flag(options.get("notruncation")):
            return cls(None, None, timeout)
        return cls(
            count("truncationmaxrecords", options, MAX_RECORDS),
            count("truncationmaxsize", options, MAX_BYTES),
            timeout,
        )
