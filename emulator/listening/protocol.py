"""HTTP connections that keep to limits, in front of every application and its check of keys.

uvicorn's parser takes heads of any size, in time that grows with their square, and waits for the rest of a request for
ever. What is counted here costs a request no more than a few additions; clocks are looked at once a second, by
`overdue`.
"""

from asyncio import BaseTransport, Transport
from enum import Enum
from heapq import nsmallest
from typing import Any, NoReturn, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from emulator.listening.hosts import authority_of, host_name
from emulator.listening.limits import MEBIBYTE, Limits

# What may still come of a request that nobody reads on, before nothing more is taken in.
_UNREAD = MEBIBYTE
# What is parsed at one time, bodies apart: most requests with room to spare, and at most some hundred small ones.
_PIECE = 8 * 1024
# Of all connections, those that go at most when one too many comes.
_SHARE_AT_ONCE = 20


class Expecting(Enum):
    """What a connection waits for from its client."""

    HEAD = "head"
    BODY = "body"
    NOTHING = "nothing"


class RefusedError(Exception):
    """Stops the parser: the request is answered already."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    limits = Limits()

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - those of uvicorn, passed on
        super().__init__(*args, **options)
        self.expecting = Expecting.HEAD
        # When it began to wait, or when its progress was last looked at.
        self.since = self.loop.time()
        self._pending = 0  # bytes since the parser last had something to show for them
        self._received = self._received_before = 0  # bytes of the body
        self._length = 0  # of the body, as its head says
        # The request whose turn it is; `cycle` is the one that came last.
        self._answered: RequestResponseCycle | None = None
        self._later = b""  # requests that came before those in front of them were answered
        self._unsent = 0  # bytes of the answer
        self._unsent_since = 0.0
        self._left = False
        self._unread = 0  # bytes since it was refused
        self._refusal: tuple[int, str] = (400, "Invalid HTTP request received.")

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered, or waits for it."""
        return self.has_asked and not self.cycle.response_complete

    @property
    def is_answering(self) -> bool:
        """Whether a part of an answer is sent, and not all of it."""
        return any(
            each.response_started and not each.response_complete for each in (self._answered, self.cycle) if each
        )

    def connection_made(self, transport: BaseTransport) -> None:
        """Take a connection on; where there are too many, in the place of one that asks nothing."""
        super().connection_made(cast("Transport", transport))
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let every request hear that its client is gone, not only the one that came last."""
        super().connection_lost(exc)
        self.pipeline.clear()
        self._hang_up()

    def data_received(self, data: bytes) -> None:
        """Parse what came, as long as the head it may belong to has a size."""
        if self._left:
            self._unread += len(data)
            if self._unread > _UNREAD:
                # The client sees why when it looks, or when its connection goes: it may send for as long as it likes.
                self.transport.pause_reading()
            return
        if self.expecting is Expecting.NOTHING:
            self.expecting, self.since = Expecting.HEAD, self.loop.time()
        if self.pipeline or self._later:
            self._later += data
            # Whoever waits for a client to leave has it read on.
            self.flow.pause_reading()
        elif len(data) <= _PIECE:
            self._parse(data)
        else:
            self._parse_pieces(data)

    def _parse_pieces(self, data: bytes) -> None:
        """Parse some requests, and keep the others for when these are answered: each takes 2 kB once it is parsed."""
        position = 0
        while position < len(data) and not self._left:
            if self.pipeline:
                self._later += data[position:]
                return
            end = position + max(_PIECE, self._body_left())
            self._parse(data[position:end])
            position = end

    def _parse(self, data: bytes) -> None:
        self._pending += len(data)
        super().data_received(data)
        # Of a head that is whole the parser knows the size; of one that is not, only this does.
        if self._pending > self.limits.head and not self._left:
            self._refuse(431, "The head of the request is too large.")

    def _body_left(self) -> int:
        return self._length - self._received if self.expecting is Expecting.BODY else 0

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.expecting = Expecting.HEAD
        self._received = self._received_before = self._length = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the application, unless the head is larger than it may be."""
        if len(self.url) > self.limits.url:
            self._stop(414, "The URL is too long.")
        if len(self.headers) > self.limits.headers or (self._pending > self.limits.head and self._is_large()):
            self._stop(431, "The head of the request is too large.")
        self._check_host()
        self._check_length()
        self._pending = 0
        self.expecting = Expecting.BODY
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body on."""
        self._pending = 0
        self._received += len(body)
        if self._received > self.limits.body:
            self._stop(413, "The body of the request is too large.")
        if self.cycle.response_complete and self._received > _UNREAD:
            self._leave()
            raise RefusedError
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._pending = 0
        self.expecting = Expecting.NOTHING
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for it."""
        self.since = self.loop.time()
        super().on_response_complete()
        if self.pipeline:
            # uvicorn reads on after each answer, and so takes requests in faster than it answers them.
            self.flow.pause_reading()
        elif self._later and not self.transport.is_closing():
            later, self._later = self._later, b""
            self._parse_pieces(later)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's own words say no more
        """Answer what the parser refused, or what stopped it."""
        if not self._left:
            self._refuse(*self._refusal)

    def shutdown(self) -> None:
        """Close after the answer that is on its way, if there is one."""
        if self._left:
            self.transport.close()
        else:
            super().shutdown()

    def overdue(self, now: float) -> None:
        """End the connection if its client is too slow, with a request or with reading the answer."""
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            return
        if self._is_stuck_sending(now):
            self.transport.abort()
        elif self._left or self.transport.is_closing():
            return
        elif self.expecting is Expecting.HEAD:
            if self.is_busy:
                # A second request may wait for the answer to the first.
                self.since = now
            elif now - self.since >= self.limits.head_seconds:
                self._end_head()
        elif self.expecting is Expecting.BODY:
            self._watch_body(now)

    @property
    def has_asked(self) -> bool:
        """Whether a head has come to its end."""
        return cast("RequestResponseCycle | None", self.cycle) is not None  # whatever uvicorn declares

    def _end_head(self) -> None:
        if self._pending or self.has_asked:
            self._refuse(408, "The request did not come in time.")
        else:
            self.transport.close()

    def _watch_body(self, now: float) -> None:
        if self.flow.read_paused or (self.is_busy and self.cycle.waiting_for_100_continue):
            # It is the server that keeps the client waiting.
            self.since = now
        elif now - self.since >= self.limits.stall_seconds:
            if self._received - self._received_before < self.limits.slowest * (now - self.since):
                self._refuse(408, "The body of the request did not come in time.")
            self.since, self._received_before = now, self._received

    def _is_stuck_sending(self, now: float) -> bool:
        size = self.transport.get_write_buffer_size()
        if not size or not self._unsent_since:
            self._unsent, self._unsent_since = size, now if size else 0.0
            return False
        waited = now - self._unsent_since
        if waited < self.limits.stall_seconds:
            return False
        is_stuck = self._unsent - size < self.limits.slowest * waited
        self._unsent, self._unsent_since = size, now
        return is_stuck

    def _is_large(self) -> bool:
        # Each header has a colon, a blank and a line break beside its name and value.
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self.limits.head

    def _check_host(self) -> None:
        """Let the request name one host, as RFC 9112, 3.2 has it: what the target names stands for the header."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if not self.url.startswith(b"/") and self.url != b"*":
            authority = authority_of(self.url)
            if authority is None:
                self._stop(400, "The target of the request is no path and no URL.")
            # The application has this very list.
            self.headers[:] = [each for each in self.headers if each[0] != b"host"] + [(b"host", authority)]
        if len(hosts) > 1 or any(host_name(host.decode("latin-1")) is None for host in hosts):
            self._stop(400, "The request names no host, or not one.")
        if not hosts and self.parser.get_http_version() == "1.1":
            self._stop(400, "The request names no host, or not one.")

    def _check_length(self) -> None:
        """Refuse a body that says that it is too large, before any of it comes, or is asked for by 100 Continue."""
        for name, value in self.headers:
            if name == b"content-length":
                self._length = int(value)
                if self._length > self.limits.body:
                    self._stop(413, "The body of the request is too large.")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - as uvicorn has it
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _hang_up(self) -> None:
        """Let the application hear that nobody waits for it."""
        for each in (self._answered, self.cycle):
            if each and not each.response_complete:
                each.disconnected = True
                each.message_event.set()

    def _make_room(self) -> None:
        waiting = [
            each for each in self.connections if isinstance(each, LimitedProtocol) and each is not self and each.is_idle
        ]
        if waiting:
            # Half a head is of less use to anyone than a connection that a client keeps for its next request. To look
            # at all takes a millisecond: where very many come, those that never asked make room for some to follow.
            most = max(1, self.limits.connections // _SHARE_AT_ONCE)
            first, *others = nsmallest(
                most, waiting, key=lambda each: (each.expecting is not Expecting.HEAD, each.since)
            )
            first.transport.abort()
            for each in others:
                if each.expecting is Expecting.HEAD and not each.has_asked:
                    each.transport.abort()
        else:
            self._left = True
            self._answer(503, "Too many connections.", b"retry-after: 1\r\n")
            self.transport.close()

    @property
    def is_idle(self) -> bool:
        """Whether nobody would miss an answer if the connection ended now."""
        return not self.is_busy and self.expecting is not Expecting.BODY and not self.transport.is_closing()

    def _stop(self, status: int, text: str) -> NoReturn:
        self._refusal = (status, text)
        raise RefusedError

    def _refuse(self, status: int, text: str) -> None:
        if not self.is_answering:
            self._answer(status, text)
        self._leave()

    def _answer(self, status: int, text: str, headers: bytes = b"") -> None:
        body = text.encode()
        lines = [
            STATUS_LINE[status],
            *(b"%b: %b\r\n" % each for each in self.server_state.default_headers),
            b"content-type: text/plain; charset=utf-8\r\n",
            b"content-length: %d\r\n" % len(body),
            headers,
            b"connection: close\r\n\r\n",
            body,
        ]
        self.transport.write(b"".join(lines))

    def _leave(self) -> None:
        """Take nothing more in, and close as soon as the client can have read what it was answered."""
        self._left = True
        self._hang_up()
        self.flow.resume_reading()
        self.loop.call_later(self.limits.farewell_seconds, self.transport.close)
