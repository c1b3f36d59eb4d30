"""The types of AMQP 1.0 (OASIS amqp-core-types) as Python values.

Python's own types stand for the common ones: int for long, str for string, bytes for binary, float for double, list and
dict for list and map. The subclasses here say the other widths and kinds.
"""

from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID


class CodecError(Exception):
    """Bytes that are not AMQP, or a value that has no AMQP form."""


class UByte(int):
    """An unsigned integer of 8 bits."""


class UShort(int):
    """An unsigned integer of 16 bits."""


class UInt(int):
    """An unsigned integer of 32 bits."""


class ULong(int):
    """An unsigned integer of 64 bits."""


class Byte(int):
    """A signed integer of 8 bits."""


class Short(int):
    """A signed integer of 16 bits."""


class Int(int):
    """A signed integer of 32 bits."""


class Timestamp(int):
    """Milliseconds since 1970, UTC."""


class Float(float):
    """A number of 32 bits."""


class Symbol(str):
    """A name from a constrained domain, in ASCII."""

    __slots__ = ()


class Char(str):
    """One character."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    """A value with the code or name of its type."""

    descriptor: "Value"
    value: "Value"


@dataclass(frozen=True, slots=True)
class Array:
    """Values of one type."""

    values: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Decimal:
    """A decimal number as its bytes, which are passed on and never computed with."""

    data: bytes


Value: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | UUID
    | Decimal
    | Described
    | Array
    | list["Value"]
    | dict["Value", "Value"]
    | None
)
