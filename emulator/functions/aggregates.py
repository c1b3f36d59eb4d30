"""Aggregates: counts, sums, extremes, statistics and collections. Nulls do not count, and nothing sums to 0."""

from collections.abc import Callable

from emulator.functions.function import (
    Aggregate,
    AggregateEmit,
    AggregateSignature,
    Merging,
    Operand,
    OutputNames,
    OutputsRule,
    Parameter,
    Partial,
)
from emulator.functions.physical import null_of
from emulator.functions.shorthand import (
    ANY,
    BOOLS,
    NUMBERS,
    SUMMABLE,
    TEXT,
    TIMESPANS,
    WHOLE,
    param,
    repeated,
)
from emulator.sql.ast import Call, Field, Sql, StructLiteral
from emulator.sql.build import NULL, and_, call, case, cast, coalesce, is_not_null, is_null, lit, op
from emulator.types import LONG, REAL, KqlType, Scalar

_COUNTED = NUMBERS | TIMESPANS
_ORDERED = SUMMABLE | TEXT | BOOLS
PREDICATE = param("predicate", BOOLS)
# The predicate of countif gives its column no name.
_NO_NAME = 1_000
Accumulate = Callable[[tuple[Operand, ...]], Sql]


def where(aggregated: Call, predicate: Sql | None) -> Call:
    """Restrict an aggregate to the rows for which a predicate is true."""
    if predicate is None:
        return aggregated
    return Call(
        aggregated.function,
        aggregated.arguments,
        aggregated.distinct,
        aggregated.order_by,
        coalesce(predicate, lit(False)),
    )


def condition_of(operands: tuple[Operand, ...], *, conditional: bool) -> Sql | None:
    """Return the predicate of an aggregate that has one, as its last operand."""
    return operands[-1].sql if conditional else None


def _sum_type(type_: KqlType) -> KqlType:
    return LONG if type_.scalar is Scalar.INT else type_


def _physical(type_: KqlType) -> str:
    return {Scalar.REAL: "DOUBLE", Scalar.DECIMAL: "DECIMAL(38,17)"}.get(type_.scalar, "BIGINT")


def single(emit: Accumulate) -> AggregateEmit:
    """Emit an aggregate with one output."""
    return lambda operands, _: emit(operands)


