"""Arithmetic, comparison and logic.

Null rules (scalar-data-types/null-values.md, confirmed on the engine): arithmetic and ordering propagate null; `==`
of two nulls is null, of a null and a value false; `!=` accordingly null and true.
"""

from collections.abc import Callable
from math import isnan

from emulator.errors import SemanticFault
from emulator.functions.function import Emit, Function, Operand, Parameter, Signature, UnifyRule
from emulator.functions.overloads import common_type
from emulator.functions.physical import as_json, as_list, lowered, null_of, to_json
from emulator.functions.shorthand import (
    BOOLS,
    DATETIMES,
    DYNAMICS,
    GUIDS,
    NUMBERS,
    TEXT,
    TIMESPANS,
    all_positions,
    binary,
    first_type,
    param,
    repeated,
    sql_call,
    unary,
)
from emulator.sql.ast import Call, ColumnRef, Literal, Sql, StructLiteral
from emulator.sql.build import (
    EMPTY,
    FALSE,
    NULL,
    TRUE,
    and_,
    call,
    case,
    cast,
    coalesce,
    in_list,
    is_null,
    lambda_,
    lit,
    not_,
    op,
    or_,
    try_cast,
)
from emulator.types import (
    BOOL,
    DATETIME,
    DECIMAL,
    DYNAMIC,
    FIRST_MICROSECOND,
    LAST_MICROSECOND,
    LONG,
    REAL,
    TICKS_PER_MICROSECOND,
    TIMESPAN,
    KqlType,
    Scalar,
)

_REALS = frozenset({Scalar.REAL})
_DECIMALS = frozenset({Scalar.DECIMAL})
_WHOLE = frozenset({Scalar.INT, Scalar.LONG})


def _number(types: tuple[KqlType, ...]) -> KqlType:
    # int op int is long: numerical-operators.md, "Type rules for arithmetic operations".
    common = common_type(types) or REAL
    return LONG if common.scalar is Scalar.INT else common


def _as_long(operand: Operand) -> Sql:
    return cast(operand.sql, "BIGINT") if operand.type.scalar is Scalar.INT else operand.sql


def _nonzero(divisor: Operand) -> Sql:
    return _as_long(divisor) if divisor.is_constant and divisor.value else call("nullif", _as_long(divisor), lit(0))


def _arithmetic(operator: str) -> Signature:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return op(operator, _as_long(operands[0]), _as_long(operands[1]))

    return Signature((param("left", NUMBERS), param("right", NUMBERS)), _number, emit, unify=(0, 1))


def _decimal(operator: str) -> Signature:
    # DuckDB adds the scales of a product, and divides decimals as doubles.
    def emit(operands: tuple[Operand, ...]) -> Sql:
        left, right = operands[0].sql, operands[1].sql
        if operator == "/":
            return cast(op("/", left, call("nullif", right, lit(0))), "DECIMAL(38,17)")
        return cast(op(operator, cast(left, "DECIMAL(18,8)"), cast(right, "DECIMAL(18,8)")), "DECIMAL(38,17)")

    return Signature((param("left", _DECIMALS), param("right", _DECIMALS)), DECIMAL, emit, unify=(0, 1))


def _timed(
    left: frozenset[Scalar], right: frozenset[Scalar], returns: KqlType, build: str | None, operator: str = ""
) -> Signature:
    emit = sql_call(build) if build else binary(lambda a, b: op(operator, a, b))
    return Signature((param("left", left), param("right", right)), returns, emit)


def _scaled(operands: tuple[Operand, ...]) -> Sql:
    # A timespan times a number; whole numbers stay exact.
    ticks, factor = operands if operands[0].type.scalar is Scalar.TIMESPAN else (operands[1], operands[0])
    if factor.type.scalar in _WHOLE:
        return op("*", ticks.sql, _as_long(factor))
    return try_cast(call("trunc", op("*", cast(ticks.sql, "DOUBLE"), cast(factor.sql, "DOUBLE"))), "BIGINT")


def _shortened(operands: tuple[Operand, ...]) -> Sql:
    ticks, divisor = operands
    if divisor.type.scalar in _WHOLE:
        return op("//", ticks.sql, _nonzero(divisor))
    return try_cast(call("trunc", op("/", cast(ticks.sql, "DOUBLE"), cast(divisor.sql, "DOUBLE"))), "BIGINT")


