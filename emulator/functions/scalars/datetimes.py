"""Dates and times: parts, starts and ends of periods, arithmetic by calendar, text forms. All times are UTC."""

from emulator.errors import UnsupportedFault
from emulator.functions.function import Function, Operand, Parameter, ResultName, Signature
from emulator.functions.shorthand import (
    DATETIMES,
    NUMBERS,
    REALS,
    TEXT,
    WHOLE,
    param,
    simple,
    unary,
)
from emulator.sql.ast import Sql
from emulator.sql.build import call, cast, lit, op, try_cast
from emulator.types import (
    DATETIME,
    INT,
    LONG,
    TICKS_PER_DAY,
    TICKS_PER_HOUR,
    TICKS_PER_MICROSECOND,
    TICKS_PER_MILLISECOND,
    TICKS_PER_MINUTE,
    TICKS_PER_SECOND,
    TIMESPAN,
    KqlType,
)

_DATE = (param("date", DATETIMES),)
# More than Kusto's datetimes have, less than DuckDB's.
_YEARS = 10_000


def _plus_micro(time: Sql, micros: Sql) -> Sql:
    return call("kql_datetime_of_micros", op("+", call("epoch_us", time), micros))


def _within(count: Sql, limit: int) -> Sql:
    # So many lead out of the datetimes from wherever they count, so that more make no difference but an overflow.
    return call("least", call("greatest", cast(count, "BIGINT"), lit(-limit, "BIGINT")), lit(limit, "BIGINT"))


