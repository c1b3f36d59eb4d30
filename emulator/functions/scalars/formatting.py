"""Dates, timespans and sizes as text by a format."""

from collections.abc import Iterator
from itertools import groupby

from emulator.errors import SemanticFault, UnsupportedFault
from emulator.functions.function import Function, Operand, ResultName
from emulator.functions.physical import decimal_of_real
from emulator.functions.shorthand import DATETIMES, NUMBERS, TEXT, TIMESPANS, WHOLE, param, simple
from emulator.sql.ast import Sql
from emulator.sql.build import EMPTY, call, case, cast, coalesce, lit, op
from emulator.types import STRING, TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND

# format-datetime-function.md, "Supported formats" and "Supported delimiters".
_DATE_PARTS = {
    "d": "%-d",
    "dd": "%d",
    "h": "%-I",
    "hh": "%I",
    "H": "%-H",
    "HH": "%H",
    "m": "%-M",
    "mm": "%M",
    "M": "%-m",
    "MM": "%m",
    "s": "%-S",
    "ss": "%S",
    "tt": "%p",
    "y": "%-y",
    "yy": "%y",
    "yyyy": "%Y",
}
_DELIMITERS = frozenset(" /-:,._[]")
_TICKS = {"h": TICKS_PER_HOUR, "H": TICKS_PER_HOUR, "m": TICKS_PER_MINUTE, "s": TICKS_PER_SECOND}
_MODULUS = {"h": 24, "H": 24, "m": 60, "s": 60}


def _format(function: str, operand: Operand) -> str:
    if not isinstance(operand.value, str):
        raise UnsupportedFault(f"{function}() with a format that is not a literal", "TH0305")
    if not operand.value:
        raise SemanticFault(f"{function}(): the format must not be empty", "SEM0237")
    return operand.value


def _runs(text: str) -> Iterator[str]:
    for _, run in groupby(text):
        yield "".join(run)


def _unknown(function: str, run: str) -> SemanticFault:
    return SemanticFault(
        f"{function}(): the format has no part '{run}'", "SEM0237", hint="see the list of format parts"
    )


def _fraction(digits: Sql, run: str) -> Sql:
    # Seven digits of which `f` shows some; `F` leaves out zeros at the end.
    shown = call("left", digits, lit(len(run)))
    return call("rtrim", shown, lit("0")) if run[0] == "F" else shown


def _joined(pieces: list[Sql]) -> Sql:
    return coalesce(pieces[0] if len(pieces) == 1 else op("||", *pieces), EMPTY)


def _format_datetime(operands: tuple[Operand, ...]) -> Sql:
    time = operands[0].sql
    pieces: list[Sql] = []
    pattern = ""
    for run in _runs(_format("format_datetime", operands[1])):
        if run[0] in _DELIMITERS:
            pattern += run
        elif run in _DATE_PARTS:
            pattern += _DATE_PARTS[run]
        elif run[0] in "fF" and len(run) <= 7:
            if pattern:
                pieces.append(call("strftime", time, lit(pattern)))
                pattern = ""
            pieces.append(_fraction(call("strftime", time, lit("%f0")), run))
        else:
            raise _unknown("format_datetime", run)
    if pattern:
        pieces.append(call("strftime", time, lit(pattern)))
    return _joined(pieces)


def _padded(number: Sql, width: int) -> Sql:
    text = cast(number, "VARCHAR")
    return (
        text
        if width == 1
        else call("lpad", text, cast(call("greatest", lit(width), call("length", text)), "INTEGER"), lit("0"))
    )


def _format_timespan(operands: tuple[Operand, ...]) -> Sql:
    # .NET's custom formats show no sign.
    ticks = call("abs", operands[0].sql)
    pieces: list[Sql] = []
    for run in _runs(_format("format_timespan", operands[1])):
        unit = run[0]
        if unit in _DELIMITERS:
            pieces.append(lit(run))
        elif unit == "d" and len(run) <= 8:
            pieces.append(_padded(op("//", ticks, lit(TICKS_PER_DAY)), len(run)))
        elif unit in _TICKS and len(run) <= 2:
            count = op("%", op("//", ticks, lit(_TICKS[unit])), lit(_MODULUS[unit]))
            pieces.append(_padded(count, len(run)))
        elif unit in "fF" and len(run) <= 7:
            pieces.append(_fraction(_padded(op("%", ticks, lit(TICKS_PER_SECOND)), 7), run))
        else:
            raise _unknown("format_timespan", run)
    return _joined(pieces)


_UNITS = ("Bytes", "KB", "MB", "GB", "TB", "PB", "EB")


def _format_bytes(operands: tuple[Operand, ...]) -> Sql:
    size = cast(operands[0].sql, "DOUBLE")
    precision = cast(operands[1].sql, "INTEGER") if len(operands) > 1 else lit(0)
    unit = operands[2].value if len(operands) > 2 else ""

    def shown(power: int) -> Sql:
        number = call("round", op("/", size, lit(float(1024**power))), precision)
        return op("||", call("kql_decimal_text", decimal_of_real(number)), lit(f" {_UNITS[power]}"))

    if unit:
        if unit not in _UNITS:
            raise SemanticFault(f"format_bytes(): {unit!r} is not one of {', '.join(_UNITS)}", "SEM0237")
        return coalesce(shown(_UNITS.index(str(unit))), EMPTY)
    steps = tuple((op("<", call("abs", size), lit(float(1024 ** (power + 1)))), shown(power)) for power in range(6))
    return coalesce(case(*steps, otherwise=shown(6)), EMPTY)


FORMATTING: tuple[Function, ...] = (
    simple(
        "format_datetime",
        "The date as text: d M y for day, month and year, H h m s for the time, f F for fractions, tt for AM and PM.",
        (param("date", DATETIMES), param("format", TEXT, constant=True)),
        STRING,
        _format_datetime,
        (
            "print format_datetime(datetime(2017-01-29 09:00:05.12), 'yy-MM-dd [HH:mm:ss.fff]')",
            "17-01-29 [09:00:05.120]",
        ),
        result_name=ResultName.FIRST_ARGUMENT,
    ),
    simple(
        "format_timespan",
        "The timespan as text: d for days, H h m s for the time, f F for fractions; without sign.",
        (param("timespan", TIMESPANS), param("format", TEXT, constant=True)),
        STRING,
        _format_timespan,
        ("print format_timespan(time(29.09:00:05.12345), 'ddd.h:mm:ss [fffffff]')", "029.9:00:05 [1234500]"),
        result_name=ResultName.FIRST_ARGUMENT,
    ),
    simple(
        "format_bytes",
        "The number as a size with a unit: Bytes, KB, MB, GB, TB, PB or EB.",
        (
            param("size", NUMBERS),
            param("precision", WHOLE, optional=True, constant=True),
            param("units", TEXT, optional=True, constant=True),
        ),
        STRING,
        _format_bytes,
        ("print format_bytes(10332, 1)", "10.1 KB"),
        result_name=ResultName.FIRST_ARGUMENT,
    ),
)
