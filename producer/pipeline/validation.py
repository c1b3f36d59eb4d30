"""What can be sent at all. Everything else is judged in one place, by the checks of the market database."""

from math import isfinite

from producer.errors import BadData
from producer.model import Trade, encode_trade

# The smallest tier of Event Hubs takes 256 KB with everything around it; a streaming ingestion takes four megabytes.
EVENT_BYTES = 240_000


def checked_payload(trade: Trade) -> bytes:
    """Return the JSON object of a trade; one that JSON cannot carry, or that is too large, is `BadData`."""
    for name, number in (("price", trade.price), ("size", trade.size)):
        if not isfinite(number):
            raise BadData(f"a {name} of {number} is no number that JSON has", source=trade.source)
    for name, instant in (("timestamp", trade.timestamp), ("received_at", trade.received_at)):
        if instant.tzinfo is None:
            raise BadData(f"a {name} without offset from UTC", source=trade.source)
    try:
        payload = encode_trade(trade)
    except TypeError as error:
        raise BadData(f"not to be encoded: {error}", source=trade.source) from error
    if len(payload) > EVENT_BYTES:
        raise BadData(f"{len(payload):,} bytes, more than the {EVENT_BYTES:,} of an event", source=trade.source)
    return payload
