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
