"""Kusto's scalar types, columns and schemas, shared by every stage."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

# A tick is 100 ns, the unit of timespans.
# How many items an array has at most that an expression makes: range-function.md, make-list-aggregation-function.md,
# make-series-operator.md.
MAX_ITEMS = 1 << 20
# What repeat() makes at most, in bytes: twice of what an answer may have.
MAX_REPEATED = 1 << 27
# What strrep() makes at most, in bytes: DuckDB may only be interrupted between rows by 2,048, and looks through so many
# texts of this size in some seconds.
MAX_TEXT = 1 << 23
TICKS_PER_MICROSECOND = 10
TICKS_PER_MILLISECOND = 1_000 * TICKS_PER_MICROSECOND
TICKS_PER_SECOND = 1_000 * TICKS_PER_MILLISECOND
TICKS_PER_MINUTE = 60 * TICKS_PER_SECOND
TICKS_PER_HOUR = 60 * TICKS_PER_MINUTE
TICKS_PER_DAY = 24 * TICKS_PER_HOUR

# scalar-data-types/datetime.md: from 0001-01-01 to the last tick of 9999, here in microseconds since 1970.
FIRST_MICROSECOND = -62_135_596_800_000_000
LAST_MICROSECOND = 253_402_300_799_999_999


class Scalar(Enum):
    """A scalar type by Kusto's canonical name."""

    BOOL = "bool"
    INT = "int"
    LONG = "long"
    REAL = "real"
    DECIMAL = "decimal"
    STRING = "string"
    DATETIME = "datetime"
    TIMESPAN = "timespan"
    GUID = "guid"
    DYNAMIC = "dynamic"

    def __str__(self) -> str:
        return self.value

    @property
    def is_numeric(self) -> bool:
        """Whether arithmetic without units applies: int, long, real, decimal."""
        return self in NUMERICS


NUMERICS = frozenset({Scalar.INT, Scalar.LONG, Scalar.REAL, Scalar.DECIMAL})
INTEGERS = frozenset({Scalar.INT, Scalar.LONG})

# scalar-data-types/index.md, "Supported data types": every accepted spelling.
ALIASES: dict[str, Scalar] = {
    **{scalar.value: scalar for scalar in Scalar},
    "boolean": Scalar.BOOL,
    "int32": Scalar.INT,
    "int64": Scalar.LONG,
    "double": Scalar.REAL,
    "date": Scalar.DATETIME,
    "time": Scalar.TIMESPAN,
    "uuid": Scalar.GUID,
    "uniqueid": Scalar.GUID,
    "object": Scalar.DYNAMIC,
}


@dataclass(frozen=True, slots=True)
class KqlType:
    """The type of an expression or a column.

    `element` is set only for dynamic values known to be arrays of one scalar type; they are stored as a
    typed list in DuckDB and become JSON only where a plain dynamic is required.
    """

    scalar: Scalar
    element: Scalar | None = None

    def __str__(self) -> str:
        return self.scalar.value

    @property
    def is_typed_list(self) -> bool:
        """Whether values are physically lists rather than JSON."""
        return self.element is not None

    @property
    def kql(self) -> "KqlType":
        """The type as Kusto sees it, without what is known of the elements."""
        return KqlType(self.scalar)


BOOL = KqlType(Scalar.BOOL)
INT = KqlType(Scalar.INT)
LONG = KqlType(Scalar.LONG)
REAL = KqlType(Scalar.REAL)
DECIMAL = KqlType(Scalar.DECIMAL)
STRING = KqlType(Scalar.STRING)
DATETIME = KqlType(Scalar.DATETIME)
TIMESPAN = KqlType(Scalar.TIMESPAN)
GUID = KqlType(Scalar.GUID)
DYNAMIC = KqlType(Scalar.DYNAMIC)


def list_of(element: Scalar) -> KqlType:
    """Return the dynamic type whose values are arrays of one scalar type."""
    return KqlType(Scalar.DYNAMIC, element)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or of a result."""

    name: str
    type: KqlType
    docstring: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """Ordered columns with case-sensitive, unique names."""

    columns: tuple[Column, ...] = ()

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def find(self, name: str) -> Column | None:
        """Return the column of that exact name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def csl(self) -> str:
        """Render as Kusto does: `Symbol:string,Price:real`."""
        return ",".join(f"{column.name}:{column.type}" for column in self.columns)
