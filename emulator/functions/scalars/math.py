"""Numbers: rounding, bins, powers, bits, and functions of one real."""

from emulator.functions.function import Emit, Function, Operand, ResultName, Signature
from emulator.functions.macros import ORIGIN
from emulator.functions.shorthand import (
    DATETIMES,
    NUMBERS,
    REALS,
    TIMESPANS,
    WHOLE,
    binary,
    param,
    simple,
    sql_call,
    unary,
    widest,
)
from emulator.sql.ast import Sql
from emulator.sql.build import and_, call, cast, lit, op
from emulator.types import BOOL, DATETIME, GUID, LONG, REAL, TICKS_PER_MICROSECOND, TIMESPAN, KqlType, Scalar

_KEEP = ResultName.FIRST_ARGUMENT


def _longer(types: tuple[KqlType, ...]) -> KqlType:
    common = widest(types)
    return LONG if common.scalar is Scalar.INT else common


def _bin_number(operands: tuple[Operand, ...]) -> Sql:
    value, size = operands
    if value.type.scalar in (Scalar.INT, Scalar.LONG):
        return call("kql_bin_long", cast(value.sql, "BIGINT"), cast(size.sql, "BIGINT"))
    return call("kql_bin_real", value.sql, size.sql)


def _bin_time(operands: tuple[Operand, ...]) -> Sql:
    time, size = operands
    if size.is_constant and isinstance(size.value, int) and size.value >= TICKS_PER_MICROSECOND:
        micros = call("epoch_us", time.sql)
        since_origin = op("+", micros, lit(ORIGIN, "BIGINT"))
        # What the macro does, without the work of expanding it at every place.
        return call("make_timestamp", op("-", micros, op("%", since_origin, lit(size.value // TICKS_PER_MICROSECOND))))
    return call("kql_bin_datetime", time.sql, size.sql)


def _binning(name: str) -> Function:
    return Function(
        name,
        "The value rounded down to a multiple of the size; datetimes count from 0001-01-01.",
        (
            Signature((param("value", NUMBERS), param("roundTo", NUMBERS)), _longer, _bin_number, unify=(0, 1)),
            Signature((param("value", DATETIMES), param("roundTo", TIMESPANS)), DATETIME, _bin_time),
            Signature((param("value", TIMESPANS), param("roundTo", TIMESPANS)), TIMESPAN, sql_call("kql_bin_long")),
        ),
        _KEEP,
        example=(f"print {name}(-7, 5)", "-10"),
    )


def _bin_at_number(operands: tuple[Operand, ...]) -> Sql:
    value, size, fixed = (operand.sql for operand in operands)
    if operands[0].type.scalar in (Scalar.INT, Scalar.LONG):
        return op("+", call("kql_bin_long", op("-", value, fixed), size), fixed)
    return op("+", call("kql_bin_real", op("-", value, fixed), size), fixed)


def _bin_at_time(operands: tuple[Operand, ...]) -> Sql:
    value, size, fixed = (operand.sql for operand in operands)
    return call("kql_plus_ticks", fixed, call("kql_bin_long", call("kql_minus", value, fixed), size))


def _bin_at_ticks(operands: tuple[Operand, ...]) -> Sql:
    value, size, fixed = (operand.sql for operand in operands)
    return op("+", call("kql_bin_long", op("-", value, fixed), size), fixed)


_BIN_AT = Function(
    "bin_at",
    "The value rounded down to a bin of that size, one of whose edges is the fixed point.",
    (
        Signature(
            (param("value", NUMBERS), param("roundTo", NUMBERS), param("fixedPoint", NUMBERS)),
            _longer,
            _bin_at_number,
            unify=(0, 1, 2),
        ),
        Signature(
            (param("value", DATETIMES), param("roundTo", TIMESPANS), param("fixedPoint", DATETIMES)),
            DATETIME,
            _bin_at_time,
        ),
        Signature(
            (param("value", TIMESPANS), param("roundTo", TIMESPANS), param("fixedPoint", TIMESPANS)),
            TIMESPAN,
            _bin_at_ticks,
        ),
    ),
    _KEEP,
    example=("print bin_at(6.5, 2.5, 7)", "4.5"),
)


def _real(name: str, description: str, emit: Emit, example: tuple[str, str], *, keeps_name: bool = False) -> Function:
    return simple(
        name,
        description,
        (param("number", REALS),),
        REAL,
        emit,
        example,
        result_name=_KEEP if keeps_name else ResultName.AUTO,
    )


def _absolute(operands: tuple[Operand, ...]) -> Sql:
    value = operands[0]
    return call("abs", cast(value.sql, "BIGINT") if value.type.scalar is Scalar.INT else value.sql)


def _round(operands: tuple[Operand, ...]) -> Sql:
    value = operands[0]
    if value.type.scalar in (Scalar.INT, Scalar.LONG):
        return value.sql
    return call("round", value.sql, *(cast(operand.sql, "INTEGER") for operand in operands[1:]))


def _shift(operator: str) -> Emit:
    # On the bits themselves: shifting a BIGINT raises where the sign changes. Kusto takes the count modulo 64.
    def build(value: Sql, count: Sql) -> Sql:
        return cast(
            op(operator, cast(cast(value, "BIGINT"), "BIT"), cast(op("&", count, lit(63)), "INTEGER")), "BIGINT"
        )

    return binary(build)


def _bits(name: str, description: str, emit: Emit, example: tuple[str, str]) -> Function:
    parameters = (param("value1", WHOLE), param("value2", WHOLE))
    return simple(name, description, parameters, LONG, emit, example, result_name=_KEEP)


def _long(value: Sql) -> Sql:
    return cast(value, "BIGINT")


def _rand(operands: tuple[Operand, ...]) -> Sql:
    return call("floor", op("*", call("random"), operands[0].sql)) if operands else call("random")


def _around(operands: tuple[Operand, ...]) -> Sql:
    value, center, delta = (operand.sql for operand in operands)
    return and_((op(">=", value, op("-", center, delta)), op("<=", value, op("+", center, delta))))


def _around_time(operands: tuple[Operand, ...]) -> Sql:
    value, center, delta = (operand.sql for operand in operands)
    first = call("kql_add_ticks", center, op("-", delta))
    return and_((op(">=", value, first), op("<=", value, call("kql_add_ticks", center, delta))))


MATH: tuple[Function, ...] = (
    _binning("bin"),
    _binning("floor"),
    _BIN_AT,
    Function(
        "abs",
        "The absolute value.",
        (Signature((param("value", NUMBERS | TIMESPANS),), _longer, _absolute),),
        _KEEP,
        example=("print abs(-1.5)", "1.5"),
    ),
    Function(
        "round",
        "The number rounded to a number of decimal places, halves away from zero.",
        (
            Signature((param("number", NUMBERS),), _longer, _round),
            Signature((param("number", NUMBERS), param("precision", WHOLE)), _longer, _round),
        ),
        _KEEP,
        example=("print round(2.15, 1)", "2.2"),
    ),
    _real(
        "ceiling",
        "The smallest whole number that is not less.",
        sql_call("ceil"),
        ("print ceiling(1.1)", "2.0"),
        keeps_name=True,
    ),
    _real(
        "sign",
        "-1, 0 or 1 by the sign of a number.",
        unary(lambda x: cast(call("sign", x), "DOUBLE")),
        ("print sign(-5)", "-1.0"),
    ),
    _real(
        "sqrt",
        "The square root, NaN of a negative number.",
        sql_call("sqrt"),
        ("print sqrt(9)", "3.0"),
        keeps_name=True,
    ),
    _real("exp", "e to the power of a number.", sql_call("exp"), ("print exp(0)", "1.0"), keeps_name=True),
    _real(
        "exp2",
        "2 to the power of a number.",
        unary(lambda x: call("pow", lit(2.0), x)),
        ("print exp2(3)", "8.0"),
        keeps_name=True,
    ),
    _real(
        "exp10", "10 to the power of a number.", unary(lambda x: call("pow", lit(10.0), x)), ("print exp10(2)", "100.0")
    ),
    _real(
        "log",
        "The natural logarithm, null of a negative number.",
        sql_call("kql_log"),
        ("print log(1)", "0.0"),
        keeps_name=True,
    ),
    _real("log10", "The decimal logarithm.", sql_call("log10"), ("print log10(1000)", "3.0"), keeps_name=True),
    _real("log2", "The binary logarithm.", sql_call("log2"), ("print log2(8)", "3.0"), keeps_name=True),
    _real("sin", "The sine of radians.", sql_call("sin"), ("print sin(0)", "0.0")),
    _real("cos", "The cosine of radians.", sql_call("cos"), ("print cos(0)", "1.0")),
    _real("tan", "The tangent of radians.", sql_call("tan"), ("print tan(0)", "0.0")),
    _real(
        "cot",
        "The cotangent of radians.",
        unary(lambda x: op("/", lit(1.0), call("tan", x))),
        ("print isinf(cot(0))", "True"),
    ),
    _real("asin", "The angle whose sine this is, NaN outside [-1, 1].", sql_call("asin"), ("print asin(0)", "0.0")),
    _real("acos", "The angle whose cosine this is, NaN outside [-1, 1].", sql_call("acos"), ("print acos(1)", "0.0")),
    _real("atan", "The angle whose tangent this is.", sql_call("atan"), ("print atan(0)", "0.0")),
    simple(
        "atan2",
        "The angle of the point (x, y) to the x axis.",
        (param("y", REALS), param("x", REALS)),
        REAL,
        sql_call("atan2"),
        ("print atan2(0, 1)", "0.0"),
    ),
    simple(
        "pow",
        "A number to the power of another.",
        (param("base", REALS), param("exponent", REALS)),
        REAL,
        sql_call("pow"),
        ("print pow(2, 10)", "1024.0"),
    ),
    simple("pi", "The number pi.", (), REAL, lambda _: call("pi"), ("print round(pi(), 4)", "3.1416")),
    _real("degrees", "Radians in degrees.", sql_call("degrees"), ("print degrees(0)", "0.0")),
    _real("radians", "Degrees in radians.", sql_call("radians"), ("print radians(0)", "0.0")),
    _bits(
        "binary_and", "Bitwise and.", binary(lambda a, b: op("&", _long(a), _long(b))), ("print binary_and(6, 3)", "2")
    ),
    _bits("binary_or", "Bitwise or.", binary(lambda a, b: op("|", _long(a), _long(b))), ("print binary_or(5, 3)", "7")),
    _bits(
        "binary_xor",
        "Bitwise exclusive or.",
        binary(lambda a, b: call("xor", _long(a), _long(b))),
        ("print binary_xor(6, 3)", "5"),
    ),
    _bits("binary_shift_left", "Bits moved to the left.", _shift("<<"), ("print binary_shift_left(1, 4)", "16")),
    _bits("binary_shift_right", "Bits moved to the right.", _shift(">>"), ("print binary_shift_right(16, 4)", "1")),
    simple(
        "binary_not",
        "Bitwise negation.",
        (param("value", WHOLE),),
        LONG,
        unary(lambda a: op("~", _long(a))),
        ("print binary_not(0)", "-1"),
        result_name=_KEEP,
    ),
    simple(
        "bitset_count_ones",
        "How many bits are set.",
        (param("value", WHOLE),),
        LONG,
        unary(lambda a: _long(call("bit_count", _long(a)))),
        ("print bitset_count_ones(42)", "3"),
        result_name=_KEEP,
    ),
    _real("gamma", "The gamma function.", sql_call("gamma"), ("print gamma(5)", "24.0"), keeps_name=True),
    _real(
        "loggamma",
        "The logarithm of the absolute value of the gamma function.",
        sql_call("lgamma"),
        ("print round(loggamma(5), 4)", "3.1781"),
        keeps_name=True,
    ),
    _real("erf", "The error function.", sql_call("kql_erf"), ("print erf(0)", "0.0"), keeps_name=True),
    _real("erfc", "The complementary error function.", sql_call("kql_erfc"), ("print erfc(0)", "1.0"), keeps_name=True),
    Function(
        "rand",
        "A random real from 0 up to 1, or a random whole number below a bound.",
        (Signature((param("bound", WHOLE, optional=True),), REAL, _rand),),
        _KEEP,
        deterministic=False,
        example=("print rand() < 1", "True"),
    ),
    Function(
        "new_guid",
        "A random guid.",
        (Signature((), GUID, lambda _: call("gen_random_uuid")),),
        deterministic=False,
        example=("print strlen(tostring(new_guid()))", "36"),
    ),
    Function(
        "around",
        "Whether a value lies within a distance from another.",
        (
            Signature(
                (param("value", NUMBERS), param("center", NUMBERS), param("delta", NUMBERS)),
                BOOL,
                _around,
                unify=(0, 1, 2),
            ),
            Signature(
                (param("value", DATETIMES), param("center", DATETIMES), param("delta", TIMESPANS)), BOOL, _around_time
            ),
            Signature(
                (param("value", TIMESPANS), param("center", TIMESPANS), param("delta", TIMESPANS)), BOOL, _around
            ),
        ),
        example=("print around(100, 99, 2)", "True"),
    ),
)
