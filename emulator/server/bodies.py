"""Bodies of requests: how many bytes of them may be held at one time, and gzip inflated piece by piece.

Callers are bounded by number, and one of them may send 64 MB: what waits is bounded by its bytes too.
"""

import io
import threading
import zlib
from dataclasses import dataclass, field

from starlette.requests import Request

from emulator.content_codings import GZIP, GzipTooLarge, gunzip
from emulator.errors import CommandThrottledFault, KustoError
from emulator.listening.limits import LARGEST_BODY
from emulator.memory import machine_memory
from emulator.server.errors import PayloadFault
from emulator.work import Work

# A request body as sent, and after decompression.
MAX_BODY = LARGEST_BODY
MAX_INFLATED = 512 * 1024 * 1024

# Of the memory there is: what clients have sent, and what that becomes. One body of the largest size always has room.
_SENT_SHARE, _INFLATED_SHARE = 8, 4
_MOST_SENT = 1024 * 1024 * 1024


class Room:
    """So many bytes of what all requests hold together; safe to share between threads."""

    def __init__(self, limit: int) -> None:
        self.taken = 0
        self._limit = limit
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Hold so many bytes more, or raise CommandThrottledFault."""
        with self._lock:
            if self.taken + size > self._limit:
                raise CommandThrottledFault(
                    "The request was aborted due to throttling: others wait with as much as this Eventhouse holds. "
                    f"Retrying after some backoff might succeed. Capacity: {self._limit} bytes",
                    "TooManyRequests",
                )
            self.taken += size

    def give_back(self, size: int) -> None:
        """Hold so many bytes no longer."""
        with self._lock:
            self.taken -= size


def _room_sent() -> Room:
    return Room(max(2 * MAX_BODY, min(_MOST_SENT, machine_memory() // _SENT_SHARE)))


def _room_inflated() -> Room:
    return Room(max(MAX_INFLATED, machine_memory() // _INFLATED_SHARE))


@dataclass(frozen=True, slots=True)
class Rooms:
    """The room of one server, by default as its machine has memory."""

    sent: Room = field(default_factory=_room_sent)
    inflated: Room = field(default_factory=_room_inflated)


class Body:
    """The body of one request, from its first byte until `release`."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._sent = self._inflated = 0

    async def read(self, request: Request, most: int, too_large: PayloadFault) -> bytes:
        """Read it as it is; raise `too_large` above `most` bytes, or CommandThrottledFault where there is no room."""
        # The server has parsed the number. Not a byte is asked for of what says that it is too large.
        if int(request.headers.get("content-length", 0)) > most:
            raise too_large
        # It grows in place; to put 64 MB together at the end would hold up all others for 20 ms.
        received = io.BytesIO()
        async for chunk in request.stream():
            if self._sent + len(chunk) > most:
                raise too_large
            self._rooms.sent.take(len(chunk))
            self._sent += len(chunk)
            received.write(chunk)
        return received.getvalue()

    def plain(self, data: bytes, work: Work, most: int = MAX_INFLATED) -> bytes:
        """Return gzip data inflated, anything else as it is; for a thread, until the work is over.

        Raises PayloadFault above `most` bytes, and CommandThrottledFault where there is no room.
        """

        def grow(size: int) -> None:
            work.check()
            self._rooms.inflated.take(size)
            self._inflated += size

        if not data.startswith(GZIP):
            return data
        try:
            return gunzip(data, most, grow)
        except GzipTooLarge as error:
            raise PayloadFault(f"The request body is larger than {most} bytes after decompression") from error
        except zlib.error as error:
            raise KustoError(f"The request body starts like gzip but is not: {error}") from error
        except EOFError as error:
            raise KustoError("The request body is gzip that ends too early") from error

    def release(self) -> None:
        """Give back what it holds."""
        sent, self._sent = self._sent, 0
        inflated, self._inflated = self._inflated, 0
        self._rooms.sent.give_back(sent)
        self._rooms.inflated.give_back(inflated)