def _ratio(operands: tuple[Operand, ...]) -> Sql:
    return op("/", cast(operands[0].sql, "DOUBLE"), cast(operands[1].sql, "DOUBLE"))


def _together(operands: tuple[Operand, ...]) -> Sql:
    return _sum(operands, 1) or op("+", operands[0].sql, operands[1].sql)


def _apart(operands: tuple[Operand, ...]) -> Sql:
    return _sum(operands, -1) or op("-", operands[0].sql, operands[1].sql)


def _sum(operands: tuple[Operand, ...], sign: int) -> Sql | None:
    # Known here: what `1d - DayClose()` moves, of functions that say a constant, is a constant to `_moved` then.
    first, second = map(_known_ticks, operands)
    if first is None or second is None or not -(1 << 63) <= first + sign * second < 1 << 63:
        return None
    return lit(first + sign * second, "BIGINT")


def _known_ticks(operand: Operand) -> int | None:
    match operand.sql:
        case Literal(int() as ticks, "BIGINT"):
            return ticks
        case _:
            return None


def _earlier(operands: tuple[Operand, ...]) -> Sql:
    time, ticks = operands
    if (known := _known_ticks(ticks)) is not None:
        return _moved(time.sql, -known)
    return call("kql_plus_ticks", time.sql, op("-", ticks.sql))


def _later(operands: tuple[Operand, ...]) -> Sql:
    time, ticks = operands if operands[0].type.scalar is Scalar.DATETIME else (operands[1], operands[0])
    if (known := _known_ticks(ticks)) is not None:
        return _moved(time.sql, known)
    return call("kql_plus_ticks", time.sql, ticks.sql)


def _moved(time: Sql, ticks: int) -> Sql:
    # What the macro does, for the only end that can be passed, and without the work of expanding it at every place.
    if not -(1 << 63) <= ticks < 1 << 63:
        raise SemanticFault("A value cannot be computed: a timespan is beyond its range", "SEM0053")
    moved = ticks // TICKS_PER_MICROSECOND
    if not moved:
        return time
    first, last = FIRST_MICROSECOND - moved, LAST_MICROSECOND - moved
    # DuckDB binds this form in half the time (LatestPrice 0.97, 2026-11-30). It names the operand twice: what is
    # computed would be so twice, and a statement that names a parameter twice is planned anew for every batch.
    if isinstance(time, ColumnRef | Literal):
        within = op(">=", time, _instant(first)) if moved < 0 else op("<=", time, _instant(last))
        return case((within, op("+", time, lit(f"{moved} microseconds", "INTERVAL"))))
    micros = call("epoch_us", time)
    if moved < 0:
        from_first = _not_negative(op("-", micros, lit(first, "BIGINT")))
        return call("make_timestamp", op("+", lit(FIRST_MICROSECOND, "BIGINT"), from_first))
    to_last = _not_negative(op("-", lit(last, "BIGINT"), micros))
    return call("make_timestamp", op("-", lit(LAST_MICROSECOND, "BIGINT"), to_last))


def _instant(microsecond: int) -> Sql:
    return call("make_timestamp", lit(microsecond, "BIGINT"))


def _not_negative(number: Sql) -> Sql:
    return cast(try_cast(number, "UBIGINT"), "BIGINT")


def _divided(operands: tuple[Operand, ...]) -> Sql:
    # `//` truncates toward zero on whole numbers; a zero divisor gives null.
    return op("//", _as_long(operands[0]), _nonzero(operands[1]))


def _pair(left: frozenset[Scalar], right: frozenset[Scalar]) -> tuple[Parameter, Parameter]:
    return (param("left", left), param("right", right))


_TICKS_OF_TIME = Signature(
    _pair(DATETIMES, TIMESPANS),
    TIMESPAN,
    binary(lambda time, ticks: call("kql_mod", call("kql_ticks", time), ticks)),
)