def _count(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return where(Call("count", (lit(1),)), operands[0].sql if conditional else None)

    return emit


def _count_of_one(*, conditional: bool) -> Accumulate:
    return lambda operands: _if(condition_of(operands, conditional=conditional), lit(1), lit(0))


def _if(predicate: Sql | None, value: Sql, otherwise: Sql) -> Sql:
    return value if predicate is None else case((coalesce(predicate, lit(False)), value), otherwise=otherwise)


def _add(stored: Sql, batch: Sql) -> Sql:
    return op("+", coalesce(stored, lit(0)), coalesce(batch, lit(0)))


def _first(parts: tuple[Sql, ...], _: int) -> Sql:
    return parts[0]


def _counting(
    name: str, parameters: tuple[Parameter, ...], conditional: bool, description: str, example: tuple[str, str]
) -> Aggregate:
    accumulate = _count(conditional=conditional)
    return Aggregate(
        name,
        description,
        (AggregateSignature(parameters, LONG, single(accumulate)),),
        name,
        name_argument=_NO_NAME if conditional else 0,
        merging=Merging((Partial("count", accumulate, _count_of_one(conditional=conditional), _add),), _first),
        example=example,
    )


def _sum(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        total = where(Call("sum", (value.sql,)), condition_of(operands, conditional=conditional))
        return cast(coalesce(total, lit(0)), _physical(value.type))

    return emit


def _sum_of_one(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        # A sum begins with zero, and minus zero added to that is zero.
        number = op("+", value.sql, lit(0.0)) if value.type.scalar is Scalar.REAL else value.sql
        counted = _if(condition_of(operands, conditional=conditional), number, lit(0))
        return cast(coalesce(counted, lit(0)), _physical(value.type))

    return emit


def _summing(name: str, conditional: bool) -> Aggregate:
    accumulate = _sum(conditional=conditional)
    parameters = (param("expr", _COUNTED), *((PREDICATE,) if conditional else ()))
    return Aggregate(
        name,
        "The sum of the values" + (" for which a predicate is true." if conditional else "."),
        (AggregateSignature(parameters, lambda types: (_sum_type(types[0]),), single(accumulate)),),
        name,
        merging=Merging((Partial("sum", accumulate, _sum_of_one(conditional=conditional), _add),), _first),
        example=(
            f"range x from 1 to 4 step 1 | summarize s = {name}(x{', x > 2' if conditional else ''})",
            "7" if conditional else "10",
        ),
    )


def _average_type(types: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
    keeps = types[0].scalar in (Scalar.TIMESPAN, Scalar.DATETIME, Scalar.DECIMAL)
    return (types[0] if keeps else REAL,)


def _total(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        match value.type.scalar:
            case Scalar.DATETIME:
                number: Sql = call("kql_ticks", value.sql)
            case Scalar.TIMESPAN | Scalar.DECIMAL:
                number = value.sql
            case _:
                number = cast(value.sql, "DOUBLE")
        return where(Call("sum", (number,)), condition_of(operands, conditional=conditional))

    return emit


def _present(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return where(Call("count", (operands[0].sql,)), condition_of(operands, conditional=conditional))

    return emit


def _mean(total: Sql, count: Sql, type_: KqlType) -> Sql:
    match type_.scalar:
        case Scalar.TIMESPAN:
            return cast(op("//", total, call("nullif", count, lit(0))), "BIGINT")
        case Scalar.DATETIME:
            return call("kql_datetime_of_ticks", cast(op("//", total, call("nullif", count, lit(0))), "BIGINT"))
        case Scalar.DECIMAL:
            return cast(op("/", total, call("nullif", count, lit(0))), "DECIMAL(38,17)")
        case _:
            # Of nothing the average is NaN on the service.
            return case((op("=", count, lit(0)), lit(float("nan"))), otherwise=op("/", total, count))


def _averaging(name: str, conditional: bool) -> Aggregate:
    total, present = _total(conditional=conditional), _present(conditional=conditional)
    parameters = (param("expr", SUMMABLE), *((PREDICATE,) if conditional else ()))
    return Aggregate(
        name,
        "The mean of the values" + (" for which a predicate is true" if conditional else "") + "; of none NaN.",
        (
            AggregateSignature(
                parameters,
                _average_type,
                single(lambda operands: _mean(total(operands), present(operands), operands[0].type)),
            ),
        ),
        name,
        example=(
            f"range x from 1 to 4 step 1 | summarize a = {name}(x{', x > 2' if conditional else ''})",
            "3.5" if conditional else "2.5",
        ),
    )


def _extreme(function: str, *, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        found = where(Call(function, (value.sql,)), condition_of(operands, conditional=conditional))
        return coalesce(found, null_of(value.type)) if value.type.scalar is Scalar.STRING else found

    return emit


def _extreme_of_one(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        found = _if(condition_of(operands, conditional=conditional), value.sql, NULL)
        return coalesce(found, null_of(value.type)) if value.type.scalar is Scalar.STRING else found

    return emit


def _extremes(name: str, function: str, conditional: bool) -> Aggregate:
    accumulate = _extreme(function, conditional=conditional)
    pick = "greatest" if function == "max" else "least"
    extreme = Partial(
        "extreme", accumulate, _extreme_of_one(conditional=conditional), lambda stored, batch: call(pick, stored, batch)
    )
    parameters = (param("expr", _ORDERED), *((PREDICATE,) if conditional else ()))
    largest = "largest" if function == "max" else "smallest"
    return Aggregate(
        name,
        f"The {largest} value" + (" for which a predicate is true." if conditional else "."),
        (AggregateSignature(parameters, lambda types: (types[0],), single(accumulate)),),
        name,
        merging=Merging((extreme,), _first),
        example=(
            f"range x from 1 to 4 step 1 | summarize m = {name}(x{', x < 4' if conditional else ''})",
            {"max": "4", "min": "1", "maxif": "3", "minif": "1"}[name],
        ),
    )


def _row(values: tuple[Sql, ...]) -> Sql:
    return StructLiteral(tuple((f"o{index}", value) for index, value in enumerate(values)))


def _row_of_one(operands: tuple[Operand, ...]) -> Sql:
    return _row(tuple(operand.sql for operand in operands))


def _best(operands: tuple[Operand, ...], output: int, *, largest: bool) -> Sql:
    """Emit one column of the row with the best ordering value.

    The aggregates of all columns see the rows in one order and decide ties alike, so that the columns are of one
    row. Where every ordering value of a group is null, that is the first row.
    """
    ordering, value = operands[0].sql, operands[output].sql
    if output == 0:
        return call("max" if largest else "min", ordering)
    best = "arg_max_null" if largest else "arg_min_null"
    if operands[0].type.scalar is Scalar.STRING:
        return call(best, value, ordering)
    if operands[0].type.scalar is Scalar.DATETIME:
        # No datetime is infinite, so that null comes last; that takes half as many aggregates as asking for it.
        last = lit("-infinity" if largest else "infinity", "TIMESTAMP")
        return call(best, value, coalesce(ordering, last))
    found = call(best, value, ordering)
    return case((op("=", call("count", ordering), lit(0)), call("first", value)), otherwise=found)


def _without_null(value: Sql, type_: KqlType) -> Sql:
    return coalesce(value, null_of(type_)) if type_.scalar is Scalar.STRING else value


def _arg(largest: bool) -> AggregateEmit:
    def emit(operands: tuple[Operand, ...], output: int) -> Sql:
        return _without_null(_best(operands, output, largest=largest), operands[output].type)

    return emit


def _arg_merging(largest: bool) -> Merging:
    def accumulate(operands: tuple[Operand, ...]) -> Sql:
        return _row(tuple(_best(operands, output, largest=largest) for output in range(len(operands))))

    def merge(stored: Sql, batch: Sql) -> Sql:
        ahead, before = Field(batch, "o0"), Field(stored, "o0")
        wins = coalesce(op(">" if largest else "<", ahead, before), and_((is_null(before), is_not_null(ahead))))
        return case((is_null(batch), stored), (op("OR", is_null(stored), wins), batch), otherwise=stored)

    row = Partial("row", accumulate, _row_of_one, merge)
    return Merging((row,), lambda parts, output: Field(parts[0], f"o{output}"))


def _arg_extreme(name: str, largest: bool) -> Aggregate:
    parameters = (
        param("ExprToMaximize" if largest else "ExprToMinimize", _ORDERED),
        repeated("ExprToReturn", ANY, optional=True),
    )
    word = "largest" if largest else "smallest"
    return Aggregate(
        name,
        f"The values of the row where the first one is {word}.",
        (AggregateSignature(parameters, lambda types: types, _arg(largest)),),
        "",
        merging=_arg_merging(largest),
        example=(f"datatable(t:long, v:string)[1, 'a', 2, 'b'] | summarize {name}(t, v)", "2,b" if largest else "1,a"),
        naming=OutputNames.ARGUMENTS,
    )


def _any_value(operands: tuple[Operand, ...], output: int, predicate: Sql | None) -> Sql:
    if len(operands) > 1:
        # Several columns come from one row: the first one, for all of them.
        return where(Call("first", (operands[output].sql,)), predicate)
    return where(Call("any_value", (_wanted(operands[0]),)), predicate)


def _wanted(value: Operand) -> Sql:
    # A single column prefers a value that is there.
    return call("nullif", value.sql, lit("")) if value.type.scalar is Scalar.STRING else value.sql


def _any_row(*, conditional: bool) -> AggregateEmit:
    def emit(operands: tuple[Operand, ...], output: int) -> Sql:
        values = operands[:-1] if conditional else operands
        picked = _any_value(values, output, condition_of(operands, conditional=conditional))
        return _without_null(picked, values[output].type)

    return emit


def _any_struct(operands: tuple[Operand, ...]) -> Sql:
    return _row(tuple(_any_value(operands, output, None) for output in range(len(operands))))


def _any_struct_of_one(operands: tuple[Operand, ...]) -> Sql:
    return _row_of_one(operands) if len(operands) > 1 else _row((_wanted(operands[0]),))


def _keep_stored(stored: Sql, batch: Sql) -> Sql:
    return case((is_null(stored), batch), otherwise=stored)


_TAKE_ANY_MERGING = Merging(
    (Partial("row", _any_struct, _any_struct_of_one, _keep_stored),),
    lambda parts, output: Field(parts[0], f"o{output}"),
)


def _take_any(name: str, prefix: str, conditional: bool) -> Aggregate:
    # Of one name for all arguments (any) or of one per argument (take_any).
    single_name = bool(prefix) or conditional
    values: tuple[Parameter, ...] = (param("expr"),) if single_name else (repeated("expr", ANY),)
    emit = _any_row(conditional=conditional)
    returns: OutputsRule = (lambda types: types[:1]) if conditional else (lambda types: types)
    return Aggregate(
        name,
        "The values of any row" + (" for which a predicate is true." if conditional else "."),
        (AggregateSignature((*values, PREDICATE) if conditional else values, returns, emit),),
        prefix,
        merging=None if conditional else _TAKE_ANY_MERGING,
        example=(f"print x = 1 | summarize {name}(x{', x == 1' if conditional else ''})", "1"),
        naming=OutputNames.PREFIX if single_name else OutputNames.ARGUMENTS,
    )


def _distinct_count(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        counted = Call("count", (operands[0].sql,), distinct=True)
        return where(counted, _predicate_of(operands) if conditional else None)

    return emit


def _predicate_of(operands: tuple[Operand, ...]) -> Sql:
    return next(operand.sql for operand in operands[1:] if operand.type.scalar is Scalar.BOOL)


def _dcount(name: str, conditional: bool, *, accuracy: bool = True) -> Aggregate:
    parameters = (
        param("expr", ANY),
        *((PREDICATE,) if conditional else ()),
        *((param("accuracy", WHOLE, optional=True),) if accuracy else ()),
    )
    exactness = "exact here, an estimate on the service" if accuracy else "exact"
    return Aggregate(
        name,
        f"How many different values there are{' for which a predicate is true' if conditional else ''}; {exactness}.",
        (AggregateSignature(parameters, LONG, single(_distinct_count(conditional=conditional))),),
        name,
        example=(f"datatable(x:long)[1, 1, 2] | summarize {name}(x{', x > 0' if conditional else ''})", "2"),
    )


def _bits(name: str, function: str) -> Aggregate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return call(function, cast(operands[0].sql, "BIGINT"))

    return Aggregate(
        name,
        "The values joined bit by bit.",
        (AggregateSignature((param("expr", WHOLE),), LONG, single(emit)),),
        "",
        example=(
            f"datatable(x:long)[6, 3] | summarize x = {name}(x)",
            {"bit_and": "2", "bit_or": "7", "bit_xor": "5"}[function],
        ),
    )


AGGREGATES: tuple[Aggregate, ...] = (
    _counting(
        "count",
        (param("expr", optional=True),),
        False,
        "How many rows there are.",
        ("range x from 1 to 4 step 1 | summarize count()", "4"),
    ),
    _counting(
        "countif",
        (PREDICATE,),
        True,
        "For how many rows a predicate is true.",
        ("range x from 1 to 4 step 1 | summarize countif(x > 1)", "3"),
    ),
    _summing("sum", False),
    _summing("sumif", True),
    _averaging("avg", False),
    _averaging("avgif", True),
    _extremes("min", "min", False),
    _extremes("minif", "min", True),
    _extremes("max", "max", False),
    _extremes("maxif", "max", True),
    _arg_extreme("arg_max", True),
    _arg_extreme("arg_min", False),
    _take_any("take_any", "", False),
    _take_any("take_anyif", "", True),
    _take_any("any", "any", False),
    _take_any("anyif", "anyif", True),
    _dcount("dcount", False),
    _dcount("dcountif", True),
    _dcount("count_distinct", False, accuracy=False),
    _dcount("count_distinctif", True, accuracy=False),
    _bits("binary_all_and", "bit_and"),
    _bits("binary_all_or", "bit_or"),
    _bits("binary_all_xor", "bit_xor"),
)
