"""Fields of a payload as Kusto values: what does not convert becomes null (a string becomes empty).

Beside Kusto's own forms these are read: datetimes without `Z` (taken as UTC), `True`/`False`, ISO 8601 durations and
pandas' `1 days 02:00:00`.
"""

from emulator.functions.physical import convert, duckdb_type
from emulator.schema.mapping import Transform
from emulator.sql.ast import Sql
from emulator.sql.build import EMPTY, NULL, call, case, cast, coalesce, is_null, lit, not_, op, or_, try_cast
from emulator.types import (
    DATETIME,
    STRING,
    TICKS_PER_DAY,
    TICKS_PER_HOUR,
    TICKS_PER_MINUTE,
    TICKS_PER_SECOND,
    KqlType,
    Scalar,
)

# The common form of a datetime, for DuckDB and for Python; without the first thousand years and the hour 24, of which
# some texts lead out of the datetimes.
ISO_DATETIME = r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?"
_ISO_DURATION = r"^(-?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?$"
_PANDAS_DURATION = r"^(-?)(\d+) days?,? (?:\+)?(\d{1,2}:\d{2}:\d{2}(?:\.\d+)?)$"
_ISO_UNITS = (7 * TICKS_PER_DAY, TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND)

_MICROSECONDS = {
    Transform.UNIX_SECONDS: 1_000_000.0,
    Transform.UNIX_MILLISECONDS: 1_000.0,
    Transform.UNIX_MICROSECONDS: 1.0,
    Transform.UNIX_NANOSECONDS: 0.001,
}


def from_text(text: Sql, type_: KqlType, transform: Transform = Transform.NONE) -> Sql:
    """Emit the value of a column from a text field; a missing field is null."""
    if transform in _MICROSECONDS:
        return convert(from_unix(text, transform), DATETIME, type_)
    match type_.scalar:
        case Scalar.STRING:
            return coalesce(text, EMPTY)
        case Scalar.LONG | Scalar.INT:
            whole = convert(text, STRING, type_)
            return coalesce(whole, try_cast(call("trunc", try_cast(text, "DOUBLE")), duckdb_type(type_)))
        case Scalar.DATETIME:
            return datetime_from_text(text)
        case Scalar.TIMESPAN:
            return timespan_from_text(text)
        case Scalar.DYNAMIC:
            return json_from_text(text)
        case _:
            return convert(text, STRING, type_)


def from_json(json: Sql, text: Sql, type_: KqlType, transform: Transform = Transform.NONE) -> Sql:
    """Emit the value of a column from a JSON field, given as JSON and as text."""
    if type_.scalar is not Scalar.DYNAMIC or transform in _MICROSECONDS:
        return from_text(text, type_, transform)
    if transform is Transform.BAG_ARRAY:
        return _bag_of_pairs(json)
    return _without_json_null(cast(json, "JSON"))


def from_unix(text: Sql, transform: Transform) -> Sql:
    """Emit the datetime of a Unix time in the transformation's unit; fractions count."""
    scaled = op("*", try_cast(text, "DOUBLE"), lit(_MICROSECONDS[transform]))
    # Whole numbers stay exact, since a double cannot hold every microsecond of today in nanoseconds.
    whole = try_cast(text, "BIGINT")
    factor = int(_MICROSECONDS[transform])
    exact = op("*", cast(whole, "HUGEINT"), lit(factor)) if factor else op("//", whole, lit(1_000))
    micros = coalesce(_when_whole(text, try_cast(exact, "BIGINT")), try_cast(call("trunc", scaled), "BIGINT"))
    return call("kql_datetime_of_micros", micros)


def datetime_from_text(text: Sql) -> Sql:
    """Emit the datetime of a text; the common ISO form avoids the slow general one, and a bare number is no date."""
    fast = case((call("regexp_full_match", text, lit(ISO_DATETIME)), datetime_from_iso(text)))
    is_number = call("regexp_full_match", text, lit(r"\s*[+-]?[\d.]+\s*"))
    is_date = call("regexp_full_match", text, lit(r"\s*(\d{4}|\d{8})\s*"))
    general = case((or_((not_(is_number), is_date)), convert(text, STRING, DATETIME)))
    return coalesce(fast, general)


def datetime_from_iso(text: Sql) -> Sql:
    """Emit the datetime of a text in the common form, or null."""
    return try_cast(call("rtrim", text, lit("Z")), "TIMESTAMP")


def timespan_from_text(text: Sql) -> Sql:
    """Emit the ticks of a Kusto timespan, an ISO 8601 duration, or pandas' text of one."""

    def group(pattern: str, number: int) -> Sql:
        return call("regexp_extract", text, lit(pattern), lit(number))

    def number(sql: Sql) -> Sql:
        # An empty group is none; a number too large, as a sum beyond a timespan's range, is null.
        return cast(try_cast(call("concat", lit("0"), sql), "BIGINT"), "HUGEINT")

    def signed(pattern: str, ticks: Sql) -> Sql:
        return op("*", case((op("=", group(pattern, 1), lit("-")), lit(-1)), otherwise=lit(1)), ticks)

    units = [op("*", number(group(_ISO_DURATION, n)), lit(unit)) for n, unit in enumerate(_ISO_UNITS, start=2)]
    fraction = number(call("substr", call("rpad", group(_ISO_DURATION, 7), lit(7), lit("0")), lit(1), lit(7)))
    iso = signed(_ISO_DURATION, op("+", *units, fraction))
    clock = call("kql_timespan_of_text", group(_PANDAS_DURATION, 3))
    days = op("*", number(group(_PANDAS_DURATION, 2)), lit(TICKS_PER_DAY))
    # pandas writes minus one second as `-1 days +23:59:59`: the sign is the days' alone.
    pandas = op("+", signed(_PANDAS_DURATION, days), clock)
    return case(
        (call("regexp_matches", text, lit(_ISO_DURATION)), try_cast(iso, "BIGINT")),
        (call("regexp_matches", text, lit(_PANDAS_DURATION)), try_cast(pandas, "BIGINT")),
        otherwise=call("kql_timespan_of_text", text),
    )


def json_from_text(text: Sql) -> Sql:
    """Emit the dynamic value of a text: parsed where it is JSON, else a JSON string; null where empty."""
    return case(
        (or_((is_null(text), op("=", text, EMPTY))), cast(NULL, "JSON")),
        (call("json_valid", text), _without_json_null(call("json", text))),
        otherwise=call("to_json", text),
    )


def _without_json_null(json: Sql) -> Sql:
    return case((op("<>", call("json_type", json), lit("NULL")), json), otherwise=cast(NULL, "JSON"))


def _when_whole(text: Sql, exact: Sql) -> Sql:
    return case((call("regexp_full_match", text, lit(r"-?\d+")), exact))


def _bag_of_pairs(json: Sql) -> Sql:
    # [{"key": "a", "value": 1}, …] becomes {"a": 1, …}.
    entries = cast(json, 'STRUCT("key" VARCHAR, "value" JSON)[]')
    pairs = call("map_from_entries", entries)
    return cast(call("to_json", pairs), "JSON")