ARITHMETIC: tuple[Function, ...] = (
    Function(
        "+",
        "Sum of two numbers, of a datetime and a timespan, or of two timespans.",
        (
            _arithmetic("+"),
            Signature(_pair(DATETIMES, TIMESPANS), DATETIME, _later),
            Signature(_pair(TIMESPANS, DATETIMES), DATETIME, _later),
            Signature(_pair(TIMESPANS, TIMESPANS), TIMESPAN, _together),
            Signature((param("value", NUMBERS | TIMESPANS),), first_type, unary(lambda value: value)),
        ),
        example=("print datetime(2024-01-31) + 1d", "2024-02-01T00:00:00Z"),
    ),
    Function(
        "-",
        "Difference of two numbers, times or timespans; with one operand the negation.",
        (
            _arithmetic("-"),
            Signature(_pair(DATETIMES, TIMESPANS), DATETIME, _earlier),
            _timed(DATETIMES, DATETIMES, TIMESPAN, "kql_minus"),
            Signature(_pair(TIMESPANS, TIMESPANS), TIMESPAN, _apart),
            Signature((param("value", NUMBERS | TIMESPANS),), first_type, unary(lambda value: op("-", value))),
        ),
        example=("print datetime(2024-02-01) - datetime(2024-01-31)", "1.00:00:00"),
    ),
    Function(
        "*",
        "Product of two numbers, or of a timespan and a number.",
        (
            _decimal("*"),
            _arithmetic("*"),
            Signature(_pair(TIMESPANS, NUMBERS), TIMESPAN, _scaled),
            Signature(_pair(NUMBERS, TIMESPANS), TIMESPAN, _scaled),
        ),
        example=("print 2 * 1.5h", "03:00:00"),
    ),
    Function(
        "/",
        "Quotient; of whole numbers truncated toward zero and null for a zero divisor, of timespans a real.",
        (
            Signature(_pair(_WHOLE, _WHOLE), LONG, _divided, unify=(0, 1)),
            Signature(_pair(_REALS, _REALS), REAL, binary(lambda a, b: op("/", a, b)), unify=(0, 1)),
            _decimal("/"),
            Signature(_pair(TIMESPANS, TIMESPANS), REAL, _ratio),
            Signature(_pair(TIMESPANS, NUMBERS), TIMESPAN, _shortened),
        ),
        example=("print -7 / 2", "-3"),
    ),
    Function(
        "%",
        "Remainder, never negative.",
        (
            Signature(
                _pair(NUMBERS, NUMBERS),
                _number,
                lambda operands: call("kql_mod", _as_long(operands[0]), _as_long(operands[1])),
                unify=(0, 1),
            ),
            Signature(_pair(TIMESPANS, TIMESPANS), TIMESPAN, sql_call("kql_mod")),
            _TICKS_OF_TIME,
        ),
        example=("print -14 % 12", "10"),
    ),
)

_ORDERED = NUMBERS | DATETIMES | TIMESPANS | BOOLS


def _equal(operands: tuple[Operand, ...]) -> Sql:
    left, right = operands
    if left.type.scalar is Scalar.STRING:
        return op("=", left.sql, right.sql)
    equal = _ieee("=", operands)
    if _never_null(left) or _never_null(right):
        return coalesce(equal, FALSE)
    return case((equal, TRUE), (and_((is_null(left.sql), is_null(right.sql))), NULL), otherwise=FALSE)


def _unequal(operands: tuple[Operand, ...]) -> Sql:
    left, right = operands
    if left.type.scalar is Scalar.STRING:
        return op("<>", left.sql, right.sql)
    if _never_null(left) or _never_null(right):
        return coalesce(_ieee("<>", operands), TRUE)
    return case(
        (and_((is_null(left.sql), is_null(right.sql))), NULL),
        otherwise=_ieee("IS DISTINCT FROM", operands),
    )


def _ieee(operator: str, operands: tuple[Operand, ...]) -> Sql:
    """Compare as IEEE 754 does: NaN is unequal to everything and never the greater; to DuckDB it is the greatest."""
    left, right = operands
    compared = op(operator, left.sql, right.sql)
    if operator in (">", ">="):
        return and_((compared, not_(call("isnan", left.sql)))) if _may_be_nan(left) else compared
    if operator in ("<", "<="):
        return and_((compared, not_(call("isnan", right.sql)))) if _may_be_nan(right) else compared
    if not (_may_be_nan(left) and _may_be_nan(right)):
        return compared
    if operator == "=":
        return and_((compared, not_(call("isnan", left.sql))))
    return or_((compared, coalesce(call("isnan", left.sql), FALSE)))


def _may_be_nan(operand: Operand) -> bool:
    if operand.type.scalar is not Scalar.REAL:
        return False
    return not operand.is_constant or (isinstance(operand.value, float) and isnan(operand.value))


def _never_null(operand: Operand) -> bool:
    return operand.is_constant and operand.value is not None


def _compared(operator: str) -> tuple[Signature, ...]:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return _ieee(operator, operands)

    return (
        Signature(_pair(_ORDERED, _ORDERED), BOOL, emit, unify=(0, 1), common=_common_but_for_numbers),
        _dynamic_number(emit),
    )


