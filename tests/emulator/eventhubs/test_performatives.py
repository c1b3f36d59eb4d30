"""Performatives on the wire: all fields written, those left out read as the standard's defaults, the rest refused."""

from dataclasses import fields

import pytest

from emulator.eventhubs.amqp.codec import decode, encode
from emulator.eventhubs.amqp.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    SaslPerformative,
    Transfer,
    accepted,
    address,
    decode_performative,
    encode_performative,
    error,
    rejected,
)
from emulator.eventhubs.amqp.types import Array, CodecError, Described, Symbol, UByte, UInt, ULong, Value

MECHANISMS = Array((Symbol("PLAIN"),))
# What has to be there, and what the rest is where a frame leaves it out (amqp-core-transport, 2.7).
LEFT_OUT: list[tuple[int, list[Value], Performative | SaslPerformative, tuple[object, ...]]] = [
    (0x10, ["c"], Open("c"), ("c", None, 2**32 - 1, 2**16 - 1, None, None, None, None, None, None)),
    (
        0x11,
        [None, UInt(0), UInt(0), UInt(0)],
        Begin(),
        (None, 0, 0, 0, 2**32 - 1, None, None, None),
    ),
    (
        0x12,
        ["l", UInt(3), True],
        Attach("l", 3, role=True),
        ("l", 3, True, 2, 0, None, None, None, False, None, None, None, None, None),
    ),
    (
        0x13,
        [None, UInt(0), UInt(0), UInt(0)],
        Flow(),
        (None, 0, 0, 0, None, None, None, None, False, False, None),
    ),
    (
        0x14,
        [UInt(3)],
        Transfer(3),
        (3, None, None, None, None, False, None, None, False, False, False),
    ),
    (0x15, [True, UInt(4)], Disposition(role=True, first=4), (True, 4, None, False, None, False)),
    (0x16, [UInt(3)], Detach(3), (3, False, None)),
    (0x17, [], End(), (None,)),
    (0x18, [], Close(), (None,)),
    (0x40, [MECHANISMS], SaslMechanisms(MECHANISMS), (MECHANISMS,)),
    (0x41, [Symbol("PLAIN")], SaslInit(Symbol("PLAIN")), ("PLAIN", None, None)),
    (0x44, [UByte(0)], SaslOutcome(0), (0, None)),
]
NAMES = [type(each[2]).__name__ for each in LEFT_OUT]


@pytest.mark.parametrize(("code", "given", "performative", "values"), LEFT_OUT, ids=NAMES)
def test_what_a_frame_leaves_out_is_the_default(
    code: int, given: list[Value], performative: Performative | SaslPerformative, values: tuple[object, ...]
) -> None:
    body = encode(Described(ULong(code), given))
    found, end = decode_performative(body + b"payload")
    assert (type(found), found, end) == (type(performative), performative, len(body))
    assert tuple(getattr(found, each.name) for each in fields(found)) == values


@pytest.mark.parametrize(("code", "given", "performative", "values"), LEFT_OUT, ids=NAMES)
def test_all_fields_are_written(
    code: int, given: list[Value], performative: Performative | SaslPerformative, values: tuple[object, ...]
) -> None:
    written, _ = decode(encode_performative(performative))
    assert isinstance(written, Described)
    assert isinstance(written.value, list)
    assert (written.descriptor, written.value[: len(given)], len(written.value)) == (code, given, len(values))
    assert decode_performative(encode_performative(performative))[0] == performative


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (["a"], "the frame does not begin with a performative"),
        (Described(ULong(0x19), []), "the frame does not begin with a performative"),
        (Described(ULong(0x17), "a"), "the frame does not begin with a performative"),
        (Described(ULong(0x17), [None, None]), "End has 2 fields, at most 1 are known"),
        (Described(ULong(0x16), []), "Detach lacks the field handle"),
        (Described(ULong(0x11), [None, None, UInt(0), UInt(0)]), "Begin lacks the field next_outgoing_id"),
        (Described(ULong(0x16), ["a"]), "handle of Detach is a str, expected UInt"),
        (Described(ULong(0x16), [UInt(1), UInt(1)]), "closed of Detach is a UInt, expected bool"),
    ],
)
def test_what_is_no_performative_says_why(body: Value, message: str) -> None:
    with pytest.raises(CodecError) as raised:
        decode_performative(encode(body))
    assert str(raised.value) == message


def test_outcomes_and_addresses() -> None:
    fault = Described(ULong(0x1D), [Symbol("amqp:not-found"), "no hub", None])
    assert error("amqp:not-found", "no hub") == fault
    assert (accepted(), rejected("amqp:not-found", "no hub")) == (
        Described(ULong(0x24), []),
        Described(ULong(0x25), [fault]),
    )
    termini = [Described(ULong(0x28), ["hub", None]), Described(ULong(0x28), [None]), Described(ULong(0x28), []), None]
    assert [address(each) for each in termini] == ["hub", None, None, None]
