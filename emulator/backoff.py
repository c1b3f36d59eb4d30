"""How long to wait after a failure: twice as long after each, up to a limit."""

from dataclasses import dataclass

# 2 to this power is beyond every limit, and no float overflows.
_MAX_DOUBLINGS = 64


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses in seconds, from `first` to `last`."""

    first: float
    last: float

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row, from 1 on."""
        return min(self.first * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), self.last)