def _real_beside_dynamic(types: tuple[KqlType, ...]) -> KqlType | None:
    # A dynamic value beside a number compares by its value: dynamic(2.5) > 2 is true.
    scalars = {type_.scalar for type_ in types}
    return REAL if Scalar.DYNAMIC in scalars and len(scalars - NUMBERS) == 1 and len(scalars) == 2 else None


def _common_but_for_numbers(types: tuple[KqlType, ...]) -> KqlType | None:
    return None if _real_beside_dynamic(types) is not None else common_type(types)


def _dynamic_number(emit: Emit) -> Signature:
    return Signature(_pair(NUMBERS, NUMBERS), BOOL, emit, unify=(0, 1), common=_real_beside_dynamic)


_EQUATABLE = _ORDERED | TEXT | GUIDS


def _ordering(name: str, meaning: str) -> Function:
    return Function(
        name,
        f"Whether the left value is {meaning} the right one; null beside a null.",
        _compared(name),
        example=(f"print 1 {name} 2", "True" if name[0] == "<" else "False"),
    )


COMPARISON: tuple[Function, ...] = (
    Function(
        "==",
        "Equality, case-sensitive for strings; null and a value are not equal, two nulls give null.",
        (
            Signature(_pair(_EQUATABLE, _EQUATABLE), BOOL, _equal, unify=(0, 1), common=_common_but_for_numbers),
            _dynamic_number(_equal),
        ),
        example=("print int(null) == 1", "False"),
    ),
    Function(
        "!=",
        "Inequality, case-sensitive for strings; null and a value differ, two nulls give null.",
        (
            Signature(_pair(_EQUATABLE, _EQUATABLE), BOOL, _unequal, unify=(0, 1), common=_common_but_for_numbers),
            _dynamic_number(_unequal),
        ),
        example=("print int(null) != 1", "True"),
    ),
    _ordering("<", "less than"),
    _ordering("<=", "less than or equal to"),
    _ordering(">", "greater than"),
    _ordering(">=", "greater than or equal to"),
)


def _between(operands: tuple[Operand, ...]) -> Sql:
    value, low, high = (operand.sql for operand in operands)
    return and_((op(">=", value, low), op("<=", value, high)))


def _between_span(operands: tuple[Operand, ...]) -> Sql:
    value, low, span = (operand.sql for operand in operands)
    return and_((op(">=", value, low), op("<=", value, call("kql_add_ticks", low, span))))


def _negated(emit: Emit) -> Emit:
    return lambda operands: not_(emit(operands))


def _betweens(name: str, description: str, example: tuple[str, str], wrap: Callable[[Emit], Emit]) -> Function:
    three = (param("value", _ORDERED), param("low", _ORDERED), param("high", _ORDERED))
    spanned = (param("value", DATETIMES), param("low", DATETIMES), param("length", TIMESPANS))
    return Function(
        name,
        description,
        (
            Signature(spanned, BOOL, wrap(_between_span), unify=(0, 1)),
            Signature(three, BOOL, wrap(_between), unify=(0, 1, 2)),
        ),
        example=example,
    )


def _is_in(operands: tuple[Operand, ...]) -> Sql:
    value, *elements = operands
    return in_list(value.sql, (element.sql for element in elements))


def _folded_in(operands: tuple[Operand, ...]) -> Sql:
    value, *elements = operands
    return in_list(lowered(value), map(lowered, elements))


def _in_array(operands: tuple[Operand, ...]) -> Sql:
    value, array = operands
    return call("list_contains", as_list(array, value.type.scalar), value.sql)


def _folded_in_array(operands: tuple[Operand, ...]) -> Sql:
    value, array = operands
    items = call("list_transform", as_list(array, Scalar.STRING), lambda_("e", call("lower", ColumnRef("e"))))
    return call("list_contains", items, lowered(value))


def _membership(name: str, description: str, example: tuple[str, str], *, folded: bool, negated: bool) -> Function:
    types = TEXT if folded else _EQUATABLE
    direct, array = (_folded_in, _folded_in_array) if folded else (_is_in, _in_array)

    def total(emit: Emit) -> Emit:
        # Membership is never null: a null value is in no list of values.
        if negated:
            return lambda operands: not_(coalesce(emit(operands), FALSE))
        return lambda operands: coalesce(emit(operands), FALSE)

    def signature(parameters: tuple[Parameter, ...], emit: Emit, unify: UnifyRule | tuple[int, ...]) -> Signature:
        return Signature(parameters, BOOL, total(emit), unify=unify)

    return Function(
        name,
        description,
        (
            signature((param("value", types), param("array", DYNAMICS)), array, ()),
            signature((param("value", types), repeated("element", types)), direct, all_positions),
        ),
        example=example,
    )


