"""Who may receive from a partition in a consumer group: five side by side, or the one with the highest epoch."""

from typing import Protocol

from emulator.eventhubs.errors import HubError

MAX_RECEIVERS = 5
STOLEN = "amqp:link:stolen"


class Receiver(Protocol):
    """A link that receives; `epoch` is the client's owner level."""

    epoch: int | None

    def displace(self, condition: str, description: str) -> None:
        """End the link with an error."""


class Receivers:
    """The receivers of one partition in one consumer group."""

    def __init__(self) -> None:
        self._present: list[Receiver] = []

    @property
    def present(self) -> tuple[Receiver, ...]:
        """Who receives now."""
        return tuple(self._present)

    def admit(self, receiver: Receiver) -> None:
        """Let a receiver in; those of lower or no epoch give way to one with an epoch. Raises HubError."""
        highest = max((each.epoch for each in self._present if each.epoch is not None), default=None)
        if receiver.epoch is None:
            if highest is not None:
                raise HubError(
                    STOLEN,
                    f"A receiver with epoch {highest} exists, so a receiver without one is not allowed;"
                    " connect with a higher epoch, or close that receiver",
                )
            if len(self._present) >= MAX_RECEIVERS:
                raise HubError(
                    "amqp:resource-limit-exceeded",
                    f"Exceeded the maximum number of {MAX_RECEIVERS} receivers per partition in a consumer group",
                )
        elif highest is not None and highest > receiver.epoch:
            raise HubError(
                STOLEN, f"A receiver with the higher epoch {highest} exists; epoch {receiver.epoch} cannot receive"
            )
        else:
            displaced, self._present = self._present, []
            for each in displaced:
                each.displace(STOLEN, f"A new receiver with epoch {receiver.epoch} has taken over")
        self._present.append(receiver)

    def leave(self, receiver: Receiver) -> None:
        """Forget a receiver, if it is still there."""
        if receiver in self._present:
            self._present.remove(receiver)
