"""Limits on what comes in, as throughput units have them: a pace that is waited for, and a refusal beyond it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from emulator.eventhubs.errors import HubError

SERVER_BUSY = "com.microsoft:server-busy"


@dataclass(frozen=True, slots=True)
class Throttle:
    """How much may come in per second; `patience` is how many seconds a delivery is held back before it is refused."""

    events_per_second: float
    bytes_per_second: float = float("inf")
    patience: float = 4.0


class Meter:
    """What has come in of late; without a throttle there is no limit.

    A second's worth may come at once, and after a second of silence one delivery of any size.
    """

    def __init__(self, throttle: Throttle | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._throttle = throttle
        self._clock = clock
        self._paid_until = clock() - 1.0
        self._refused = 0.0

    def check(self) -> None:
        """Raise HubError where the delivery that was refused last would be refused again.

        The Azure client tries again to attach, but not always to send.
        """
        if self._throttle is not None and self._refused:
            self._pause(self._throttle, self._refused)

    def take(self, events: int, size: int) -> float:
        """Count a delivery in; return the seconds to hold it back, or raise HubError where they would be too many."""
        throttle = self._throttle
        if throttle is None:
            return 0.0
        cost = max(events / throttle.events_per_second, size / throttle.bytes_per_second)
        self._refused = cost
        pause = self._pause(throttle, cost)
        self._refused = 0.0
        self._paid_until = max(self._paid_until, self._clock() - 1.0) + cost
        return pause

    def _pause(self, throttle: Throttle, cost: float) -> float:
        ahead = self._paid_until - self._clock()
        if ahead <= -1.0:
            return 0.0
        pause = max(0.0, ahead + cost)
        if pause > throttle.patience:
            raise HubError(SERVER_BUSY, f"The request was throttled: it would wait for {pause:.1f} s; try again later")
        return pause