def _logical(name: str, description: str, example: tuple[str, str]) -> Function:
    emit = binary(lambda a, b: op(name.upper(), a, b))
    signature = Signature(_pair(BOOLS, BOOLS), BOOL, emit)
    return Function(name, description, (signature,), example=example)


def _member(operands: tuple[Operand, ...]) -> Sql:
    bag, key = operands
    path: Sql
    if key.is_constant and isinstance(key.value, str):
        path = lit(json_path(key.value))
    else:
        slashes = call("replace", key.sql, lit("\\"), lit("\\\\"))
        named = op("||", lit('$."'), call("replace", slashes, lit('"'), lit('\\"')), lit('"'))
        path = case((op("=", key.sql, EMPTY), lit(json_path(""))), otherwise=named)
    return _part(as_json(bag), path)


def _item(operands: tuple[Operand, ...]) -> Sql:
    array, index = operands
    if isinstance(array.sql, StructLiteral) and isinstance(index.value, int):
        # An item of the tuple that a function with several outputs yields.
        return array.sql.fields[index.value][1] if 0 <= index.value < len(array.sql.fields) else null_of(DYNAMIC)
    if array.type.element is None:
        return _part(array.sql, cast(index.sql, "BIGINT"))
    position: Sql
    if index.is_constant and isinstance(index.value, int):
        position = lit(index.value + 1 if index.value >= 0 else index.value)
    else:
        position = case((op(">=", index.sql, lit(0)), op("+", index.sql, lit(1))), otherwise=index.sql)
    return to_json(call("list_extract", array.sql, position), KqlType(array.type.element))


def is_item(signature: Signature) -> bool:
    """Tell whether a call takes an item of an array by its position."""
    return signature.emit is _item


def _part(json: Sql, path: Sql) -> Sql:
    # DuckDB writes the first argument of nullif twice, which over n levels of members were 2^n copies: 14 took 28 s.
    # Only the last null is seen, as JSON's null has no members.
    match json:
        case Call("nullif", (Call("json_extract") as owner, Literal("null"))):
            json = owner
        case _:
            pass
    return call("nullif", call("json_extract", json, path), lit("null"))


def json_path(key: str) -> str:
    """Return the JSON path of a member by its name, which may hold any character."""
    if not key:
        # No path of DuckDB names the member without a name, but a JSON pointer does.
        return "/"
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


LOGIC: tuple[Function, ...] = (
    _betweens("between", "Whether a value lies in a closed range.", ("print 5 between (1 .. 5)", "True"), lambda e: e),
    _betweens(
        "!between", "Whether a value lies outside a closed range.", ("print 5 !between (1 .. 5)", "False"), _negated
    ),
    _membership("in", "Whether a value is one of a list.", ("print 1 in (1, 2)", "True"), folded=False, negated=False),
    _membership(
        "!in", "Whether a value is none of a list.", ("print 1 !in (1, 2)", "False"), folded=False, negated=True
    ),
    _membership(
        "in~",
        "Whether a string is one of a list, in any case.",
        ("print 'A' in~ ('a', 'b')", "True"),
        folded=True,
        negated=False,
    ),
    _membership(
        "!in~",
        "Whether a string is none of a list, in any case.",
        ("print 'A' !in~ ('a', 'b')", "False"),
        folded=True,
        negated=True,
    ),
    _logical(
        "and",
        "Both are true; false if either is false, else null if either is null.",
        ("print true and false", "False"),
    ),
    _logical("or", "Either is true; else null if either is null.", ("print true or false", "True")),
    Function(
        "[]",
        "A member of a property bag by its name, or an item of an array by its position, negative from the end.",
        (
            Signature((param("bag", DYNAMICS), param("key", TEXT)), DYNAMIC, _member),
            Signature((param("array", DYNAMICS), param("index", _WHOLE)), DYNAMIC, _item),
        ),
        example=("print dynamic([1, 2, 3])[-1]", "3"),
    ),
)

OPERATORS: tuple[Function, ...] = ARITHMETIC + COMPARISON + LOGIC
