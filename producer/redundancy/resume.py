"""Where the quotes of a source left off, as the database knows it: for a restart, and for whoever takes over."""

from datetime import datetime

from emulator.errors import KustoError
from kql.client import Eventhouse
from producer.sinks.eventhouse import eventhouse_error
from producer.sources.quotes import Quote, quote_of

_LAST_EVENTS = """declare query_parameters(_source: string, _since: datetime);
LastEvents(_source, _since)
| project EventId"""


async def last_quotes(eventhouse: Eventhouse, source: str, since: datetime) -> list[Quote]:
    """Return the last quote of each symbol that became a trade.

    A day back is enough: volumes start anew with each trading date.
    """
    try:
        answer = await eventhouse.query(_LAST_EVENTS, parameters={"_source": source, "_since": since})
    except KustoError as error:
        raise eventhouse_error(error) from error
    found = (quote_of(str(event_id)) for (event_id,) in answer.rows())
    return [quote for quote in found if quote is not None]
