"""What a fault of an Eventhouse means for the events that it met: whether others, or fewer, or none can be stored."""

from emulator.engine.writing.marks import StaleMark
from emulator.errors import KustoError

INTERNAL = "TH_Internal"

# A policy that is broken for every row: the events wait until somebody mends it.
_OF_DATABASE = frozenset({"UpdatePolicy_BadRequest"})
# Too much for the machine, or more than the Eventhouse is prepared for: fewer events may be stored, or the same later.
_HEAVY = frozenset({"E_RUNAWAY_QUERY", "E_QUERY_TIMEOUT", "OutOfMemory", "TH0911", "InternalServiceError", INTERNAL})
_ATTEMPTS = 5


def is_refusal(error: KustoError) -> bool:
    """Whether the same request would be refused again and again, be it for its events or for where they go."""
    return error.permanent and not isinstance(error, StaleMark) and error.code not in _OF_DATABASE


def is_heavy(error: KustoError) -> bool:
    """Whether it may be for the number of events, or for one that takes more than there is."""
    return not error.permanent and error.code in _HEAVY


class Alone:
    """Counts the attempts to store the next event by itself."""

    def __init__(self) -> None:
        self._sequence = -1
        self._attempts = 0

    def is_hopeless(self, sequence: int) -> bool:
        """Count an attempt that failed; return whether there were enough."""
        if sequence != self._sequence:
            self._sequence, self._attempts = sequence, 0
        self._attempts += 1
        return self._attempts >= _ATTEMPTS
