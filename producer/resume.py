"""Where the quotes of a source left off, as the database knows it: for a restart, and for a producer that takes over."""

from emulator.errors import KustoError
from kql.client import Eventhouse
from producer.quotes import Quote, quote_of
from producer.sinks.eventhouse import eventhouse_error

# Events arrive late by minutes, not by days; a later trading date starts from nothing anyway.
_LAST_EVENTS = """declare query_parameters(_source: string);
TradesRaw
| where Source == _source and Timestamp > ago(4d)
| summarize arg_max(Timestamp, EventId) by Symbol
| project EventId"""


async def last_quotes(eventhouse: Eventhouse, source: str) -> list[Quote]:
    """Return the last quote of each symbol that became a trade."""
    try:
        answer = await eventhouse.query(_LAST_EVENTS, parameters={"_source": source})
    except KustoError as error:
        raise eventhouse_error(error) from error
    found = (quote_of(str(event_id)) for (event_id,) in answer.rows())
    return [quote for quote in found if quote is not None]
