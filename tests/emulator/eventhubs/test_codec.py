"""AMQP values on the wire: written and read back, skipped, and refused when broken."""

from uuid import UUID

import pytest
from azure.eventhub._pyamqp import _decode as client
from hypothesis import given
from hypothesis import strategies as st

from emulator.eventhubs.amqp.codec import decode, encode, map_entries, skip
from emulator.eventhubs.amqp.types import (
    Array,
    Byte,
    Char,
    CodecError,
    Decimal,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
    Value,
)

LONGS = st.integers(-(2**63), 2**63 - 1)
SYMBOLS = st.text(st.characters(codec="ascii")).map(Symbol)
SCALARS: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    LONGS,
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=300),
    st.uuids(),
    SYMBOLS,
    st.integers(0, 255).map(UByte),
    st.integers(0, 2**16 - 1).map(UShort),
    st.integers(0, 2**32 - 1).map(UInt),
    st.integers(0, 2**64 - 1).map(ULong),
    st.integers(-128, 127).map(Byte),
    st.integers(-(2**15), 2**15 - 1).map(Short),
    st.integers(-(2**31), 2**31 - 1).map(Int),
    LONGS.map(Timestamp),
    st.characters(codec="utf-8").map(Char),
    st.sampled_from([Decimal(bytes(4)), Decimal(bytes(8)), Decimal(bytes(16))]),
    st.lists(SYMBOLS, min_size=1).map(lambda values: Array(tuple(values))),
    st.lists(st.text(), min_size=1).map(lambda values: Array(tuple(values))),
)
KEYS = st.one_of(st.text(), SYMBOLS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=20),
        st.dictionaries(KEYS, inner, max_size=5),
        st.builds(Described, st.integers(0, 2**64 - 1).map(ULong), inner),
    ),
    max_leaves=30,
)


@pytest.mark.slow
@given(VALUES)
def test_what_is_written_is_read_back_with_its_type(value: Value) -> None:
    data = encode(value)
    found, end = decode(data)
    assert (found, type(found), end) == (value, type(value), len(data))
    assert skip(data, 0) == len(data)


@pytest.mark.slow
@given(SCALARS)
def test_the_azure_client_reads_what_is_written(value: Value) -> None:
    if isinstance(value, Decimal | Char | float):
        return
    data = memoryview(encode(value))
    rest, found = client._DECODE_BY_CONSTRUCTOR[data[0]](data[1:])
    assert found == _as_the_client_has_it(value)
    assert not rest


def _as_the_client_has_it(value: Value) -> object:
    match value:
        case Array(values):
            return [_as_the_client_has_it(each) for each in values]
        case str():
            return value.encode()
        case _:
            return value


@pytest.mark.slow
@given(st.binary(max_size=60))
def test_any_other_bytes_are_a_codec_error_or_a_value(data: bytes) -> None:
    try:
        _, end = decode(data)
    except CodecError:
        return
    assert end <= len(data)


@pytest.mark.slow
@given(VALUES, st.data())
def test_a_truncated_value_is_a_codec_error(value: Value, drawn: st.DataObject) -> None:
    data = encode(value)
    cut = drawn.draw(st.integers(0, len(data) - 1))
    with pytest.raises(CodecError):
        decode(data[:cut])
    with pytest.raises(CodecError):
        skip(data[:cut], 0)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("40", None),
        ("5601", True),
        ("43", UInt(0)),
        ("55ff", -1),
        ("8300000000000003e8", Timestamp(1000)),
        ("a1026869", "hi"),
        ("45", []),
        ("c003024142", [True, False]),
        ("c10502a1016141", {"a": True}),
        ("98000102030405060708090a0b0c0d0e0f", UUID(bytes=bytes(range(16)))),
        ("e00602a301610162", Array((Symbol("a"), Symbol("b")))),
    ],
)
def test_encodings_of_others_are_read(data: str, value: Value) -> None:
    assert decode(bytes.fromhex(data))[0] == value


@pytest.mark.parametrize("value", [2**63, UInt(-1), UByte(256), Symbol("é"), Array(("a", 1))])
def test_values_out_of_range_have_no_form(value: Value) -> None:
    with pytest.raises(CodecError):
        encode(value)


def test_the_entries_of_a_map_are_found_without_reading_them() -> None:
    data = encode({Symbol("a"): 1, Symbol("b"): "x" * 300})
    start, end, count = map_entries(data, 0)
    assert (decode(data, start)[0], end, count) == (Symbol("a"), len(data), 4)


def test_deep_nesting_does_not_break_the_reader() -> None:
    with pytest.raises(CodecError):
        decode(b"\xc0\xff\x01" * 100_000)


