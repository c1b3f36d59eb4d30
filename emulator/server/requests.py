"""The body of a query or command → one typed request: small ones at once, large ones in a thread."""

from datetime import timedelta
from functools import partial

from emulator.content_codings import GZIP
from emulator.lanes.lanes import Lanes
from emulator.server.bodies import MAX_BODY
from emulator.server.exchange import Exchange
from emulator.server.large_documents import load_large
from emulator.server.properties import WireRequest, read_body
from emulator.work import Work

# To read so much takes less than a millisecond, a thread half of one.
_AT_ONCE = 64 * 1024


async def read_request(exchange: Exchange, lanes: Lanes, default_timeout: timedelta) -> WireRequest:
    """Read what a request asks for; raises KustoError for what is none, or too large."""
    sent, headers = await exchange.received(), exchange.request.headers
    if len(sent) <= _AT_ONCE and not sent.startswith(GZIP):
        return read_body(sent, headers, default_timeout)

    def read(work: Work) -> WireRequest:
        # A text of one size is accepted or not, compressed or not.
        data = exchange.body.plain(sent, work, MAX_BODY)
        return read_body(data, headers, default_timeout, partial(load_large, check=work.check))

    return await lanes.read(Work(default_timeout.total_seconds(), exchange.client_request_id), read)
