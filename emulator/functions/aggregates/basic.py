"""Aggregates: counts, sums, extremes, statistics and collections. Nulls do not count, and nothing sums to 0."""

from collections.abc import Callable
from dataclasses import replace

from emulator.functions.function import (
    Aggregate,
    AggregateEmit,
    AggregateSignature,
    Fold,
    Merging,
    Operands,
    OutputNames,
    OutputsRule,
    Parameter,
)
from emulator.functions.physical import DECIMAL_TYPE, duckdb_type, null_of
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
from emulator.sql.build import and_, call, case, cast, coalesce, is_not_null, is_null, lit, op
from emulator.types import LONG, REAL, KqlType, Scalar

_COUNTED = NUMBERS | TIMESPANS
_ORDERED = SUMMABLE | TEXT | BOOLS
PREDICATE = param("predicate", BOOLS)
# The predicate of countif gives its column no name.
_NO_NAME = 1_000
Accumulate = Callable[[Operands], Sql]


def where(aggregated: Call, predicate: Sql | None) -> Call:
    """Restrict an aggregate, which must skip nulls, to the rows for which a predicate is true.

    DuckDB gives each FILTER of an operator vectors for the arguments of all its aggregates: 1,500 took 6 s for one row.
    A CASE takes half as long over many rows, too.
    """
    if predicate is None:
        return aggregated
    first, *others = aggregated.arguments
    return replace(aggregated, arguments=(case((predicate, first)), *others))


def condition_of(operands: Operands, *, conditional: bool) -> Sql | None:
    """Return the predicate of an aggregate that has one, as its last operand."""
    return operands[-1].sql if conditional else None


def single(emit: Accumulate) -> AggregateEmit:
    """Emit an aggregate with one output."""
    return lambda operands, _: emit(operands)


def _fold(
    name: str,
    function: str,
    value: Accumulate,
    plus: Callable[[Sql, Sql], Sql],
    *,
    conditional: bool,
    zero: Sql | None = None,
    physical: Callable[[KqlType], str] | None = None,
) -> Fold:
    """Make a fold of an SQL aggregate that skips nulls, over those rows for which the predicate, if any, is true."""

    def typed(sql: Sql, operands: Operands) -> Sql:
        return sql if physical is None else cast(sql, physical(operands[0].type))

    def total(operands: Operands) -> Sql:
        found = where(Call(function, (value(operands),)), condition_of(operands, conditional=conditional))
        return typed(found if zero is None else coalesce(found, zero), operands)

    def of_row(operands: Operands) -> Sql:
        predicate = condition_of(operands, conditional=conditional)
        alone = value(operands)
        return typed(alone if predicate is None else case((coalesce(predicate, lit(False)), alone)), operands)

    return Fold(name, total, of_row, plus, zero)


def _count_fold(counted: Accumulate, *, conditional: bool) -> Fold:
    """Make the fold of how many rows have a value that is not null and a predicate, if any, that is true."""

    def total(operands: Operands) -> Sql:
        return where(Call("count", (counted(operands),)), condition_of(operands, conditional=conditional))

    def of_row(operands: Operands) -> Sql:
        predicate = condition_of(operands, conditional=conditional)
        counts = is_not_null(counted(operands))
        return case((counts if predicate is None else and_((coalesce(predicate, lit(False)), counts)), lit(1)))

    return Fold("count", total, of_row, _plus, _ZERO)


_ZERO = lit(0)


def _plus(one: Sql, other: Sql) -> Sql:
    return op("+", one, other)


def _itself(operands: Operands) -> Sql:
    return operands[0].sql


def _number(results: tuple[Sql, ...], _: tuple[KqlType, ...], __: int) -> Sql:
    return results[0]


def _value(results: tuple[Sql, ...], types: tuple[KqlType, ...], _: int) -> Sql:
    return _without_null(results[0], types[0])


def _field(results: tuple[Sql, ...], types: tuple[KqlType, ...], output: int) -> Sql:
    return _without_null(Field(results[0], f"o{output}"), types[output])


def _without_null(value: Sql, type_: KqlType) -> Sql:
    return coalesce(value, null_of(type_)) if type_.scalar is Scalar.STRING else value


def _row(operands: Operands) -> Sql:
    return StructLiteral(tuple((f"o{index}", operand.sql) for index, operand in enumerate(operands)))


