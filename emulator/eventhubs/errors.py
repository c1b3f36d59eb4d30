"""What the hubs refuse, with the conditions that the Azure clients know."""

from emulator.errors import EngineFault
from emulator.eventhubs.amqp.errors import AmqpError


class HubError(AmqpError):
    """A request that the hubs do not serve."""


class LogDamaged(EngineFault):
    """A stored record is not what was written; the message names the file and the place."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "TH_LogDamaged", hint="restore the folder from a copy, or start with an empty one")


class PositionRejected(HubError):
    """A position that the log does not have: nothing can be read from there without silently missing events."""

    def __init__(self, description: str) -> None:
        super().__init__("com.microsoft:argument-error", description)


class PositionExpired(PositionRejected):
    """Retention has removed the events at a position; `begin` is the first that is left."""

    def __init__(self, sequence: int, begin: int) -> None:
        super().__init__(f"the events from sequence number {sequence} to {begin - 1} are gone by retention")
        self.begin = begin
