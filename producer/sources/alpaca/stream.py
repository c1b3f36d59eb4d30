"""Alpaca's stream of IEX trades: the numbered prints of one exchange, about a fortieth of the tape's volume.

Corrections and cancellations of prints come later, as messages of their own.
"""

from collections.abc import Sequence
from datetime import datetime

import orjson

from producer.errors import BadData, NotEntitled, ProducerError, RateLimited, Transient
from producer.market_time import MARKET_ZONE
from producer.model import Trade
from producer.secret import Secret
from producer.sources.alpaca.history import KEYS_HINT, SOURCE
from producer.sources.facts import Json, mapping, number, read_answer, rfc3339, text_of, whole
from producer.sources.streaming import Heard

URL = "wss://stream.data.alpaca.markets/v2/iex"

_VENUES = {"V": "IEX"}
# One connection per account: the last one of a killed producer takes a while to be forgotten.
_CONNECTION_LIMIT_SECONDS = 30.0


class AlpacaStream:
    """The `Dialect` of Alpaca: greeted, authenticated, then subscribed."""

    source = SOURCE

    def __init__(self, symbols: Sequence[str], key: Secret, secret: Secret, *, url: str = URL) -> None:
        self.url = url
        self.secrets = (key, secret)
        self._authentication = orjson.dumps({"action": "auth", "key": key.value, "secret": secret.value}).decode()
        self._subscription = orjson.dumps({"action": "subscribe", "trades": list(symbols)}).decode()

    def opening(self) -> tuple[str, ...]:
        """Say nothing: the server greets first."""
        return ()

    def heartbeat(self) -> tuple[str, ...]:
        """Send nothing: the pings of the connection suffice."""
        return ()

    def hear(self, frame: str, received_at: datetime) -> Heard:
        """Read the messages of a frame."""

        def read(body: object) -> Heard:
            if not isinstance(body, list):
                raise TypeError("the frame is no list")
            trades: list[Trade] = []
            replies: list[str] = []
            error: ProducerError | None = None
            for each in body:
                facts = mapping(each)
                match facts["T"]:
                    case "success" if facts.get("msg") == "connected":
                        replies.append(self._authentication)
                    case "success" if facts.get("msg") == "authenticated":
                        replies.append(self._subscription)
                    case "error":
                        error = error or error_of(facts)
                    case "t":
                        trades.append(_trade(facts, received_at))
                    case "c":
                        trades.append(_correction(facts, received_at))
                    case "x":
                        trades.append(_cancellation(facts, received_at))
                    case _:
                        pass  # quotes, bars and receipts of subscriptions
            return Heard(tuple(trades), tuple(replies), error)

        return read_answer(SOURCE, frame, read)


def error_of(facts: Json) -> ProducerError:
    """Return what an error message means by its code."""
    code, message = whole(facts["code"]), f"{facts['code']}: {facts.get('msg', '')}"
    match code:
        case 401 | 402:
            return NotEntitled(message, source=SOURCE, hint=KEYS_HINT)
        case 405 | 409:
            return NotEntitled(message, source=SOURCE, hint="a free account has 30 symbols of the IEX feed")
        case 406:
            hint = "an account has one connection: end the other producer, or let both share a lease"
            return RateLimited(message, source=SOURCE, hint=hint, retry_after=_CONNECTION_LIMIT_SECONDS)
        case 403 | 404 | 407 | 500:
            return Transient(message, source=SOURCE)
        case _:
            return BadData(message, source=SOURCE)


def _trade(facts: Json, received_at: datetime) -> Trade:
    return _made(facts, str(whole(facts["i"])), float(number(facts, "p")), float(number(facts, "s")), received_at)


def _correction(facts: Json, received_at: datetime) -> Trade:
    """A correction counts what it adds: its price is a print of its own, volume told before is not counted again."""
    added = max(0.0, number(facts, "cs") - number(facts, "os"))
    number_of_print = f"{whole(facts['ci'])}:corrects:{whole(facts['oi'])}"
    return _made(facts, number_of_print, float(number(facts, "cp")), added, received_at)


def _cancellation(facts: Json, received_at: datetime) -> Trade:
    """A cancellation is told with a size below zero: the database keeps it among the rejected, for the record."""
    size = -float(number(facts, "s"))
    return _made(facts, f"{whole(facts['i'])}:cancelled", float(number(facts, "p")), size, received_at)


def _made(facts: Json, number_of_print: str, price: float, size: float, received_at: datetime) -> Trade:
    symbol, exchange = text_of(facts, "S"), text_of(facts, "x")
    timestamp = rfc3339(facts, "t")
    # Prints are numbered per exchange and trading date.
    day = timestamp.astimezone(MARKET_ZONE).date()
    return Trade(
        event_id=f"{SOURCE}:{symbol}:{day}:{exchange}:{number_of_print}",
        symbol=symbol,
        timestamp=timestamp,
        price=price,
        size=size,
        venue=_VENUES.get(exchange, exchange),
        source=SOURCE,
        received_at=received_at,
    )