def _folding(
    parameters: tuple[Parameter, ...], returns: KqlType | OutputsRule, merging: Merging
) -> tuple[AggregateSignature, ...]:
    return (AggregateSignature(parameters, returns, merging.emit, merging),)


def _counting(
    name: str, parameters: tuple[Parameter, ...], conditional: bool, description: str, example: tuple[str, str]
) -> Aggregate:
    merging = Merging((_count_fold(lambda _: lit(1), conditional=conditional),), _number)
    return Aggregate(
        name,
        description,
        _folding(parameters, LONG, merging),
        name,
        name_argument=_NO_NAME if conditional else 0,
        in_views=True,
        example=example,
    )


def _sum_type(type_: KqlType) -> KqlType:
    return LONG if type_.scalar is Scalar.INT else type_


def _summing(name: str, conditional: bool) -> Aggregate:
    fold = _fold(
        "sum",
        "sum",
        _itself,
        _plus,
        conditional=conditional,
        zero=_ZERO,
        physical=lambda type_: duckdb_type(_sum_type(type_)),
    )
    parameters = (param("expr", _COUNTED), *((PREDICATE,) if conditional else ()))
    return Aggregate(
        name,
        "The sum of the values" + (" for which a predicate is true." if conditional else "."),
        _folding(parameters, lambda types: (_sum_type(types[0]),), Merging((fold,), _number)),
        name,
        in_views=True,
        example=(
            f"range x from 1 to 4 step 1 | summarize s = {name}(x{', x > 2' if conditional else ''})",
            "7" if conditional else "10",
        ),
    )