# Type codes and widths are those of amqp-core-types, 1.6.
WRITTEN: list[tuple[str, Value]] = [
    ("40", None),
    ("41", True),
    ("42", False),
    ("50ff", UByte(255)),
    ("60fffe", UShort(65534)),
    ("43", UInt(0)),
    ("5201", UInt(1)),
    ("52ff", UInt(255)),
    ("7000000100", UInt(256)),
    ("44", ULong(0)),
    ("5301", ULong(1)),
    ("53ff", ULong(255)),
    ("800000000000000100", ULong(256)),
    ("51ff", Byte(-1)),
    ("61fffe", Short(-2)),
    ("71fffffffd", Int(-3)),
    ("81fffffffffffffffc", -4),
    ("72bf800000", Float(-1.0)),
    ("82bff0000000000000", -1.0),
    ("7300000041", Char("A")),
    ("8300000000000003e8", Timestamp(1000)),
    ("98000102030405060708090a0b0c0d0e0f", UUID(bytes=bytes(range(16)))),
    ("7400000001", Decimal(bytes(3) + b"\1")),
    ("840000000000000001", Decimal(bytes(7) + b"\1")),
    ("9400000000000000000000000000000001", Decimal(bytes(15) + b"\1")),
    ("a0020001", b"\0\1"),
    ("a0ff" + "61" * 255, b"a" * 255),
    ("b000000100" + "61" * 256, b"a" * 256),
    ("a102c3a4", "ä"),
    ("b100000100" + "61" * 256, "a" * 256),
    ("a30161", Symbol("a")),
    ("b300000100" + "61" * 256, Symbol("a" * 256)),
    ("45", []),
    ("c003024142", [True, False]),
    ("c0fffe" + "41" * 254, [True] * 254),
    ("d000000103000000ff" + "41" * 255, [True] * 255),
    ("c0ff01a1fc" + "61" * 252, ["a" * 252]),
    ("d00000010300000001a1fd" + "61" * 253, ["a" * 253]),
    ("c10502a3016141", {Symbol("a"): True}),
    ("005324a10161", Described(ULong(0x24), "a")),
    ("f00000000f00000002b300000001610000000162", Array((Symbol("a"), Symbol("b")))),
    ("f00000000a00000001b10000000161", Array(("a",))),
    ("f00000000a00000001b00000000161", Array((b"a",))),
    ("f00000000d0000000181ffffffffffffffff", Array((-1,))),
    ("f00000000900000001710000000a", Array((Int(10),))),
    ("f00000000900000001700000000a", Array((UInt(10),))),
    ("f00000000d0000000180000000000000000a", Array((ULong(10),))),
    ("f00000000d00000001823ff0000000000000", Array((1.0,))),
    ("f0000000150000000198000102030405060708090a0b0c0d0e0f", Array((UUID(bytes=bytes(range(16))),))),
    ("f00000000500000000b3", Array(())),
]


def kinds(value: Value) -> object:
    match value:
        case Array(values) | [*values]:
            return [type(value), *map(kinds, values)]
        case dict():
            return [type(value), *map(kinds, value), *map(kinds, value.values())]
        case Described(descriptor, inner):
            return [type(value), kinds(descriptor), kinds(inner)]
        case _:
            return type(value)


@pytest.mark.parametrize(("data", "value"), WRITTEN)
def test_each_type_has_its_bytes_and_its_end(data: str, value: Value) -> None:
    written = bytes.fromhex(data)
    assert encode(value).hex() == data
    found, end = decode(b"\0" + written + b"\0", 1)
    assert (found, kinds(found), end) == (value, kinds(value), len(written) + 1)
    assert skip(b"\0" + written + b"\0", 1) == len(written) + 1


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("5600", False),
        ("54ff", Int(-1)),
        ("557f", 127),
        ("d00000000800000001a1026869", ["hi"]),
        ("e00402500102", Array((UByte(1), UByte(2)))),
    ],
)
def test_forms_that_are_read_alone(data: str, value: Value) -> None:
    written = bytes.fromhex(data)
    found, end = decode(written)
    assert (found, kinds(found), end, skip(written, 0)) == (value, kinds(value), len(written), len(written))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "the value at byte 0 cannot be read: index out of range"),
        ("3f", "byte 0 has the unknown type code 0x3f"),
        ("a103ff", "the value at byte 1 ends 2 bytes behind the data"),
        ("9800", "the value at byte 1 ends 15 bytes behind the data"),
        ("c10402c0010041", "a list cannot be the key of a map"),
        ("e0020100", "arrays of type code 0x00 are not supported"),
        ("e002013f", "arrays of type code 0x3f are not supported"),
        ("e002ff40", "the array at byte 4 claims 255 elements"),
    ],
)
def test_what_cannot_be_read_says_why(data: str, message: str) -> None:
    with pytest.raises(CodecError) as raised:
        decode(bytes.fromhex(data))
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "the value at byte 0 has no end"),
        ("3f", "byte 0 has the unknown type code 0x3f"),
        ("a103ff", "the value at byte 0 ends 2 bytes behind the data"),
    ],
)
def test_what_has_no_end_says_why(data: str, message: str) -> None:
    with pytest.raises(CodecError) as raised:
        skip(bytes.fromhex(data), 0)
    assert str(raised.value) == message


def test_a_map_is_expected_where_entries_are_asked_for() -> None:
    small, large = bytes.fromhex("00c10502a1016141"), bytes.fromhex("00d10000000800000002a1016141")
    assert (map_entries(small, 1), map_entries(large, 1)) == ((4, 8, 2), (10, 14, 2))
    for data in (b"\x45", b""):
        with pytest.raises(CodecError):
            map_entries(data, 0)
