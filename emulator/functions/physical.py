"""How Kusto values live in DuckDB, and how one representation becomes another.

bool BOOLEAN, int INTEGER, long BIGINT, real DOUBLE, decimal DECIMAL(38,17), string VARCHAR (never NULL), datetime
TIMESTAMP (UTC), timespan BIGINT (100 ns ticks), guid UUID, dynamic JSON (a JSON null is SQL NULL), or a LIST where
the element type is known.
"""

from collections.abc import Callable

from emulator.functions.function import Operand
from emulator.sql.ast import ColumnRef, Sql
from emulator.sql.build import EMPTY, call, case, cast, coalesce, lambda_, lit, op, try_cast
from emulator.types import KqlType, Scalar

DECIMAL_TYPE = "DECIMAL(38,17)"

_DUCKDB_TYPES: dict[Scalar, str] = {
    Scalar.BOOL: "BOOLEAN",
    Scalar.INT: "INTEGER",
    Scalar.LONG: "BIGINT",
    Scalar.REAL: "DOUBLE",
    Scalar.DECIMAL: DECIMAL_TYPE,
    Scalar.STRING: "VARCHAR",
    Scalar.DATETIME: "TIMESTAMP",
    Scalar.TIMESPAN: "BIGINT",
    Scalar.GUID: "UUID",
    Scalar.DYNAMIC: "JSON",
}

# The types whose values stand in JSON as DuckDB writes them.
_PLAIN_IN_JSON = frozenset({Scalar.BOOL, Scalar.INT, Scalar.LONG, Scalar.STRING, Scalar.DYNAMIC})


def duckdb_type(type_: KqlType) -> str:
    """Return the DuckDB type that values of a Kusto type have."""
    if type_.element is not None:
        return f"{_DUCKDB_TYPES[type_.element]}[]"
    return _DUCKDB_TYPES[type_.scalar]


def null_of(type_: KqlType) -> Sql:
    """Return the null of a type; for strings, which have none, the empty string."""
    return EMPTY if type_.scalar is Scalar.STRING else cast(lit(None), duckdb_type(type_))


def convert(operand: Sql, source: KqlType, target: KqlType) -> Sql:
    """Emit an implicit conversion, or an explicit one such as `tolong`; what cannot be converted becomes null."""
    if source == target:
        return operand
    if target.element is not None:
        return to_list(operand, source, target.element)
    if target.scalar is Scalar.DYNAMIC:
        return to_json(operand, source)
    if target.scalar is Scalar.STRING:
        return to_text(operand, source)
    if source.is_typed_list:
        return null_of(target)
    if source.scalar is Scalar.STRING:
        return call(f"kql_{target.scalar.value}_of_text", operand)
    if source.scalar is Scalar.DYNAMIC:
        return call(f"kql_{target.scalar.value}_of_json", operand)
    build = _CONVERSIONS.get((source.scalar, target.scalar))
    return null_of(target) if build is None else build(operand, duckdb_type(target))


def to_text(operand: Sql, source: KqlType) -> Sql:
    """Emit Kusto's `tostring`: total, the empty string for every null."""
    if source.is_typed_list:
        return coalesce(cast(to_json(operand, source), "VARCHAR"), EMPTY)
    match source.scalar:
        case Scalar.STRING:
            return operand
        case Scalar.BOOL:
            return case((operand, lit("True")), (op("NOT", operand), lit("False")), otherwise=EMPTY)
        case Scalar.INT | Scalar.LONG | Scalar.GUID:
            return coalesce(cast(operand, "VARCHAR"), EMPTY)
        case Scalar.REAL:
            return coalesce(call("kql_real_text", operand), EMPTY)
        case Scalar.DECIMAL:
            return coalesce(call("kql_decimal_text", operand), EMPTY)
        case Scalar.DATETIME:
            return coalesce(call("kql_datetime_text", operand), EMPTY)
        case Scalar.TIMESPAN:
            return coalesce(call("kql_timespan_text", operand), EMPTY)
        case Scalar.DYNAMIC:
            return coalesce(call("json_extract_string", operand, lit("$")), EMPTY)


def to_json(operand: Sql, source: KqlType) -> Sql:
    """Emit the JSON of a value; null stays null."""
    if source.element is not None:
        if source.element in _PLAIN_IN_JSON:
            return call("to_json", operand)
        if source.element is Scalar.REAL:
            return call("kql_reals_json", operand)
        element = ColumnRef("e")
        return call("to_json", call("list_transform", operand, lambda_("e", _json_of(element, source.element))))
    return operand if source.scalar is Scalar.DYNAMIC else _json_of(operand, source.scalar)