def _average_type(types: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
    keeps = types[0].scalar in (Scalar.TIMESPAN, Scalar.DATETIME, Scalar.DECIMAL)
    return (types[0] if keeps else REAL,)


def _summand(operands: Operands) -> Sql:
    value = operands[0]
    match value.type.scalar:
        case Scalar.DATETIME:
            return call("kql_ticks", value.sql)
        case Scalar.TIMESPAN | Scalar.DECIMAL:
            return value.sql
        case _:
            return cast(value.sql, "DOUBLE")


def _total_type(type_: KqlType) -> str:
    match type_.scalar:
        case Scalar.DATETIME | Scalar.TIMESPAN:
            # The ticks of fifteen dates of today are more than a BIGINT holds.
            return "HUGEINT"
        case Scalar.DECIMAL:
            return DECIMAL_TYPE
        case _:
            return "DOUBLE"


def _mean(results: tuple[Sql, ...], types: tuple[KqlType, ...], _: int) -> Sql:
    total, count = results
    match types[0].scalar:
        case Scalar.TIMESPAN:
            return cast(op("//", total, call("nullif", count, lit(0))), "BIGINT")
        case Scalar.DATETIME:
            return call("kql_datetime_of_ticks", cast(op("//", total, call("nullif", count, lit(0))), "BIGINT"))
        case Scalar.DECIMAL:
            return cast(op("/", total, call("nullif", count, lit(0))), DECIMAL_TYPE)
        case _:
            # Of nothing the average is NaN on the service; a group from before the column was there has no count.
            return case((op("=", count, lit(0)), lit(float("nan"))), otherwise=op("/", total, count))


def _averaging(name: str, conditional: bool) -> Aggregate:
    total = _fold("total", "sum", _summand, _plus, conditional=conditional, zero=_ZERO, physical=_total_type)
    merging = Merging((total, _count_fold(_itself, conditional=conditional)), _mean)
    parameters = (param("expr", SUMMABLE), *((PREDICATE,) if conditional else ()))
    return Aggregate(
        name,
        "The mean of the values" + (" for which a predicate is true" if conditional else "") + "; of none NaN.",
        _folding(parameters, _average_type, merging),
        name,
        in_views=True,
        example=(
            f"range x from 1 to 4 step 1 | summarize a = {name}(x{', x > 2' if conditional else ''})",
            "3.5" if conditional else "2.5",
        ),
    )


def _extremes(name: str, function: str, conditional: bool) -> Aggregate:
    pick = "greatest" if function == "max" else "least"
    fold = _fold("extreme", function, _itself, lambda one, other: call(pick, one, other), conditional=conditional)
    parameters = (param("expr", _ORDERED), *((PREDICATE,) if conditional else ()))
    largest = "largest" if function == "max" else "smallest"
    return Aggregate(
        name,
        f"The {largest} value" + (" for which a predicate is true." if conditional else "."),
        _folding(parameters, lambda types: (types[0],), Merging((fold,), _value)),
        name,
        # The documentation lists neither minif nor maxif.
        in_views=not conditional,
        example=(
            f"range x from 1 to 4 step 1 | summarize m = {name}(x{', x < 4' if conditional else ''})",
            {"max": "4", "min": "1", "maxif": "3", "minif": "1"}[name],
        ),
    )


def _best(operands: Operands, output: int, *, largest: bool) -> Sql:
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


def _arg(largest: bool) -> AggregateEmit:
    def emit(operands: Operands, output: int) -> Sql:
        return _without_null(_best(operands, output, largest=largest), operands[output].type)

    return emit


def _arg_merging(largest: bool) -> Merging:
    def total(operands: Operands) -> Sql:
        bests = (_best(operands, output, largest=largest) for output in range(len(operands)))
        return StructLiteral(tuple((f"o{output}", best) for output, best in enumerate(bests)))

    def better(one: Sql, other: Sql) -> Sql:
        ahead, before = Field(other, "o0"), Field(one, "o0")
        wins = coalesce(op(">" if largest else "<", ahead, before), and_((is_null(before), is_not_null(ahead))))
        return case((is_null(other), one), (op("OR", is_null(one), wins), other), otherwise=one)

    return Merging((Fold("row", total, _row, better),), _field)


def _arg_extreme(name: str, largest: bool) -> Aggregate:
    parameters = (
        param("ExprToMaximize" if largest else "ExprToMinimize", _ORDERED),
        repeated("ExprToReturn", ANY, optional=True),
    )
    word = "largest" if largest else "smallest"
    return Aggregate(
        name,
        f"The values of the row where the first one is {word}.",
        (AggregateSignature(parameters, lambda types: types, _arg(largest), _arg_merging(largest)),),
        "",
        in_views=True,
        example=(f"datatable(t:long, v:string)[1, 'a', 2, 'b'] | summarize {name}(t, v)", "2,b" if largest else "1,a"),
        naming=OutputNames.ARGUMENTS,
    )


def _present(operands: Operands) -> Sql:
    value = operands[0]
    return call("nullif", value.sql, lit("")) if value.type.scalar is Scalar.STRING else value.sql


def _any_value(*, conditional: bool) -> tuple[AggregateSignature, ...]:
    """Return the overload for a single column, which prefers a value that is there."""
    parameters = (param("expr"), *((PREDICATE,) if conditional else ()))
    fold = _fold("value", "any_value", _present, coalesce, conditional=conditional)
    return _folding(parameters, lambda types: types[:1], Merging((fold,), _value))


def _first_row(operands: Operands, output: int) -> Sql:
    return _without_null(call("first", operands[output].sql), operands[output].type)


def _any_row() -> AggregateSignature:
    """Return the overload for several columns, which come from one row: the first one."""
    fold = Fold("row", lambda operands: call("first", _row(operands)), _row, coalesce)
    return AggregateSignature(
        (repeated("expr", ANY),), lambda types: types, _first_row, Merging((fold,), _field), keeps_first_row=True
    )


def _take_any(name: str, prefix: str, conditional: bool) -> Aggregate:
    # Of one name for all arguments (any) or of one per argument (take_any).
    single_name = bool(prefix) or conditional
    signatures = _any_value(conditional=conditional)
    return Aggregate(
        name,
        "The values of any row" + (" for which a predicate is true." if conditional else "."),
        signatures if single_name else (*signatures, _any_row()),
        prefix,
        in_views=not prefix,
        example=(f"print x = 1 | summarize {name}(x{', x == 1' if conditional else ''})", "1"),
        naming=OutputNames.PREFIX if single_name else OutputNames.ARGUMENTS,
    )


def _distinct_count(*, conditional: bool) -> Accumulate:
    def emit(operands: Operands) -> Sql:
        counted = Call("count", (operands[0].sql,), distinct=True)
        return where(counted, _predicate_of(operands) if conditional else None)

    return emit


def _predicate_of(operands: Operands) -> Sql:
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
        in_views=accuracy,
        example=(f"datatable(x:long)[1, 1, 2] | summarize {name}(x{', x > 0' if conditional else ''})", "2"),
    )


def _bits(name: str, function: str) -> Aggregate:
    def emit(operands: Operands) -> Sql:
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
