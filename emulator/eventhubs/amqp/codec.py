"""The types of AMQP 1.0 on the wire (OASIS amqp-core-types): values to bytes and back."""

import struct
from collections.abc import Callable, Mapping
from typing import TypeAlias
from uuid import UUID

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

_U8, _I8, _U16, _I16 = struct.Struct(">B"), struct.Struct(">b"), struct.Struct(">H"), struct.Struct(">h")
_U32, _I32, _U64, _I64 = struct.Struct(">I"), struct.Struct(">i"), struct.Struct(">Q"), struct.Struct(">q")
_F32, _F64 = struct.Struct(">f"), struct.Struct(">d")
_SMALL = 256
# Keys of these types are hashed with a secret, or have no more than eight of one hash among all there are; others could
# be made to collide, and a frame of 50,000 such keys would take minutes.
_SPREAD_KEYS = (str, bytes, int, type(None))
_MOST_OTHER_KEYS = 64

_Decoded: TypeAlias = tuple[Value, int]
_Decoder: TypeAlias = Callable[[bytes, int], _Decoded]


def decode(data: bytes, position: int = 0) -> tuple[Value, int]:
    """Read the value at a position; return it and the position after it, or raise CodecError."""
    try:
        return _decode(data, position)
    except (IndexError, struct.error, RecursionError, ValueError, OverflowError) as error:
        raise CodecError(f"the value at byte {position} cannot be read: {error}") from error


def skip(data: bytes, position: int) -> int:
    """Return the position after the value at a position, reading as little of it as possible."""
    try:
        end = _skip(data, position)
    except (IndexError, struct.error, RecursionError) as error:
        raise CodecError(f"the value at byte {position} has no end") from error
    if end > len(data):
        raise CodecError(f"the value at byte {position} ends {end - len(data)} bytes behind the data")
    return end


def map_entries(data: bytes, position: int) -> tuple[int, int, int]:
    """Return where the entries of a map begin and end, and their number of values (keys and values)."""
    code = data[position] if position < len(data) else None
    end = skip(data, position)
    if code == 0xC1:
        return position + 3, end, data[position + 2]
    if code == 0xD1:
        return position + 9, end, int(_U32.unpack_from(data, position + 5)[0])
    raise CodecError(f"a map is expected at byte {position}")


def encode(value: Value) -> bytes:
    """Write a value."""
    out = bytearray()
    write(out, value)
    return bytes(out)


def write(out: bytearray, value: Value) -> None:  # noqa: C901 - one case per AMQP type
    """Append a value to a buffer, or raise CodecError for one out of its type's range."""
    try:
        match value:
            case None:
                out.append(0x40)
            case bool():
                out.append(0x41 if value else 0x42)
            case int():
                _write_integer(out, value)
            case Float():
                out.append(0x72)
                out += _F32.pack(value)
            case float():
                out.append(0x82)
                out += _F64.pack(value)
            case Symbol():
                _write_sized(out, 0xA3, 0xB3, value.encode("ascii"))
            case Char():
                out.append(0x73)
                out += _U32.pack(ord(value))
            case str():
                _write_sized(out, 0xA1, 0xB1, value.encode())
            case bytes():
                _write_sized(out, 0xA0, 0xB0, value)
            case UUID():
                out.append(0x98)
                out += value.bytes
            case Described():
                out.append(0x00)
                write(out, value.descriptor)
                write(out, value.value)
            case Decimal():
                out.append({4: 0x74, 8: 0x84, 16: 0x94}[len(value.data)])
                out += value.data
            case list():
                _write_list(out, value)
            case dict():
                _write_map(out, value)
            case Array():
                _write_array(out, value)
    except (struct.error, UnicodeEncodeError) as error:
        raise CodecError(f"{type(value).__name__} {value!r} has no AMQP form: {error}") from error


def encoded_map(entries: bytes, count: int) -> bytes:
    """Return a map of already encoded keys and values; `count` counts both."""
    return b"\xd1" + _U32.pack(len(entries) + 4) + _U32.pack(count) + entries


def _write_integer(out: bytearray, value: int) -> None:
    match value:
        case UByte():
            out.append(0x50)
            out += _U8.pack(value)
        case UShort():
            out.append(0x60)
            out += _U16.pack(value)
        case UInt():
            _write_unsigned(out, value, 0x43, 0x52, 0x70, _U32)
        case ULong():
            _write_unsigned(out, value, 0x44, 0x53, 0x80, _U64)
        case Byte():
            out.append(0x51)
            out += _I8.pack(value)
        case Short():
            out.append(0x61)
            out += _I16.pack(value)
        case Int():
            out.append(0x71)
            out += _I32.pack(value)
        case Timestamp():
            out.append(0x83)
            out += _I64.pack(value)
        case _:
            out.append(0x81)
            out += _I64.pack(value)


