"""DuckDB macros that the emissions of several rows share, as text; the engine creates them on every connection.

A macro is here where an expression needs its argument more than once or would repeat in many rows. Timespans are
100 ns ticks throughout; datetimes have microseconds.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Macro:
    """A scalar macro: `name(parameters) AS body`."""

    name: str
    parameters: tuple[str, ...]
    body: str

    def create_statement(self) -> str:
        """Return the SQL that defines the macro for the life of a connection."""
        return f"CREATE OR REPLACE TEMP MACRO {self.name}({', '.join(self.parameters)}) AS {self.body}"


# 0001-01-01, the origin of ticks and bins, in microseconds before 1970.
_ORIGIN = 62_135_596_800_000_000

_TICKS = "10000000"
_TIMESPAN_SHAPE = r"^\s*([+-]?)(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7})\d*)?)?\s*$"
_DAYS_SHAPE = r"^\s*([+-]?)(\d+)\s*$"

MACROS: tuple[Macro, ...] = (
    # Text forms: .NET's, as Kusto prints them.
    Macro("kql_datetime_text", ("t",), "strftime(t, '%Y-%m-%dT%H:%M:%S.%f0Z')"),
    Macro(
        "kql_timespan_text",
        ("t",),
        """CASE WHEN t < 0 THEN '-' ELSE '' END
        || CASE WHEN abs(t) >= 864000000000 THEN (abs(t) // 864000000000)::VARCHAR || '.' ELSE '' END
        || lpad((abs(t) // 36000000000 % 24)::VARCHAR, 2, '0') || ':'
        || lpad((abs(t) // 600000000 % 60)::VARCHAR, 2, '0') || ':'
        || lpad((abs(t) // 10000000 % 60)::VARCHAR, 2, '0')
        || CASE WHEN t % 10000000 = 0 THEN '' ELSE '.' || lpad((abs(t) % 10000000)::VARCHAR, 7, '0') END""",
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
    Macro("kql_json", ("j",), "CASE WHEN json_type(j) = 'NULL' THEN NULL ELSE j END"),
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
        f"""CASE WHEN regexp_matches(s, '{_DAYS_SHAPE}') THEN TRY_CAST(trim(s) AS BIGINT) * 864000000000
        WHEN regexp_matches(s, '{_TIMESPAN_SHAPE}') THEN
        (CASE WHEN regexp_extract(s, '{_TIMESPAN_SHAPE}', 1) = '-' THEN -1 ELSE 1 END)
        * (coalesce(TRY_CAST(regexp_extract(s, '{_TIMESPAN_SHAPE}', 2) AS BIGINT), 0) * 864000000000
        + regexp_extract(s, '{_TIMESPAN_SHAPE}', 3)::BIGINT * 36000000000
        + regexp_extract(s, '{_TIMESPAN_SHAPE}', 4)::BIGINT * 600000000
        + coalesce(TRY_CAST(regexp_extract(s, '{_TIMESPAN_SHAPE}', 5) AS BIGINT), 0) * {_TICKS}
        + coalesce(TRY_CAST(rpad(regexp_extract(s, '{_TIMESPAN_SHAPE}', 6), 7, '0') AS BIGINT), 0)) END""",
    ),
    Macro(
        "kql_datetime_of_text",
        ("s",),
        """coalesce(
        CASE WHEN regexp_full_match(s, '\\s*\\d{4}-\\d{1,2}-\\d{1,2}([T ]+\\d{1,2}:\\d{1,2}(:\\d{1,2}([.]\\d*)?)?)?Z?\\s*')
        THEN TRY_CAST(rtrim(trim(s), 'Z') AS TIMESTAMP)
        WHEN regexp_matches(s, '\\d([+-]\\d{2}:?\\d{2}| GMT)\\s*$')
        THEN TRY_CAST(TRY_CAST(replace(trim(s), ' GMT', '+00:00') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP) END,
        try_strptime(trim(s), ['%m/%d/%Y %H:%M:%S', '%m/%d/%Y %H:%M', '%m/%d/%Y', '%Y-%m', '%Y/%m/%d %H:%M:%S',
        '%Y/%m/%d', '%Y%m%d', '%Y', '%a, %d %b %Y %H:%M:%S GMT', '%A, %d-%b-%y %H:%M:%S GMT', '%a %b %d %H:%M:%S %Y',
        '%m/%d/%Y %I:%M:%S %p', '%d %b %Y', '%d %B %Y', '%B %d, %Y', '%b %d, %Y']))""",
    ),
    # Conversions from dynamic values: numbers by truncation, strings as text.
    Macro(
        "kql_long_of_json",
        ("j",),
        """CASE json_type(j) WHEN 'VARCHAR' THEN kql_long_of_text(json_extract_string(j, '$'))
        WHEN 'DOUBLE' THEN TRY_CAST(trunc(TRY_CAST(j AS DOUBLE)) AS BIGINT)
        WHEN 'BOOLEAN' THEN TRY_CAST(TRY_CAST(j AS BOOLEAN) AS BIGINT)
        WHEN 'BIGINT' THEN TRY_CAST(j AS BIGINT) WHEN 'UBIGINT' THEN TRY_CAST(j AS BIGINT) END""",
    ),
    Macro("kql_int_of_json", ("j",), "TRY_CAST(kql_long_of_json(j) AS INTEGER)"),
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
    Macro("kql_ticks", ("t",), f"(epoch_us(t) + {_ORIGIN}) * 10"),
    Macro("kql_datetime_of_ticks", ("n",), f"make_timestamp(n // 10 - {_ORIGIN})"),
    Macro("kql_add_ticks", ("t", "n"), "make_timestamp(epoch_us(t) + kql_floor_div(n, 10))"),
    Macro("kql_minus", ("a", "b"), "(epoch_us(a) - epoch_us(b)) * 10"),
    # Whole-number arithmetic: floors where SQL truncates.
    Macro("kql_floor_div", ("a", "b"), "a // b - CASE WHEN a % b <> 0 AND (a < 0) <> (b < 0) THEN 1 ELSE 0 END"),
    Macro("kql_mod", ("a", "b"), "a % b + CASE WHEN a % b < 0 THEN abs(b) ELSE 0 END"),
    Macro("kql_bin_long", ("a", "b"), "a - kql_mod(a, b)"),
    Macro("kql_bin_real", ("a", "b"), "floor(a / b) * b"),
    Macro(
        "kql_bin_datetime",
        ("t", "n"),
        f"make_timestamp((epoch_us(t) + {_ORIGIN}) - (epoch_us(t) + {_ORIGIN}) % (n // 10) - {_ORIGIN})",
    ),
)