def _months(count: Sql, each: int = 1) -> Sql:
    count = _within(count, _YEARS * 12 // each)
    return call("to_months", cast(op("*", count, lit(each)) if each != 1 else count, "INTEGER"))


def _days(count: Sql, each: int = 1) -> Sql:
    count = _within(count, _YEARS * 366 // each)
    return call("to_days", cast(op("*", count, lit(each)) if each != 1 else count, "INTEGER"))


def _start(unit: str, time: Sql) -> Sql:
    if unit == "week":
        # Weeks start on Sunday; DuckDB's on Monday.
        day = cast(call("date_trunc", lit("day"), time), "TIMESTAMP")
        return op("-", day, call("to_days", cast(call("dayofweek", time), "INTEGER")))
    return cast(call("date_trunc", lit(unit), time), "TIMESTAMP")


def _step(unit: str, count: Sql) -> Sql:
    match unit:
        case "day":
            return _days(count)
        case "week":
            return _days(count, 7)
        case "month":
            return _months(count)
        case _:
            return _months(count, 12)


def _startof(unit: str, example: str) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        start = _start(unit, operands[0].sql)
        if len(operands) == 1:
            # Only a week begins before its year does, and so before the first one.
            return call("kql_in_range", start) if unit == "week" else start
        return call("kql_in_range", op("+", start, _step(unit, operands[1].sql)))

    return simple(
        f"startof{unit}",
        f"The first instant of the {unit} of a date, moved by a number of {unit}s.",
        (*_DATE, param("offset", WHOLE, optional=True)),
        DATETIME,
        emit,
        (f"print startof{unit}(datetime(2024-05-15 10:00))", example),
        result_name=ResultName.FIRST_ARGUMENT if unit == "day" else ResultName.AUTO,
    )


def _endof(unit: str, example: str) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        count: Sql = lit(1) if len(operands) == 1 else op("+", _within(operands[1].sql, _YEARS * 366), lit(1))
        # The last microsecond: Kusto's own answer ends in 9999999, one tick before the next period.
        return _plus_micro(op("+", _start(unit, operands[0].sql), _step(unit, count)), lit(-1))

    return simple(
        f"endof{unit}",
        f"The last instant of the {unit} of a date, moved by a number of {unit}s.",
        (*_DATE, param("offset", WHOLE, optional=True)),
        DATETIME,
        emit,
        (f"print endof{unit}(datetime(2024-05-15 10:00))", example),
    )


def _part(name: str, part: str, what: str, returns: KqlType, example: str) -> Function:
    duckdb_name = "INTEGER" if returns is INT else "BIGINT"
    return simple(
        name,
        f"The {what} of a date.",
        _DATE,
        returns,
        unary(lambda time: cast(call("date_part", lit(part), time), duckdb_name)),
        (f"print {name}(datetime(2024-05-15 10:20:30))", example),
    )


# datetime_add and datetime_diff take other parts than datetime_part: both lists as the service has them.
_MICROS = {
    "week": 7 * TICKS_PER_DAY // TICKS_PER_MICROSECOND,
    "day": TICKS_PER_DAY // TICKS_PER_MICROSECOND,
    "hour": TICKS_PER_HOUR // TICKS_PER_MICROSECOND,
    "minute": TICKS_PER_MINUTE // TICKS_PER_MICROSECOND,
    "second": TICKS_PER_SECOND // TICKS_PER_MICROSECOND,
    "millisecond": TICKS_PER_MILLISECOND // TICKS_PER_MICROSECOND,
    "microsecond": 1,
}
_MONTHS = {"year": 12, "quarter": 3, "month": 1}
_PARTS = {
    "year": "year",
    "quarter": "quarter",
    "month": "month",
    "week_of_year": "week",
    "day": "day",
    "dayofyear": "doy",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
}


def _unit_of(function: str, operand: Operand, known: set[str]) -> str:
    unit = operand.value.lower() if isinstance(operand.value, str) else ""
    if unit not in known:
        shown = f"'{unit}'" if operand.is_constant else "a part that is not a literal"
        raise UnsupportedFault(f"{function}() with {shown}", "TH0301", hint=f"parts: {', '.join(sorted(known))}")
    return unit


def _datetime_add(operands: tuple[Operand, ...]) -> Sql:
    unit = _unit_of("datetime_add", operands[0], {*_MICROS, *_MONTHS})
    count, time = operands[1].sql, operands[2].sql
    if unit in _MONTHS:
        return call("kql_in_range", op("+", time, _months(count, _MONTHS[unit])))
    return _plus_micro(
        time, op("*", _within(count, _YEARS * 366 * _MICROS["day"] // _MICROS[unit]), lit(_MICROS[unit]))
    )


def _datetime_diff(operands: tuple[Operand, ...]) -> Sql:
    unit = _unit_of("datetime_diff", operands[0], {*_MICROS, *_MONTHS} - {"week"})
    later, earlier = operands[1].sql, operands[2].sql
    if unit in _MONTHS:
        # Boundaries crossed, not whole periods.
        return call("date_diff", lit(unit), earlier, later)
    return op("-", _index(later, _MICROS[unit]), _index(earlier, _MICROS[unit]))


def _index(time: Sql, micros: int) -> Sql:
    return call("kql_floor_div", call("epoch_us", time), cast(lit(micros), "BIGINT"))


def _datetime_part(operands: tuple[Operand, ...]) -> Sql:
    unit = _unit_of("datetime_part", operands[0], {*_PARTS, "millisecond", "microsecond"})
    time = operands[1].sql
    if unit in _PARTS:
        return cast(call("date_part", lit(_PARTS[unit]), time), "BIGINT")
    micros = op("%", call("date_part", lit("microsecond"), time), lit(1_000_000))
    return cast(op("//", micros, lit(1000)) if unit == "millisecond" else micros, "BIGINT")


def _unix(name: str, micros: int, per: int, example: int) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0].sql
        # More than a datetime can be may be more than a long: null, as what does not convert is.
        scaled = op("//", value, lit(per)) if per > 1 else op("*", cast(value, "HUGEINT"), lit(micros))
        return call("kql_datetime_of_micros", try_cast(scaled, "BIGINT"))

    def emit_real(operands: tuple[Operand, ...]) -> Sql:
        return call(
            "kql_datetime_of_micros", try_cast(call("trunc", op("*", operands[0].sql, lit(micros / per))), "BIGINT")
        )

    return Function(
        f"unixtime_{name}_todatetime",
        f"The time that many {name} after 1970-01-01.",
        (
            Signature((param(name, WHOLE),), DATETIME, emit),
            Signature((param(name, REALS),), DATETIME, emit_real),
        ),
        example=(f"print unixtime_{name}_todatetime({example})", "2019-01-01T00:00:00Z"),
    )


def _make_datetime(operands: tuple[Operand, ...]) -> Sql:
    numbers = [operand.sql for operand in operands]
    while len(numbers) < 6:
        numbers.append(lit(0))
    return call("kql_make_datetime", *(cast(number, "BIGINT") for number in numbers[:5]), cast(numbers[5], "DOUBLE"))


def _make_timespan(operands: tuple[Operand, ...]) -> Sql:
    numbers = [cast(operand.sql, "BIGINT") for operand in operands[:-1]]
    seconds: Sql = operands[-1].sql
    if len(operands) == 4:
        days, hours, minutes = numbers
    else:
        days = cast(lit(0), "BIGINT")
        hours, minutes = (
            (numbers[0], numbers[1]) if len(operands) == 3 else (numbers[0], cast(operands[1].sql, "BIGINT"))
        )
        seconds = operands[2].sql if len(operands) == 3 else lit(0)
    return call("kql_make_timespan", days, hours, minutes, cast(seconds, "DOUBLE"))


def _dates(*optional: str) -> tuple[Parameter, ...]:
    first = tuple(param(name, NUMBERS) for name in ("year", "month", "day"))
    return (*first, *(param(name, NUMBERS, optional=True) for name in optional))


def _converted(name: str, target: KqlType) -> Signature:
    from emulator.functions.physical import as_type

    return Signature((param(name),), target, lambda operands: as_type(operands[0], target))


DATETIME_FUNCTIONS: tuple[Function, ...] = (
    _startof("day", "2024-05-15T00:00:00Z"),
    _startof("week", "2024-05-12T00:00:00Z"),
    _startof("month", "2024-05-01T00:00:00Z"),
    _startof("year", "2024-01-01T00:00:00Z"),
    _endof("day", "2024-05-15T23:59:59.999999Z"),
    _endof("week", "2024-05-18T23:59:59.999999Z"),
    _endof("month", "2024-05-31T23:59:59.999999Z"),
    _endof("year", "2024-12-31T23:59:59.999999Z"),
    _part("getyear", "year", "year", LONG, "2024"),
    _part("getmonth", "month", "month", LONG, "5"),
    _part("monthofyear", "month", "month", LONG, "5"),
    _part("dayofmonth", "day", "day of the month", LONG, "15"),
    _part("dayofyear", "doy", "day of the year", LONG, "136"),
    _part("hourofday", "hour", "hour", LONG, "10"),
    _part("week_of_year", "week", "ISO week", LONG, "20"),
    _part("weekofyear", "week", "ISO week", LONG, "20"),
    simple(
        "dayofweek",
        "The days since Sunday, as a timespan.",
        _DATE,
        TIMESPAN,
        unary(lambda time: op("*", cast(call("dayofweek", time), "BIGINT"), lit(TICKS_PER_DAY))),
        ("print dayofweek(datetime(2024-05-15))", "3.00:00:00"),
    ),
    simple(
        "datetime_add",
        "The date moved by a number of years, quarters, months, weeks, days or smaller units.",
        (param("part", TEXT, constant=True), param("value", WHOLE), param("datetime", DATETIMES)),
        DATETIME,
        _datetime_add,
        ("print datetime_add('month', 1, datetime(2024-01-31))", "2024-02-29T00:00:00Z"),
    ),
    simple(
        "datetime_diff",
        "How many boundaries of a unit lie between two dates: datetime_diff(unit, later, earlier).",
        (param("part", TEXT, constant=True), param("datetime1", DATETIMES), param("datetime2", DATETIMES)),
        LONG,
        _datetime_diff,
        ("print datetime_diff('day', datetime(2024-02-01), datetime(2024-01-31 23:00))", "1"),
    ),
    simple(
        "datetime_part",
        "One part of a date as a number.",
        (param("part", TEXT, constant=True), *_DATE),
        LONG,
        _datetime_part,
        ("print datetime_part('quarter', datetime(2024-05-15))", "2"),
    ),
    simple(
        "datepart",
        "One part of a date as a number.",
        (param("part", TEXT, constant=True), *_DATE),
        LONG,
        _datetime_part,
        ("print datepart('month', datetime(2024-05-15))", "5"),
    ),
    _unix("seconds", 1_000_000, 1, 1546300800),
    _unix("milliseconds", 1_000, 1, 1546300800000),
    _unix("microseconds", 1, 1, 1546300800000000),
    _unix("nanoseconds", 1, 1000, 1546300800000000000),
    Function(
        "make_datetime",
        "The time of a year, month, day, hour, minute and second; null where there is none.",
        (Signature(_dates("hour", "minute", "second"), DATETIME, _make_datetime), _converted("value", DATETIME)),
        example=("print make_datetime(2024, 1, 31, 12, 30)", "2024-01-31T12:30:00Z"),
    ),
    Function(
        "make_timespan",
        "The timespan of days, hours, minutes and seconds.",
        (
            Signature(
                (param("days", NUMBERS), param("hours", NUMBERS), param("minutes", NUMBERS), param("seconds", NUMBERS)),
                TIMESPAN,
                _make_timespan,
            ),
            Signature(
                (param("hours", NUMBERS), param("minutes", NUMBERS), param("seconds", NUMBERS, optional=True)),
                TIMESPAN,
                _make_timespan,
            ),
            _converted("value", TIMESPAN),
        ),
        example=("print make_timespan(1, 12, 30, 55.123)", "1.12:30:55.1230000"),
    ),
    simple(
        "datetime_utc_to_local",
        "The wall clock of a time zone at a UTC time.",
        (param("from", DATETIMES), param("timezone", TEXT)),
        DATETIME,
        lambda o: call("kql_utc_to_local", o[0].sql, o[1].sql),
        ("print datetime_utc_to_local(datetime(2024-07-01), 'Europe/Paris')", "2024-07-01T02:00:00Z"),
    ),
    simple(
        "datetime_local_to_utc",
        "The UTC time at which the clock of a time zone shows a time.",
        (param("from", DATETIMES), param("timezone", TEXT)),
        DATETIME,
        lambda o: call("kql_local_to_utc", o[0].sql, o[1].sql),
        ("print datetime_local_to_utc(datetime(2024-07-01 02:00), 'Europe/Paris')", "2024-07-01T00:00:00Z"),
    ),
)