def _write_unsigned(out: bytearray, value: int, zero: int, small: int, full: int, form: struct.Struct) -> None:
    if value == 0:
        out.append(zero)
    elif 0 < value < _SMALL:
        out += bytes((small, value))
    else:
        out.append(full)
        out += form.pack(value)


def _write_sized(out: bytearray, small: int, large: int, data: bytes) -> None:
    if len(data) < _SMALL:
        out += bytes((small, len(data)))
    else:
        out.append(large)
        out += _U32.pack(len(data))
    out += data


def _write_list(out: bytearray, values: list[Value]) -> None:
    if not values:
        out.append(0x45)
        return
    body = bytearray()
    for each in values:
        write(body, each)
    _write_compound(out, 0xC0, 0xD0, body, len(values))


def _write_map(out: bytearray, values: Mapping[Value, Value]) -> None:
    body = bytearray()
    for key, each in values.items():
        write(body, key)
        write(body, each)
    _write_compound(out, 0xC1, 0xD1, body, 2 * len(values))


def _write_compound(out: bytearray, small: int, large: int, body: bytearray, count: int) -> None:
    if len(body) + 1 < _SMALL and count < _SMALL:
        out += bytes((small, len(body) + 1, count))
    else:
        out.append(large)
        out += _U32.pack(len(body) + 4) + _U32.pack(count)
    out += body


# An array says its constructor once: the code and the width that all of its elements have.
_ELEMENTS: Mapping[type, tuple[int, Callable[[Value], bytes]]] = {
    Symbol: (0xB3, lambda value: _sized32(str(value).encode("ascii"))),
    str: (0xB1, lambda value: _sized32(str(value).encode())),
    bytes: (0xB0, lambda value: _sized32(value if isinstance(value, bytes) else b"")),
    int: (0x81, lambda value: _I64.pack(value)),
    Int: (0x71, lambda value: _I32.pack(value)),
    UInt: (0x70, lambda value: _U32.pack(value)),
    ULong: (0x80, lambda value: _U64.pack(value)),
    float: (0x82, lambda value: _F64.pack(value)),
    UUID: (0x98, lambda value: value.bytes if isinstance(value, UUID) else b""),
}


def _write_array(out: bytearray, array: Array) -> None:
    kinds = {type(value) for value in array.values}
    kind = kinds.pop() if kinds else Symbol
    if kinds or kind not in _ELEMENTS:
        names = ", ".join(sorted(each.__name__ for each in (*kinds, kind)))
        raise CodecError(f"an array cannot hold {names}")
    code, element = _ELEMENTS[kind]
    body = b"".join(element(value) for value in array.values)
    out.append(0xF0)
    out += _U32.pack(len(body) + 5) + _U32.pack(len(array.values)) + bytes((code,)) + body


