"""The memory that all clients share for what they have begun to send, and not ended."""

from typing import Protocol


class Holder(Protocol):
    """A connection, as the room sees it."""

    def abort(self) -> None:
        """End the connection without a word."""


class Room:
    """So many bytes for everyone; where they are taken, whoever has held some for the longest is let go.

    A client ends in milliseconds what it has begun, unless it is stuck or means harm.
    """

    def __init__(self, size: int = 256 << 20) -> None:
        self._size = size
        self._taken = 0
        self._held: dict[Holder, int] = {}

    def hold(self, holder: Holder, size: int) -> None:
        """Let a connection hold so many bytes more."""
        self._held[holder] = self._held.get(holder, 0) + size
        self._taken += size
        while self._taken > self._size:
            oldest = next(iter(self._held))
            self._taken -= self._held.pop(oldest)
            oldest.abort()

    def release(self, holder: Holder, size: int) -> None:
        """Take bytes back; one that was let go has none."""
        held = self._held.pop(holder, 0)
        given = min(held, size)
        self._taken -= given
        if held > given:
            # It has its place among the others anew: what it still holds, it began later.
            self._held[holder] = held - given