def to_list(operand: Sql, source: KqlType, element: Scalar) -> Sql:
    """Emit a typed list; elements of another type become null, a value that is no array becomes null."""
    name = duckdb_type(KqlType(Scalar.DYNAMIC, element))
    if source.element is None:
        if element in (Scalar.REAL, Scalar.BOOL):
            return try_cast(operand, name)
        items = try_cast(operand, "JSON[]")
        if element is Scalar.DYNAMIC:
            return items
        item = ColumnRef("e")
        return call("list_transform", items, lambda_("e", convert(item, KqlType(Scalar.DYNAMIC), KqlType(element))))
    if source.element is element:
        return operand
    if {source.element, element} <= {Scalar.INT, Scalar.LONG, Scalar.REAL, Scalar.BOOL} and element is not Scalar.BOOL:
        return try_cast(operand, name)
    item = ColumnRef("e")
    return call("list_transform", operand, lambda_("e", convert(item, KqlType(source.element), KqlType(element))))


def _cast_ticks(operand: Sql, name: str) -> Sql:
    return cast(call("kql_ticks", operand), name)


def _not_zero(operand: Sql, _: str) -> Sql:
    return op("<>", operand, lit(0))


def _truncated(operand: Sql, name: str) -> Sql:
    return try_cast(call("trunc", operand), name)


def _macro(name: str) -> Callable[[Sql, str], Sql]:
    return lambda operand, _: call(name, operand)


def decimal_of_real(operand: Sql, _: str = DECIMAL_TYPE) -> Sql:
    """Emit the shortest decimal that reads as the double; null where it is none or too large.

    DuckDB's own cast makes 19531.24999999999967232 of 19531.25.
    """
    return call("kql_decimal_of_text", cast(operand, "VARCHAR"))


def _ticks_to_int(operand: Sql, _: str) -> Sql:
    return call("kql_int_of_long", call("kql_ticks", operand))


def _time_of_ticks(operand: Sql, _: str) -> Sql:
    return call("kql_datetime_of_ticks", try_cast(operand, "BIGINT"))


_WHOLE = (Scalar.INT, Scalar.LONG)
_NUMBERS = (Scalar.INT, Scalar.LONG, Scalar.REAL, Scalar.DECIMAL)

# Between scalars that are neither text nor dynamic; pairs that are missing give null.
_CONVERSIONS: dict[tuple[Scalar, Scalar], Callable[[Sql, str], Sql]] = {
    **{(source, target): cast for source in _WHOLE for target in (Scalar.LONG, Scalar.REAL, Scalar.DECIMAL)},
    **{(Scalar.BOOL, target): cast for target in _NUMBERS},
    **{(source, Scalar.BOOL): _not_zero for source in _NUMBERS},
    (Scalar.LONG, Scalar.INT): _macro("kql_int_of_long"),
    (Scalar.REAL, Scalar.INT): _macro("kql_int_of_real"),
    (Scalar.REAL, Scalar.LONG): _macro("kql_long_of_real"),
    (Scalar.REAL, Scalar.DECIMAL): decimal_of_real,
    (Scalar.DECIMAL, Scalar.REAL): cast,
    **{(Scalar.DECIMAL, target): _truncated for target in _WHOLE},
    (Scalar.DATETIME, Scalar.INT): _ticks_to_int,
    **{(Scalar.DATETIME, target): _cast_ticks for target in (Scalar.LONG, Scalar.REAL, Scalar.DECIMAL)},
    **{(source, Scalar.DATETIME): _time_of_ticks for source in _NUMBERS},
    (Scalar.TIMESPAN, Scalar.INT): _macro("kql_int_of_long"),
    **{(Scalar.TIMESPAN, target): cast for target in (Scalar.LONG, Scalar.REAL, Scalar.DECIMAL)},
    **{(source, Scalar.TIMESPAN): cast for source in _WHOLE},
    **{(source, Scalar.TIMESPAN): _truncated for source in (Scalar.REAL, Scalar.DECIMAL)},
}


def as_json(operand: Operand) -> Sql:
    """Emit an operand as JSON."""
    return to_json(operand.sql, operand.type)


def as_text(operand: Operand) -> Sql:
    """Emit an operand as text."""
    return to_text(operand.sql, operand.type)


def lowered(operand: Operand) -> Sql:
    """Return a string operand in lower case, which for an ASCII constant is known here and now."""
    if operand.is_constant and isinstance(operand.value, str) and operand.value.isascii():
        return lit(operand.value.lower())
    return call("lower", operand.sql)


def as_list(operand: Operand, element: Scalar) -> Sql:
    """Emit an operand as a typed list."""
    return to_list(operand.sql, operand.type, element)


def as_type(operand: Operand, target: KqlType) -> Sql:
    """Emit an operand as another type."""
    return convert(operand.sql, operand.type, target)


def _json_of(operand: Sql, scalar: Scalar) -> Sql:
    match scalar:
        case Scalar.REAL:
            return call("kql_real_json", operand)
        case Scalar.DATETIME:
            return call("to_json", call("kql_datetime_text", operand))
        case Scalar.TIMESPAN:
            return call("to_json", call("kql_timespan_text", operand))
        case Scalar.DECIMAL:
            return call("to_json", call("kql_decimal_text", operand))
        case Scalar.GUID:
            return call("to_json", cast(operand, "VARCHAR"))
        case Scalar.DYNAMIC:
            return operand
        case _:
            return call("to_json", operand)
