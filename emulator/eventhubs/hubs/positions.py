"""Where a receiver starts: the selector filter of its source, and the sequence number it means."""

import re
from dataclasses import dataclass
from enum import Enum

from emulator.eventhubs.errors import HubError, PositionRejected
from emulator.eventhubs.hubs.log import Log

_SELECTOR = re.compile(
    r"amqp\.annotation\.x-opt-(?P<by>offset|sequence-number|enqueued-time|enqueuedtimeutc)\s*(?P<operator>>=?)\s*"
    r"'(?P<value>[^']*)'"
)
_LATEST = "@latest"


class By(Enum):
    """What a position counts."""

    OFFSET = "offset"
    SEQUENCE = "sequence-number"
    TIME = "enqueued-time"


@dataclass(frozen=True, slots=True)
class Position:
    """The events at (`inclusive`) or behind a value; None is behind the last one."""

    by: By
    value: int | None
    inclusive: bool

    def sequence(self, log: Log) -> int:
        """Return the sequence number to start from.

        Raises PositionRejected past the end of the log. What retention has removed is left out, as in Azure.
        """
        if self.value is None:
            return log.end
        if self.value < 0:
            return log.begin
        match self.by:
            case By.OFFSET:
                return log.sequence_at_offset(self.value, inclusive=self.inclusive)
            case By.TIME:
                return log.sequence_at_time(self.value, inclusive=self.inclusive)
            case By.SEQUENCE:
                start = self.value if self.inclusive else self.value + 1
                if start > log.end:
                    raise PositionRejected(
                        f"The supplied sequence number '{self.value}' is invalid."
                        f" The last sequence number in the system is '{log.end - 1}'"
                    )
                return max(start, log.begin)

    def admits(self, time: int) -> bool:
        """Say whether an event of a time, in milliseconds since 1970, is behind a position in time."""
        return self.by is not By.TIME or self.value is None or time > self.value - self.inclusive


LATEST = Position(By.OFFSET, None, inclusive=False)


def parse_selector(text: str) -> Position:
    """Read a selector, such as `amqp.annotation.x-opt-offset > '-1'`; raise HubError for any other."""
    match = _SELECTOR.fullmatch(text.strip())
    if match is None:
        raise HubError("amqp:invalid-field", f'The selector "{text}" is not supported')
    value = match["value"]
    by = By.TIME if match["by"].startswith("enqueued") else By(match["by"])
    inclusive = match["operator"] == ">="
    if value == _LATEST and by is By.OFFSET:
        return LATEST
    try:
        return Position(by, int(value), inclusive)
    except ValueError as error:
        raise HubError("com.microsoft:argument-error", f"The supplied {by.value} '{value}' is invalid") from error