def _sized32(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


def _decode(data: bytes, position: int) -> _Decoded:
    code = data[position]
    decoder = _DECODERS.get(code)
    if decoder is None:
        raise CodecError(f"byte {position} has the unknown type code 0x{code:02x}")
    return decoder(data, position + 1)


def _fixed(form: struct.Struct, kind: Callable[[int | float], Value]) -> _Decoder:
    def read(data: bytes, position: int) -> _Decoded:
        return kind(form.unpack_from(data, position)[0]), position + form.size

    return read


def _constant(value: Value) -> _Decoder:
    return lambda _, position: (value, position)


def _sized(width: struct.Struct, kind: Callable[[bytes], Value]) -> _Decoder:
    def read(data: bytes, position: int) -> _Decoded:
        start = position + width.size
        end = start + width.unpack_from(data, position)[0]
        if end > len(data):
            raise CodecError(f"the value at byte {position} ends {end - len(data)} bytes behind the data")
        return kind(data[start:end]), end

    return read


def _raw(size: int, kind: Callable[[bytes], Value]) -> _Decoder:
    def read(data: bytes, position: int) -> _Decoded:
        end = position + size
        if end > len(data):
            raise CodecError(f"the value at byte {position} ends {end - len(data)} bytes behind the data")
        return kind(data[position:end]), end

    return read


def _list(width: struct.Struct) -> _Decoder:
    def read(data: bytes, position: int) -> _Decoded:
        count = width.unpack_from(data, position + width.size)[0]
        position += 2 * width.size
        values: list[Value] = []
        for _ in range(count):
            value, position = _decode(data, position)
            values.append(value)
        return values, position

    return read


def _map(width: struct.Struct) -> _Decoder:
    def read(data: bytes, position: int) -> _Decoded:
        count = width.unpack_from(data, position + width.size)[0]
        position += 2 * width.size
        values: dict[Value, Value] = {}
        others = 0
        for _ in range(count // 2):
            key, position = _decode(data, position)
            value, position = _decode(data, position)
            if not isinstance(key, _SPREAD_KEYS):
                others += 1
                if others > _MOST_OTHER_KEYS:
                    raise CodecError(f"a map has more than {_MOST_OTHER_KEYS} keys of types as {type(key).__name__}")
            try:
                values[key] = value
            except TypeError as error:
                raise CodecError(f"a {type(key).__name__} cannot be the key of a map") from error
        return values, position

    return read


def _array(width: struct.Struct) -> _Decoder:
    def read(data: bytes, position: int) -> _Decoded:
        count = width.unpack_from(data, position + width.size)[0]
        position += 2 * width.size
        code = data[position]
        decoder = _DECODERS.get(code)
        if decoder is None or code == 0x00:
            raise CodecError(f"arrays of type code 0x{code:02x} are not supported")
        position += 1
        # Elements without bytes could be as many as an array claims, in a few bytes each.
        if count > len(data) or (count and _WIDTHS.get(code >> 4) == 0):
            raise CodecError(f"the array at byte {position} claims {count} elements")
        values: list[Value] = []
        for _ in range(count):
            value, position = decoder(data, position)
            values.append(value)
        return Array(tuple(values)), position

    return read


def _described(data: bytes, position: int) -> _Decoded:
    descriptor, position = _decode(data, position)
    value, position = _decode(data, position)
    return Described(descriptor, value), position


def _boolean(data: bytes, position: int) -> _Decoded:
    return data[position] == 1, position + 1


def _character(data: bytes, position: int) -> _Decoded:
    return Char(chr(_U32.unpack_from(data, position)[0])), position + 4


_DECODERS: Mapping[int, _Decoder] = {
    0x00: _described,
    0x40: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(UInt(0)),
    0x44: _constant(ULong(0)),
    0x45: lambda _, position: ([], position),
    0x50: _fixed(_U8, UByte),
    0x51: _fixed(_I8, Byte),
    0x52: _fixed(_U8, UInt),
    0x53: _fixed(_U8, ULong),
    0x54: _fixed(_I8, Int),
    0x55: _fixed(_I8, int),
    0x56: _boolean,
    0x60: _fixed(_U16, UShort),
    0x61: _fixed(_I16, Short),
    0x70: _fixed(_U32, UInt),
    0x71: _fixed(_I32, Int),
    0x72: _fixed(_F32, Float),
    0x73: _character,
    0x74: _raw(4, Decimal),
    0x80: _fixed(_U64, ULong),
    0x81: _fixed(_I64, int),
    0x82: _fixed(_F64, float),
    0x83: _fixed(_I64, Timestamp),
    0x84: _raw(8, Decimal),
    0x94: _raw(16, Decimal),
    0x98: _raw(16, lambda data: UUID(bytes=data)),
    0xA0: _sized(_U8, bytes),
    0xA1: _sized(_U8, bytes.decode),
    0xA3: _sized(_U8, lambda data: Symbol(data.decode("ascii"))),
    0xB0: _sized(_U32, bytes),
    0xB1: _sized(_U32, bytes.decode),
    0xB3: _sized(_U32, lambda data: Symbol(data.decode("ascii"))),
    0xC0: _list(_U8),
    0xC1: _map(_U8),
    0xD0: _list(_U32),
    0xD1: _map(_U32),
    0xE0: _array(_U8),
    0xF0: _array(_U32),
}

# The high half of a type code says how wide its value is (amqp-core-types, 1.2).
_WIDTHS: Mapping[int, int] = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}


def _skip(data: bytes, position: int) -> int:
    code = data[position]
    position += 1
    if code == 0:
        return _skip(data, _skip(data, position))
    family = code >> 4
    width = _WIDTHS.get(family)
    if width is not None:
        return position + width
    if family in (0xA, 0xC, 0xE):
        return position + 1 + data[position]
    if family in (0xB, 0xD, 0xF):
        return position + 4 + int(_U32.unpack_from(data, position)[0])
    raise CodecError(f"byte {position - 1} has the unknown type code 0x{code:02x}")
