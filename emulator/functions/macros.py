"""DuckDB macros that the emissions of several rows share; the engine creates them on every connection.

A macro is here where an expression needs its argument more than once or would repeat in many rows. Its body is the text
of an expression, not a tree: a formula of a few lines is read, checked and tried in DuckDB as it stands, and nothing
from outside ever comes into it but its arguments. Timespans are 100 ns ticks throughout; datetimes have microseconds.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from emulator.sql.statements import CreateMacro
from emulator.types import (
    FIRST_MICROSECOND,
    LAST_MICROSECOND,
    MAX_ITEMS,
    TICKS_PER_DAY,
    TICKS_PER_HOUR,
    TICKS_PER_MICROSECOND,
    TICKS_PER_MINUTE,
    TICKS_PER_SECOND,
)


@dataclass(frozen=True, slots=True)
class Macro:
    """A scalar macro: `name(parameters) AS body`."""

    name: str
    parameters: tuple[str, ...]
    body: str

    @property
    def creation(self) -> CreateMacro:
        """The statement that defines the macro for the life of a connection."""
        return CreateMacro(self.name, self.parameters, self.body, temporary=True, or_replace=True)


# 0001-01-01, the origin of ticks and bins, in microseconds before 1970.
ORIGIN = -FIRST_MICROSECOND

# How many microseconds a datetime can be after the first one.
_WIDTH = LAST_MICROSECOND - FIRST_MICROSECOND
# More ticks than lie between any two datetimes, and few enough to add to those of one.
_LONGEST_SHIFT = 6 * 10**18

_DATETIMES = "TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
_CLOCK_SHAPE = "[T ]+\\d{1,2}:\\d{1,2}(:\\d{1,2}([.]\\d*)?)?"
# RFC 3339, section 5.6: the hours of an offset end with 23.
_ZONE_SHAPE = "([+-]([01]\\d|2[0-3]):?[0-5]\\d| GMT)"

_LAST = MAX_ITEMS - 1
_MICROSECONDS_PER_SECOND = TICKS_PER_SECOND // TICKS_PER_MICROSECOND
_TIMESPAN_SHAPE = r"^\s*([+-]?)(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7})\d*)?)?\s*$"
_DAYS_SHAPE = r"^\s*([+-]?)(\d+)\s*$"


def _since_origin(micros: str) -> str:
    """Write the datetime of microseconds since the origin, none below zero; null beyond the last datetime.

    A number below zero is no UBIGINT, which tells either end. What is cast stands once, where a comparison would write
    it twice, and without a CASE, whose branches share nothing with what stands beside it. Not as a macro in macros:
    DuckDB takes longer for it.
    """
    return f"make_timestamp({LAST_MICROSECOND} - TRY_CAST({_WIDTH} - {micros} AS UBIGINT)::BIGINT)"


MACROS: tuple[Macro, ...] = (
    # Text forms: .NET's, as Kusto prints them.
    Macro(
        "kql_datetime_text",
        ("t",),
        f"CASE WHEN t BETWEEN {_DATETIMES} THEN strftime(t, '%Y-%m-%dT%H:%M:%S.%f0Z') END",
    ),
    Macro(
        "kql_timespan_text",
        ("t",),
        # The shortest timespan of all has no absolute value.
        f"""CASE WHEN t < 0 THEN '-' ELSE '' END
        || CASE WHEN t // {TICKS_PER_DAY} <> 0 THEN abs(t // {TICKS_PER_DAY})::VARCHAR || '.' ELSE '' END
        || lpad(abs(t // {TICKS_PER_HOUR} % 24)::VARCHAR, 2, '0') || ':'
        || lpad(abs(t // {TICKS_PER_MINUTE} % 60)::VARCHAR, 2, '0') || ':'
        || lpad(abs(t // {TICKS_PER_SECOND} % 60)::VARCHAR, 2, '0')
        || CASE WHEN t % {TICKS_PER_SECOND} = 0 THEN ''
        ELSE '.' || lpad(abs(t % {TICKS_PER_SECOND})::VARCHAR, 7, '0') END""",
    ),
    Macro(
        "kql_real_text",
        ("x",),
        """CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
        ELSE upper(x::VARCHAR) END""",
    ),
    Macro("kql_decimal_text", ("x",), "regexp_replace(regexp_replace(x::VARCHAR, '0+$', ''), '[.]$', '')"),
    # JSON forms.
    Macro("kql_real_json", ("x",), "CASE WHEN isfinite(x) THEN to_json(x) ELSE to_json(kql_real_text(x)) END"),
    Macro(
        "kql_reals_json",
        ("xs",),
        "regexp_replace(to_json(xs)::VARCHAR, '(-?Infinity|NaN)', '\"\\1\"', 'g')::JSON",
    ),
    Macro(
        "kql_json_of_text",
        ("s",),
        "CASE WHEN s = '' THEN NULL WHEN json_valid(s) THEN nullif(TRY_CAST(s AS JSON), 'null') ELSE to_json(s) END",
    ),
    # Conversions between numbers: a long wraps to 32 bits, a real saturates, NaN and the infinities are null.
    Macro(
        "kql_int_of_long",
        ("n",),
        "((n & 4294967295) - CASE WHEN n & 2147483648 <> 0 THEN 4294967296 ELSE 0 END)::INTEGER",
    ),
    Macro(
        "kql_long_of_real",
        ("x",),
        """CASE WHEN NOT isfinite(x) THEN NULL WHEN x >= 9223372036854775807::DOUBLE THEN 9223372036854775807
        WHEN x <= -9223372036854775808::DOUBLE THEN -9223372036854775808 ELSE TRY_CAST(trunc(x) AS BIGINT) END""",
    ),
    Macro(
        "kql_int_of_real",
        ("x",),
        """CASE WHEN NOT isfinite(x) THEN NULL WHEN x >= 2147483647 THEN 2147483647
        WHEN x <= -2147483648 THEN -2147483648 ELSE TRY_CAST(trunc(x) AS INTEGER) END""",
    ),
    # Conversions from text: null where the text is not of the type.
    Macro(
        "kql_long_of_text",
        ("s",),
        """CASE WHEN regexp_full_match(s, '\\s*[+-]?(\\d+|0[xX][0-9a-fA-F]+)\\s*')
        THEN TRY_CAST(trim(s) AS BIGINT) END""",
    ),
    Macro(
        "kql_int_of_text",
        ("s",),
        """CASE WHEN regexp_full_match(s, '\\s*[+-]?(\\d+|0[xX][0-9a-fA-F]+)\\s*')
        THEN TRY_CAST(trim(s) AS INTEGER) END""",
    ),
    Macro("kql_real_of_text", ("s",), "CASE WHEN contains(s, '_') THEN NULL ELSE TRY_CAST(trim(s) AS DOUBLE) END"),
    Macro("kql_decimal_of_text", ("s",), "TRY_CAST(trim(s) AS DECIMAL(38,17))"),
    Macro(
        "kql_bool_of_text",
        ("s",),
        """CASE lower(trim(s)) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE
        ELSE kql_long_of_text(s) <> 0 END""",
    ),
    Macro("kql_guid_of_text", ("s",), "TRY_CAST(s AS UUID)"),
    Macro(
        "kql_timespan_of_text",
        ("s",),
        # One beyond the range of a timespan is null.
        f"""TRY_CAST(CASE WHEN regexp_matches(s, '{_DAYS_SHAPE}')
        THEN TRY_CAST(trim(s) AS BIGINT)::HUGEINT * {TICKS_PER_DAY}
        WHEN regexp_matches(s, '{_TIMESPAN_SHAPE}') THEN
        (CASE WHEN regexp_extract(s, '{_TIMESPAN_SHAPE}', 1) = '-' THEN -1 ELSE 1 END)
        * (TRY_CAST('0' || regexp_extract(s, '{_TIMESPAN_SHAPE}', 2) AS BIGINT)::HUGEINT * {TICKS_PER_DAY}
        + regexp_extract(s, '{_TIMESPAN_SHAPE}', 3)::BIGINT * {TICKS_PER_HOUR}
        + regexp_extract(s, '{_TIMESPAN_SHAPE}', 4)::BIGINT * {TICKS_PER_MINUTE}
        + coalesce(TRY_CAST(regexp_extract(s, '{_TIMESPAN_SHAPE}', 5) AS BIGINT), 0) * {TICKS_PER_SECOND}
        + coalesce(TRY_CAST(rpad(regexp_extract(s, '{_TIMESPAN_SHAPE}', 6), 7, '0') AS BIGINT), 0)) END AS BIGINT)""",
    ),
    # Datetimes; null before the year 1 and after 9999, as measured.
    # Of any number: the first and the last ones would be infinity to DuckDB, and leave the longs from another origin.
    Macro(
        "kql_datetime_of_micros",
        ("n",),
        _since_origin(
            f"TRY_CAST(least(greatest(n, {FIRST_MICROSECOND - 1}), {LAST_MICROSECOND + 1})"
            f" + {ORIGIN} AS UBIGINT)::BIGINT"
        ),
    ),
    Macro("kql_in_range", ("t",), "kql_datetime_of_micros(epoch_us(t))"),
    # DuckDB takes words for times (`epoch`, `infinity`), years of one digit and offsets of any size.
    Macro(
        "kql_datetime_of_text",
        ("s",),
        f"""kql_in_range(coalesce(
        CASE WHEN regexp_full_match(s, '\\s*\\d{{4}}-\\d{{1,2}}-\\d{{1,2}}({_CLOCK_SHAPE})?[Zz]?\\s*')
        THEN TRY_CAST(rtrim(trim(s), 'Zz') AS TIMESTAMP)
        WHEN regexp_full_match(s, '\\s*\\d{{4}}-\\d{{1,2}}-\\d{{1,2}}{_CLOCK_SHAPE}{_ZONE_SHAPE}\\s*')
        THEN TRY_CAST(TRY_CAST(replace(trim(s), ' GMT', '+00:00') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP) END,
        CASE WHEN regexp_matches(s, '\\d{{4}}') THEN
        try_strptime(trim(s), ['%m/%d/%Y %H:%M:%S', '%m/%d/%Y %H:%M', '%m/%d/%Y', '%m-%d-%Y', '%Y-%m',
        '%Y/%m/%d %H:%M:%S', '%Y/%m/%d', '%Y%m%d', '%Y', '%a, %d %b %Y %H:%M:%S GMT',
        '%a %b %d %H:%M:%S %Y',
        '%m/%d/%Y %I:%M:%S %p', '%d %b %Y', '%d %B %Y', '%B %d, %Y', '%b %d, %Y'])
        WHEN regexp_matches(s, '\\d') THEN
        try_strptime(replace(trim(s), ' GMT', ''), ['%a, %d %b %y %H:%M:%S', '%a, %d %b %y %H:%M',
        '%d %b %y %H:%M:%S', '%d %b %y %H:%M', '%A, %d-%b-%y %H:%M:%S', '%A, %d-%b-%y %H:%M', '%d-%b-%y %H:%M:%S',
        '%d-%b-%y %H:%M']) END))""",
    ),
    # Conversions from dynamic values: numbers by truncation, strings as text.
    Macro(
        "kql_long_of_json",
        ("j",),
        """CASE json_type(j) WHEN 'VARCHAR' THEN kql_long_of_text(json_extract_string(j, '$'))
        WHEN 'DOUBLE' THEN kql_long_of_real(TRY_CAST(j AS DOUBLE))
        WHEN 'BOOLEAN' THEN TRY_CAST(TRY_CAST(j AS BOOLEAN) AS BIGINT)
        WHEN 'BIGINT' THEN TRY_CAST(j AS BIGINT) WHEN 'UBIGINT' THEN TRY_CAST(j AS BIGINT) END""",
    ),
    Macro(
        "kql_int_of_json",
        ("j",),
        """CASE json_type(j) WHEN 'VARCHAR' THEN kql_int_of_text(json_extract_string(j, '$'))
        WHEN 'DOUBLE' THEN kql_int_of_real(TRY_CAST(j AS DOUBLE)) ELSE kql_int_of_long(kql_long_of_json(j)) END""",
    ),
    Macro(
        "kql_real_of_json",
        ("j",),
        """CASE json_type(j) WHEN 'VARCHAR' THEN kql_real_of_text(json_extract_string(j, '$'))
        WHEN 'DOUBLE' THEN TRY_CAST(j AS DOUBLE) WHEN 'BIGINT' THEN TRY_CAST(j AS DOUBLE)
        WHEN 'UBIGINT' THEN TRY_CAST(j AS DOUBLE) WHEN 'BOOLEAN' THEN TRY_CAST(TRY_CAST(j AS BOOLEAN) AS DOUBLE) END""",
    ),
    Macro("kql_decimal_of_json", ("j",), "kql_decimal_of_text(json_extract_string(j, '$'))"),
    Macro(
        "kql_bool_of_json",
        ("j",),
        """CASE json_type(j) WHEN 'BOOLEAN' THEN TRY_CAST(j AS BOOLEAN)
        ELSE kql_bool_of_text(json_extract_string(j, '$')) END""",
    ),
    Macro("kql_guid_of_json", ("j",), "kql_guid_of_text(json_extract_string(j, '$'))"),
    Macro("kql_datetime_of_json", ("j",), "kql_datetime_of_text(json_extract_string(j, '$'))"),
    Macro("kql_timespan_of_json", ("j",), "kql_timespan_of_text(json_extract_string(j, '$'))"),
    # Time arithmetic.
    Macro("kql_ticks", ("t",), f"(epoch_us(t) + {ORIGIN}) * {TICKS_PER_MICROSECOND}"),
    Macro(
        "kql_datetime_of_ticks",
        ("n",),
        _since_origin(f"TRY_CAST(n AS UBIGINT)::BIGINT // {TICKS_PER_MICROSECOND}"),
    ),
    Macro(
        "kql_plus_ticks",
        ("t", "n"),
        # In ticks, whose division rounds towards the origin as it should; no longer timespan leaves the longs.
        _since_origin(
            f"TRY_CAST((epoch_us(t) + {ORIGIN}) * {TICKS_PER_MICROSECOND}"
            f" + least(n, {_LONGEST_SHIFT}) AS UBIGINT)::BIGINT // {TICKS_PER_MICROSECOND}"
        ),
    ),
    # Without a check: for ends to compare with, and for steps on the way to an end.
    Macro(
        "kql_add_ticks",
        ("t", "n"),
        f"make_timestamp(epoch_us(t) + n // {TICKS_PER_MICROSECOND} - (n % {TICKS_PER_MICROSECOND} < 0)::BIGINT)",
    ),
    Macro("kql_minus", ("a", "b"), f"(epoch_us(a) - epoch_us(b)) * {TICKS_PER_MICROSECOND}"),
    # Whole-number arithmetic: floors where SQL truncates.
    Macro(
        "kql_floor_div",
        ("a", "b"),
        "a // nullif(b, 0) - CASE WHEN a % nullif(b, 0) <> 0 AND (a < 0) <> (b < 0) THEN 1 ELSE 0 END",
    ),
    # Null of a negative number, as measured; the square root is NaN there.
    Macro("kql_log", ("x",), "CASE WHEN x >= 0 THEN ln(x) END"),
    Macro("kql_mod", ("a", "b"), "a % nullif(b, 0) + CASE WHEN a % nullif(b, 0) < 0 THEN abs(b) ELSE 0 END"),
    Macro("kql_bin_long", ("a", "b"), "a - kql_mod(a, b)"),
    Macro("kql_bin_real", ("a", "b"), "floor(a / b) * b"),
    Macro(
        "kql_bin_datetime",
        ("t", "n"),
        f"make_timestamp(epoch_us(t) - (epoch_us(t) + {ORIGIN}) % nullif(n // {TICKS_PER_MICROSECOND}, 0))",
    ),
    # Texts.
    Macro(
        "kql_substring_from",
        ("s", "n"),
        """CASE WHEN n >= 0 THEN substring(s, n + 1) WHEN n < -length(s) THEN '' WHEN n < 0 THEN right(s, -n)
        ELSE '' END""",
    ),
    Macro(
        "kql_substring",
        ("s", "n", "k"),
        "CASE WHEN k > 0 THEN left(kql_substring_from(s, n), k) ELSE '' END",
    ),
    Macro("kql_split_part", ("parts", "n"), "CASE WHEN n >= 0 AND n < len(parts) THEN parts[n + 1:n + 1] END"),
    # Every place where a text begins, overlapping ones included, counted from 0.
    Macro(
        "kql_places",
        ("s", "x"),
        "list_filter(range(length(s) - length(x) + 1), lambda i: substring(s, i + 1, length(x)) = x)",
    ),
    Macro(
        "kql_index_of",
        ("s", "x", "n", "size", "nth"),
        """coalesce(list_filter(kql_places(s, x), lambda i: i >= CASE WHEN n < 0 THEN length(s) + n ELSE n END
        AND (size < 0 OR i + length(x) <= CASE WHEN n < 0 THEN length(s) + n ELSE n END + size))[nth], -1)::BIGINT""",
    ),
    # A text with a mark at its ends and around each separator of terms, and the pattern of a term in such a text.
    # DuckDB compiles the pattern of each row: one with the class of separators takes 4 ms.
    Macro(
        "kql_marked",
        ("s", "options"),
        "chr(1) || regexp_replace(s, '([^\\pL\\pN])', chr(1) || '\\1' || chr(1), options) || chr(1)",
    ),
    Macro(
        "kql_marked_pattern",
        ("s", "options", "at_start", "at_end"),
        """CASE WHEN s = '' THEN '' ELSE regexp_escape(regexp_replace(regexp_replace(kql_marked(s, options),
        CASE WHEN at_start THEN '^\\x01\\x01' ELSE '^\\x01' END, CASE WHEN at_start THEN chr(1) ELSE '' END),
        CASE WHEN at_end THEN '\\x01\\x01$' ELSE '\\x01$' END, CASE WHEN at_end THEN chr(1) ELSE '' END)) END""",
    ),
    Macro("kql_characters", ("s",), "CASE WHEN s = '' THEN []::VARCHAR[] ELSE string_split(s, '') END"),
    # Times of a calendar.
    Macro(
        "kql_make_datetime",
        ("y", "mo", "d", "h", "mi", "s"),
        f"""CASE WHEN y BETWEEN 1 AND 9999 AND mo BETWEEN 1 AND 12 AND d BETWEEN 1 AND 31
        AND h BETWEEN 0 AND 23 AND mi BETWEEN 0 AND 59 AND s >= 0 AND s < 60
        AND d <= day(last_day(make_date(y, mo, 1)))
        THEN make_timestamp(epoch_us(make_date(y, mo, least(d, day(last_day(make_date(y, mo, 1)))))::TIMESTAMP)
        + (h * 3600 + mi * 60) * {_MICROSECONDS_PER_SECOND}
        + trunc(s * {_MICROSECONDS_PER_SECOND})::BIGINT) END""",
    ),
    Macro(
        "kql_make_timespan",
        ("d", "h", "m", "s"),
        f"""CASE WHEN h BETWEEN 0 AND 23 AND m BETWEEN 0 AND 59 AND s >= 0 AND s < 60
        THEN (d * 86400 + h * 3600 + m * 60) * {TICKS_PER_SECOND} + round(s * {TICKS_PER_SECOND})::BIGINT END""",
    ),
    Macro("kql_utc_to_local", ("t", "zone"), "kql_in_range((t AT TIME ZONE 'UTC') AT TIME ZONE zone)"),
    Macro("kql_local_to_utc", ("t", "zone"), "kql_in_range((t AT TIME ZONE zone) AT TIME ZONE 'UTC')"),
    # Arrays.
    Macro("kql_array_length", ("j",), "CASE WHEN json_type(j) = 'ARRAY' THEN json_array_length(j)::BIGINT END"),
    Macro(
        "kql_slice",
        ("xs", "a", "b"),
        """list_slice(xs, greatest(CASE WHEN a < 0 THEN len(xs) + a ELSE a END, 0) + 1,
        CASE WHEN b < 0 THEN len(xs) + b ELSE b END + 1)""",
    ),
    Macro(
        "kql_shift",
        ("xs", "n", "fill"),
        """CASE WHEN n >= 0 THEN list_resize(list_slice(xs, n + 1, len(xs)), len(xs), fill)
        ELSE list_concat(list_resize(list_slice(xs, 1, 0), least(-n, len(xs)), fill),
        list_slice(xs, 1, greatest(len(xs) + n, 0))) END""",
    ),
    Macro(
        "kql_rotate",
        ("xs", "n"),
        """CASE WHEN len(xs) = 0 THEN xs ELSE list_concat(list_slice(xs, kql_mod(n, len(xs)) + 1, len(xs)),
        list_slice(xs, 1, kql_mod(n, len(xs)))) END""",
    ),
    Macro(
        "kql_with_nulls",
        ("sorted", "xs", "nulls_last"),
        """CASE WHEN xs IS NULL THEN NULL WHEN nulls_last THEN list_resize(sorted, len(xs))
        ELSE list_concat(list_resize(list_slice(xs, 1, 0), len(xs) - len(sorted)), sorted) END""",
    ),
    # Numbers before texts in either direction.
    Macro(
        "kql_sorted_json",
        ("xs", "direction"),
        """list_transform(list_concat(
        list_sort(list_transform(list_filter(xs, lambda e: e IS NOT NULL AND TRY_CAST(e AS DOUBLE) IS NOT NULL),
        lambda e: {'k': TRY_CAST(e AS DOUBLE), 'v': e}), direction),
        list_transform(list_sort(list_transform(
        list_filter(xs, lambda e: e IS NOT NULL AND TRY_CAST(e AS DOUBLE) IS NULL),
        lambda e: {'k': json_extract_string(e, '$'), 'v': e}), direction), lambda e: {'k': 0::DOUBLE, 'v': e.v})),
        lambda e: e.v)""",
    ),
    Macro(
        "kql_array_index_of",
        ("xs", "x", "a", "n", "nth"),
        """CASE WHEN xs IS NOT NULL THEN coalesce(list_filter(range(len(xs)), lambda i: xs[i + 1] = x
        AND i >= CASE WHEN a < 0 THEN greatest(len(xs) + a, 0) ELSE a END
        AND (n < 0 OR i < CASE WHEN a < 0 THEN greatest(len(xs) + a, 0) ELSE a END + n))[nth], -1) END::BIGINT""",
    ),
    Macro(
        "kql_range_long",
        ("a", "b", "n"),
        # No CASE, so that DuckDB computes once what stands here several times (with one a rolling average was 5 times
        # as dear, 2026-11-29); no lambda, since it does not count the memory of what one returns.
        f"generate_series(a, (b - greatest((b::HUGEINT - a) // n - {_LAST}, 0) * n)::BIGINT, nullif(n, 0))",
    ),
    Macro(
        "kql_range_real",
        ("a", "b", "n"),
        f"""CASE WHEN n <> 0 AND isfinite((b - a) / n) THEN list_transform(
        range(greatest(floor(least((b - a) / n + 1e-9, {_LAST}))::BIGINT + 1, 0)), lambda i: a + i * n) END""",
    ),
    # With the list once: written twice, ten nested calls are a thousand.
    Macro(
        "kql_distinct",
        ("xs",),
        "list_transform([xs], lambda v: list_filter(v, lambda e, i: list_position(v, e) = i))[1]",
    ),
    Macro(
        "kql_same_items",
        ("xs", "ys"),
        """len(list_filter(xs, lambda e: NOT list_contains(ys, e))) = 0
        AND len(list_filter(ys, lambda e: NOT list_contains(xs, e))) = 0""",
    ),
    Macro(
        "kql_jaccard",
        ("xs", "ys"),
        """len(list_distinct(list_filter(xs, lambda e: list_contains(ys, e))))::DOUBLE
        / len(list_distinct(list_concat(xs, ys)))""",
    ),
    Macro("kql_intersect", ("xs", "ys"), "list_filter(xs, lambda e: list_contains(ys, e))"),
    Macro("kql_except", ("xs", "ys"), "list_filter(xs, lambda e: NOT list_contains(ys, e))"),
    Macro(
        "kql_array_iff",
        ("c", "a", "a_is_array", "b", "b_is_array"),
        """CASE WHEN json_type(c) = 'ARRAY' THEN to_json(list_transform(range(json_array_length(c)::BIGINT), lambda i:
        CASE WHEN coalesce(kql_bool_of_json(json_extract(c, i)), FALSE)
        THEN json_extract(a, CASE WHEN a_is_array THEN i ELSE 0 END)
        ELSE json_extract(b, CASE WHEN b_is_array THEN i ELSE 0 END) END)) END""",
    ),
    Macro(
        "kql_array_split",
        ("xs", "places"),
        """to_json(list_transform(range(len(places) + 1), lambda i: list_slice(xs,
        coalesce(CASE WHEN places[i] < 0 THEN greatest(len(xs) + places[i], 0) ELSE places[i] END, 0) + 1,
        coalesce(CASE WHEN places[i + 1] < 0 THEN greatest(len(xs) + places[i + 1], 0) ELSE places[i + 1] END,
        len(xs)))))""",
    ),
    # Series with gaps: nulls, and items equal to a placeholder.
    Macro(
        "kql_fill_forward",
        ("xs", "missing"),
        """list_transform(range(len(xs)), lambda i: coalesce(
        list_filter(list_reverse(list_slice(xs, 1, i + 1)), lambda e: e IS NOT NULL AND (e = missing) IS NOT TRUE)[1],
        xs[i + 1]))""",
    ),
    Macro(
        "kql_fill_backward",
        ("xs", "missing"),
        """list_transform(range(len(xs)), lambda i: coalesce(
        list_filter(list_slice(xs, i + 1, len(xs)), lambda e: e IS NOT NULL AND (e = missing) IS NOT TRUE)[1],
        xs[i + 1]))""",
    ),
    Macro(
        "kql_fill_const",
        ("xs", "filler", "missing"),
        "list_transform(xs, lambda e: CASE WHEN e IS NULL OR (e = missing) IS TRUE THEN filler ELSE e END)",
    ),
)

# Macros of DuckDB itself that write an argument more than once.
_BUILT_IN: Mapping[str, tuple[int, ...]] = {"nullif": (2, 1), "array_to_string": (2, 1), "fmod": (2, 2)}
# A regular expression is compiled where it stands, which takes DuckDB as long as some twenty operators, or more.
_REGULAR = ("regexp_matches", "regexp_extract", "regexp_extract_all", "regexp_full_match", "regexp_replace")
_REGULAR_WEIGHT = 20
_NO_NAMES = re.compile(r"'(?:[^']|'')*'|[.]\w+")
_WORDS = re.compile(r"\w+")


def _copies(macros: Iterable[Macro]) -> Mapping[str, tuple[int, ...]]:
    known = dict(_BUILT_IN)
    for macro in macros:
        words = _WORDS.findall(_as_planned(_NO_NAMES.sub("", macro.body)))
        # What stands in a call of another macro is written again by that: at most so often.
        inner = max((max(known[word]) for word in words if word in known), default=1)
        known[macro.name] = tuple(words.count(parameter) * inner for parameter in macro.parameters)
    return known


def _as_planned(body: str) -> str:
    """Write out what DuckDB compares with several values: it compares a copy with each."""
    compared = re.sub(r"(\w+) BETWEEN", r"\1 \1 BETWEEN", body)
    values = compared.count("WHEN")
    return re.sub(r"CASE (?!WHEN)(.*?) WHEN", lambda found: f"CASE {(found[1] + ' ') * values} WHEN", compared)


def _weights(macros: Iterable[Macro]) -> Mapping[str, int]:
    known = dict.fromkeys(_REGULAR, _REGULAR_WEIGHT)
    for macro in macros:
        words = _WORDS.findall(_NO_NAMES.sub("", macro.body))
        known[macro.name] = sum(known.get(word, 1) for word in words)
    return known


def _repeated(macros: Iterable[Macro]) -> Mapping[str, frozenset[int]]:
    known: dict[str, frozenset[int]] = {}
    for macro in macros:
        body = _NO_NAMES.sub("", macro.body)
        inside = set(_WORDS.findall("".join(_lambdas(body))))
        if any(known.get(word) for word in _WORDS.findall(body)):
            inside.update(macro.parameters)
        known[macro.name] = frozenset(n for n, parameter in enumerate(macro.parameters) if parameter in inside)
    return known


def _lambdas(body: str) -> Iterable[str]:
    """Yield what the lambdas of a text have as bodies."""
    for found in re.finditer(r"\blambda\b[^:]*:", body):
        depth = 0
        for end in range(found.end(), len(body)):
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(body[end], 0)
            if depth < 0:
                yield body[found.end() : end] + " "
                break


# How often DuckDB writes each argument of a macro when it puts the body in the place of a call; never too low. A copy
# is bound and optimized for itself, so that macros in one another, n levels deep, are the n-th power of the copies.
COPIES: Mapping[str, tuple[int, ...]] = _copies(MACROS)

# What a call becomes then, without its arguments: one for an operator or a name.
WEIGHTS: Mapping[str, int] = _weights(MACROS)

# The arguments of a macro that stand in a lambda, so that they are computed for each item of a list.
FOR_EACH_ITEM: Mapping[str, frozenset[int]] = _repeated(MACROS)
