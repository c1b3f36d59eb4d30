"""Events and clocks for tests of the log and the hub."""

from dataclasses import dataclass

from emulator.eventhubs.amqp.codec import encode
from emulator.eventhubs.amqp.types import Described, Symbol, ULong
from emulator.eventhubs.hubs.messages import Message, parse_messages


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes to store as they are."""

    data: bytes

    def stored(self, sequence: int, offset: int, time: int) -> bytes:
        return self.data


def message(body: bytes, key: str | None = None) -> Message:
    annotations = b"" if key is None else encode(Described(ULong(0x72), {Symbol("x-opt-partition-key"): key}))
    return parse_messages(annotations + encode(Described(ULong(0x75), body)), 0)[0]
