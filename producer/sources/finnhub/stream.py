"""Finnhub's stream of trades: prints of IEX without a number of their own, in milliseconds."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

import orjson

from producer.errors import NotEntitled, ProducerError, RateLimited, Transient
from producer.model import Trade
from producer.secret import Secret
from producer.sources.facts import Json, epoch_ms, mapping, number, read_answer, sequence, text_of, whole
from producer.sources.finnhub.quotes import KEY_HINT, SOURCE
from producer.sources.streaming import Heard

URL = "wss://ws.finnhub.io"

_VENUE = "IEX"
_REMEMBERED = 4_096


class FinnhubStream:
    """The `Dialect` of Finnhub; its key travels in the address, the only place it is looked for."""

    source = SOURCE

    def __init__(self, symbols: Sequence[str], key: Secret, *, url: str = URL) -> None:
        self.url = f"{url}{'&' if '?' in url else '?'}token={key.value}"
        self.secrets = (key,)
        self._subscriptions = tuple(
            orjson.dumps({"type": "subscribe", "symbol": symbol}).decode() for symbol in symbols
        )
        self._occurrences: OrderedDict[str, int] = OrderedDict()

    def opening(self) -> tuple[str, ...]:
        """Subscribe to each symbol, and count anew: what a server tells again is not another print."""
        self._occurrences.clear()
        return self._subscriptions

    def heartbeat(self) -> tuple[str, ...]:
        """Send nothing: it is the server that pings."""
        return ()

    def hear(self, frame: str, received_at: datetime) -> Heard:
        """Read trades, a ping or an error."""

        def read(body: object) -> Heard:
            facts = mapping(body)
            match text_of(facts, "type"):
                case "trade":
                    return Heard(tuple(self._trade(mapping(each), received_at) for each in sequence(facts, "data")))
                case "error":
                    return Heard(error=error_of(str(facts.get("msg", ""))))
                case _:
                    return Heard()

        return read_answer(SOURCE, frame, read)

    def _trade(self, facts: Json, received_at: datetime) -> Trade:
        symbol, price, size = text_of(facts, "s"), float(number(facts, "p")), float(number(facts, "v"))
        print_ = f"{SOURCE}:{symbol}:{whole(facts['t'])}:{price}:{size}"
        return Trade(
            event_id=f"{print_}:{self._occurrence(print_)}",
            symbol=symbol,
            timestamp=epoch_ms(facts, "t"),
            price=price,
            size=size,
            venue=_VENUE,
            source=SOURCE,
            received_at=received_at,
        )

    def _occurrence(self, print_: str) -> int:
        """Number prints that are alike in everything, so that each is an event and a second producer agrees."""
        count = self._occurrences.pop(print_, 0)
        self._occurrences[print_] = count + 1
        if len(self._occurrences) > _REMEMBERED:
            self._occurrences.popitem(last=False)
        return count


def error_of(message: str) -> ProducerError:
    """Return what an error message means."""
    lowered = message.lower()
    if "limit" in lowered or "too many" in lowered:
        return RateLimited(message, source=SOURCE, retry_after=60.0)
    if "api key" in lowered or "token" in lowered or "access" in lowered:
        return NotEntitled(message, source=SOURCE, hint=KEY_HINT)
    return Transient(message, source=SOURCE)
