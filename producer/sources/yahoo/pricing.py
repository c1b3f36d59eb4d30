"""Yahoo's streamed quote, `PricingData`, as a protobuf message described here field by field.

The message is not documented; numbers, names and types are those of a recorded frame. `sint64` is zig-zag, and proto3
leaves out what is zero.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from producer.errors import BadData
from producer.sources.facts import Json, epoch_ms, number, text_of, whole
from producer.sources.yahoo.chart import SOURCE

_TYPES = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "float": descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "sint64": descriptor_pb2.FieldDescriptorProto.TYPE_SINT64,
}
# The name and type of field 1, 2, 3 and so on.
_FIELDS = (
    ("id", "string"),
    ("price", "float"),
    ("time", "sint64"),
    ("currency", "string"),
    ("exchange", "string"),
    ("quote_type", "int32"),
    ("market_hours", "int32"),
    ("change_percent", "float"),
    ("day_volume", "sint64"),
    ("day_high", "float"),
    ("day_low", "float"),
    ("change", "float"),
    ("short_name", "string"),
    ("expire_date", "sint64"),
    ("open_price", "float"),
    ("previous_close", "float"),
    ("strike_price", "float"),
    ("underlying_symbol", "string"),
    ("open_interest", "sint64"),
    ("options_type", "sint64"),
    ("mini_option", "sint64"),
    ("last_size", "sint64"),
    ("bid", "float"),
    ("bid_size", "sint64"),
    ("ask", "float"),
    ("ask_size", "sint64"),
    ("price_hint", "sint64"),
    ("vol_24hr", "sint64"),
    ("vol_all_currencies", "sint64"),
    ("from_currency", "string"),
    ("last_market", "string"),
    ("circulating_supply", "double"),
    ("market_cap", "double"),
)


@dataclass(frozen=True, slots=True)
class Pricing:
    """The facts of a streamed quote that make a trade; the price has single precision."""

    symbol: str
    price: float
    timestamp: datetime
    exchange: str
    day_volume: int
    digits: int


def decode_pricing(encoded: str) -> Pricing:
    """Read a message in Base64; one without symbol, price or time is `BadData`."""
    facts = pricing_facts(encoded)
    try:
        return Pricing(
            symbol=text_of(facts, "id").upper(),
            price=number(facts, "price"),
            timestamp=epoch_ms(facts, "time"),
            exchange=text_of(facts, "exchange") if "exchange" in facts else "",
            day_volume=whole(facts.get("day_volume", 0)),
            digits=whole(facts.get("price_hint", 2)),
        )
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise BadData(f"a pricing message without symbol, price or time: {error}", source=SOURCE) from error


def pricing_facts(encoded: str) -> Json:
    """Return the fields that a message in Base64 sets, by name; anything else is `BadData`."""
    found = _pricing_type()()
    try:
        found.ParseFromString(base64.b64decode(encoded, validate=True))
    except (binascii.Error, message.DecodeError) as error:
        raise BadData(f"no pricing message: {error}", source=SOURCE) from error
    return {field.name: value for field, value in found.ListFields()}


@cache
def _pricing_type() -> type[message.Message]:
    file = descriptor_pb2.FileDescriptorProto(name="pricing.proto", package="yahoo", syntax="proto3")
    described = file.message_type.add(name="PricingData")
    for index, (name, kind) in enumerate(_FIELDS, start=1):
        described.field.add(
            name=name,
            number=index,
            type=_TYPES[kind],
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: type[message.Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName("yahoo.PricingData"))
    return found
