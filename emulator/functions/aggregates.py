"""Aggregates: counts, sums, extremes, statistics and collections. Nulls do not count, and nothing sums to 0."""

from collections.abc import Callable

from emulator.functions.function import (
    Aggregate,
    AggregateEmit,
    AggregateSignature,
    Merging,
    Operand,
    OutputNames,
    Parameter,
    Partial,
)
from emulator.functions.physical import duckdb_type, null_of, to_json
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
from emulator.sql.build import and_, call, case, cast, coalesce, is_not_null, is_null, list_literal, lit, op
from emulator.types import DYNAMIC, LONG, REAL, KqlType, Scalar, list_of

_COUNTED = NUMBERS | TIMESPANS
_ORDERED = SUMMABLE | TEXT | BOOLS
_PREDICATE = param("predicate", BOOLS)
Accumulate = Callable[[tuple[Operand, ...]], Sql]


def _where(aggregated: Call, predicate: Sql | None) -> Call:
    if predicate is None:
        return aggregated
    return Call(
        aggregated.function,
        aggregated.arguments,
        aggregated.distinct,
        aggregated.order_by,
        coalesce(predicate, lit(False)),
    )


def _condition(operands: tuple[Operand, ...], *, conditional: bool) -> Sql | None:
    return operands[-1].sql if conditional else None


def _sum_type(type_: KqlType) -> KqlType:
    return LONG if type_.scalar is Scalar.INT else type_


def _physical(type_: KqlType) -> str:
    return {Scalar.REAL: "DOUBLE", Scalar.DECIMAL: "DECIMAL(38,17)"}.get(type_.scalar, "BIGINT")


def _single(emit: Accumulate) -> AggregateEmit:
    return lambda operands, _: emit(operands)


def _count(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return _where(Call("count", (lit(1),)), operands[0].sql if conditional else None)

    return emit


def _add(stored: Sql, batch: Sql) -> Sql:
    return op("+", coalesce(stored, lit(0)), coalesce(batch, lit(0)))


def _first(parts: tuple[Sql, ...], _: int) -> Sql:
    return parts[0]


def _counting(name: str, conditional: bool, description: str, example: tuple[str, str]) -> Aggregate:
    accumulate = _count(conditional=conditional)
    parameters = (_PREDICATE,) if conditional else ()
    return Aggregate(
        name,
        description,
        (AggregateSignature(parameters, LONG, _single(accumulate)),),
        f"{name}",
        name_argument=99,
        merging=Merging((Partial("count", accumulate, _add),), _first),
        example=example,
    )


def _sum(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        total = _where(Call("sum", (value.sql,)), _condition(operands, conditional=conditional))
        return cast(coalesce(total, lit(0)), _physical(value.type))

    return emit


def _summing(name: str, conditional: bool) -> Aggregate:
    accumulate = _sum(conditional=conditional)
    parameters = (param("expr", _COUNTED), *((_PREDICATE,) if conditional else ()))
    return Aggregate(
        name,
        "The sum of the values" + (" for which a predicate is true." if conditional else "."),
        (AggregateSignature(parameters, lambda types: (_sum_type(types[0]),), _single(accumulate)),),
        name,
        merging=Merging((Partial("sum", accumulate, _add),), _first),
        example=(
            f"range x from 1 to 4 step 1 | summarize s = {name}(x{', x > 2' if conditional else ''})",
            "7" if conditional else "10",
        ),
    )


def _average_type(types: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
    keeps = types[0].scalar in (Scalar.TIMESPAN, Scalar.DATETIME, Scalar.DECIMAL)
    return (types[0] if keeps else REAL,)


def _avg(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        predicate = _condition(operands, conditional=conditional)
        match value.type.scalar:
            case Scalar.TIMESPAN | Scalar.DATETIME:
                ticks = call("kql_ticks", value.sql) if value.type.scalar is Scalar.DATETIME else value.sql
                mean = cast(call("trunc", _where(Call("avg", (ticks,)), predicate)), "BIGINT")
                return call("kql_datetime_of_ticks", mean) if value.type.scalar is Scalar.DATETIME else mean
            case Scalar.DECIMAL:
                return cast(_where(Call("avg", (value.sql,)), predicate), "DECIMAL(38,17)")
            case _:
                # Of nothing the average is NaN on the service.
                return coalesce(_where(Call("avg", (cast(value.sql, "DOUBLE"),)), predicate), lit(float("nan")))

    return emit


def _averaging(name: str, conditional: bool) -> Aggregate:
    accumulate = _avg(conditional=conditional)
    parameters = (param("expr", SUMMABLE), *((_PREDICATE,) if conditional else ()))
    return Aggregate(
        name,
        "The mean of the values" + (" for which a predicate is true" if conditional else "") + "; of none NaN.",
        (AggregateSignature(parameters, _average_type, _single(accumulate)),),
        name,
        example=(
            f"range x from 1 to 4 step 1 | summarize a = {name}(x{', x > 2' if conditional else ''})",
            "3.5" if conditional else "2.5",
        ),
    )


def _extreme(function: str, *, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        found = _where(Call(function, (value.sql,)), _condition(operands, conditional=conditional))
        return coalesce(found, null_of(value.type)) if value.type.scalar is Scalar.STRING else found

    return emit


def _extremes(name: str, function: str, conditional: bool) -> Aggregate:
    accumulate = _extreme(function, conditional=conditional)
    pick = "greatest" if function == "max" else "least"
    parameters = (param("expr", _ORDERED), *((_PREDICATE,) if conditional else ()))
    largest = "largest" if function == "max" else "smallest"
    return Aggregate(
        name,
        f"The {largest} value" + (" for which a predicate is true." if conditional else "."),
        (AggregateSignature(parameters, lambda types: (types[0],), _single(accumulate)),),
        name,
        merging=Merging((Partial("extreme", accumulate, lambda a, b: call(pick, a, b)),), _first),
        example=(
            f"range x from 1 to 4 step 1 | summarize m = {name}(x{', x < 4' if conditional else ''})",
            {"max": "4", "min": "1", "maxif": "3", "minif": "1"}[name],
        ),
    )


def _row(operands: tuple[Operand, ...]) -> Sql:
    return StructLiteral(tuple((f"o{index}", operand.sql) for index, operand in enumerate(operands)))


def _arg(largest: bool) -> AggregateEmit:
    function = "arg_max" if largest else "arg_min"

    def emit(operands: tuple[Operand, ...], output: int) -> Sql:
        ordering = operands[0].sql
        row = _row(operands)
        # Where every ordering value of a group is null, any row of it.
        best = coalesce(call(function, row, ordering), call("any_value", row))
        value = Field(best, f"o{output}")
        return (
            coalesce(value, null_of(operands[output].type)) if operands[output].type.scalar is Scalar.STRING else value
        )

    return emit


def _arg_merging(largest: bool) -> Merging:
    def accumulate(operands: tuple[Operand, ...]) -> Sql:
        row = _row(operands)
        return coalesce(call("arg_max" if largest else "arg_min", row, operands[0].sql), call("any_value", row))

    def merge(stored: Sql, batch: Sql) -> Sql:
        ahead, before = Field(batch, "o0"), Field(stored, "o0")
        wins = op(">" if largest else "<", ahead, before)
        takes_batch = op(
            "OR", is_null(stored), op("OR", coalesce(wins, lit(False)), and_((is_null(before), is_not_null(ahead))))
        )
        return case((is_null(batch), stored), (takes_batch, batch), otherwise=stored)

    return Merging((Partial("row", accumulate, merge),), lambda parts, output: Field(parts[0], f"o{output}"))


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


def _any_row(*, conditional: bool) -> AggregateEmit:
    def emit(operands: tuple[Operand, ...], output: int) -> Sql:
        values = operands[:-1] if conditional else operands
        picked = _where(Call("first", (_row(values),)), _condition(operands, conditional=conditional))
        value = Field(picked, f"o{output}")
        type_ = values[output].type
        return coalesce(value, null_of(type_)) if type_.scalar is Scalar.STRING else value

    return emit


def _keep_stored(stored: Sql, batch: Sql) -> Sql:
    return case((is_null(stored), batch), otherwise=stored)


_TAKE_ANY_MERGING = Merging(
    (Partial("row", lambda operands: call("first", _row(operands)), _keep_stored),),
    lambda parts, output: Field(parts[0], f"o{output}"),
)


def _take_any(name: str, prefix: str, conditional: bool) -> Aggregate:
    values: tuple[Parameter, ...] = (repeated("expr", ANY),) if not conditional else (param("expr"), _PREDICATE)
    return Aggregate(
        name,
        "The values of any row" + (" for which a predicate is true." if conditional else "."),
        (
            AggregateSignature(
                values,
                (lambda types: types[:1]) if conditional else (lambda types: types),
                _any_row(conditional=conditional),
            ),
        ),
        prefix,
        merging=None if conditional else _TAKE_ANY_MERGING,
        example=(f"print x = 1 | summarize {name}(x{', x == 1' if conditional else ''})", "1"),
        naming=OutputNames.PREFIX if conditional else OutputNames.ARGUMENTS,
    )


def _distinct_count(*, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        counted = Call("count", (operands[0].sql,), distinct=True)
        return _where(counted, _predicate_of(operands) if conditional else None)

    return emit


def _predicate_of(operands: tuple[Operand, ...]) -> Sql:
    return next(operand.sql for operand in operands[1:] if operand.type.scalar is Scalar.BOOL)


def _dcount(name: str, conditional: bool, *, accuracy: bool = True) -> Aggregate:
    parameters = (
        param("expr", ANY),
        *((_PREDICATE,) if conditional else ()),
        *((param("accuracy", WHOLE, optional=True),) if accuracy else ()),
    )
    exactness = "exact here, an estimate on the service" if accuracy else "exact"
    return Aggregate(
        name,
        f"How many different values there are{' for which a predicate is true' if conditional else ''}; {exactness}.",
        (AggregateSignature(parameters, LONG, _single(_distinct_count(conditional=conditional))),),
        name,
        example=(f"datatable(x:long)[1, 1, 2] | summarize {name}(x{', x > 0' if conditional else ''})", "2"),
    )


def _spread(name: str, function: str, conditional: bool, example: str) -> Aggregate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        found = _where(
            Call(function, (cast(operands[0].sql, "DOUBLE"),)), _condition(operands, conditional=conditional)
        )
        counted = _where(Call("count", (operands[0].sql,)), _condition(operands, conditional=conditional))
        # One value has no spread; of nothing it is NaN.
        return case(
            (op(">", counted, lit(1)), found), (op("=", counted, lit(1)), lit(0.0)), otherwise=lit(float("nan"))
        )

    what = "standard deviation" if name.startswith("stdev") else "variance"
    kind = "population" if name.rstrip("if").endswith("p") else "sample"
    parameters = (param("expr", NUMBERS), *((_PREDICATE,) if conditional else ()))
    return Aggregate(
        name,
        f"The {kind} {what} of the values{' for which a predicate is true' if conditional else ''}.",
        (AggregateSignature(parameters, REAL, _single(emit)),),
        name,
        example=(
            f"range x from 1 to 5 step 1 | summarize s = round({name}(x{', true' if conditional else ''}), 4)",
            example,
        ),
    )


def _rank_type(types: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
    kept = LONG if types[0].scalar is Scalar.INT else types[0]
    return (kept,) * (len(types) - 1)


def _percentile(operands: tuple[Operand, ...], output: int) -> Sql:
    value, *percents = operands
    fractions = [op("/", cast(percent.sql, "DOUBLE"), lit(100.0)) for percent in percents]
    if len(fractions) == 1:
        found: Sql = call("quantile_disc", value.sql, fractions[0])
    else:
        found = call("list_extract", call("quantile_disc", value.sql, list_literal(*fractions)), lit(output + 1))
    return cast(found, "BIGINT") if value.type.scalar is Scalar.INT else found


def _percentiles_array(operands: tuple[Operand, ...]) -> Sql:
    value, *percents = operands
    fractions = [op("/", cast(percent.sql, "DOUBLE"), lit(100.0)) for percent in percents]
    found = call("quantile_disc", value.sql, list_literal(*fractions))
    return cast(found, "BIGINT[]") if value.type.scalar is Scalar.INT else found


def _list(operands: tuple[Operand, ...], predicate: Sql | None, size: Operand | None, *, distinct: bool) -> Sql:
    value = operands[0]
    kept = is_not_null(value.sql)
    condition = kept if predicate is None else and_((kept, coalesce(predicate, lit(False))))
    collected: Sql = Call("list", (value.sql,), distinct=distinct, filter=condition)
    collected = coalesce(collected, list_literal())
    if size is not None:
        collected = call("list_slice", collected, lit(1), size.sql)
    return collected


def _collected_type(types: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
    plain = types[0].scalar in (Scalar.DYNAMIC, Scalar.DECIMAL)
    return (DYNAMIC if plain else list_of(types[0].scalar),)


def _collect(distinct: bool, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        rest = operands[1:]
        predicate = rest[0].sql if conditional else None
        sizes = rest[1:] if conditional else rest
        plain = value.type.scalar in (Scalar.DYNAMIC, Scalar.DECIMAL)
        item = Operand(to_json(value.sql, value.type), DYNAMIC) if plain else value
        found = _list((item,), predicate, sizes[0] if sizes else None, distinct=distinct)
        return call("to_json", found) if plain else cast(found, f"{duckdb_type(value.type)}[]")

    return emit


def _collecting(name: str, prefix: str, distinct: bool, conditional: bool) -> Aggregate:
    parameters = (
        param("expr", ANY),
        *((_PREDICATE,) if conditional else ()),
        param("maxSize", WHOLE, optional=True, constant=True),
    )
    return Aggregate(
        name,
        f"The array of the {'different ' if distinct else ''}values that are not null"
        + (" and for which a predicate is true." if conditional else "."),
        (AggregateSignature(parameters, _collected_type, _single(_collect(distinct, conditional))),),
        prefix,
        example=(
            f"range x from 1 to 3 step 1 | summarize xs = array_sort_asc({name}(x{', x < 3' if conditional else ''}))",
            "[1,2]" if conditional else "[1,2,3]",
        ),
    )


def _list_with_nulls(operands: tuple[Operand, ...]) -> Sql:
    value = operands[0]
    return call("to_json", coalesce(call("list", to_json(value.sql, value.type)), list_literal()))


def _bits(name: str, function: str) -> Aggregate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return call(function, cast(operands[0].sql, "BIGINT"))

    return Aggregate(
        name,
        "The values joined bit by bit.",
        (AggregateSignature((param("expr", WHOLE),), LONG, _single(emit)),),
        "",
        example=(
            f"datatable(x:long)[6, 3] | summarize x = {name}(x)",
            {"bit_and": "2", "bit_or": "7", "bit_xor": "5"}[function],
        ),
    )


AGGREGATES: tuple[Aggregate, ...] = (
    _counting("count", False, "How many rows there are.", ("range x from 1 to 4 step 1 | summarize count()", "4")),
    _counting(
        "countif",
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
    _take_any("anyif", "any", True),
    _dcount("dcount", False),
    _dcount("dcountif", True),
    _dcount("count_distinct", False, accuracy=False),
    _dcount("count_distinctif", True, accuracy=False),
    _spread("stdev", "stddev_samp", False, "1.5811"),
    _spread("stdevif", "stddev_samp", True, "1.5811"),
    _spread("stdevp", "stddev_pop", False, "1.4142"),
    _spread("variance", "var_samp", False, "2.5"),
    _spread("varianceif", "var_samp", True, "2.5"),
    _spread("variancep", "var_pop", False, "2.0"),
    Aggregate(
        "percentile",
        "The smallest value that a percentage of the values does not exceed.",
        (
            AggregateSignature(
                (param("expr", SUMMABLE), param("percentile", NUMBERS, constant=True)), _rank_type, _percentile
            ),
        ),
        "percentile",
        example=("range x from 1 to 100 step 1 | summarize percentile(x, 95)", "95"),
        naming=OutputNames.CONSTANTS,
    ),
    Aggregate(
        "percentiles",
        "One percentile for each of several percentages.",
        (AggregateSignature((param("expr", SUMMABLE), repeated("percentile", NUMBERS)), _rank_type, _percentile),),
        "percentile",
        example=("range x from 1 to 100 step 1 | summarize percentiles(x, 5, 95)", "5,95"),
        naming=OutputNames.CONSTANTS,
    ),
    Aggregate(
        "percentiles_array",
        "The array of the percentiles for several percentages.",
        (
            AggregateSignature(
                (param("expr", SUMMABLE), repeated("percentile", NUMBERS)),
                lambda types: (list_of(_sum_type(types[0]).scalar),),
                _single(_percentiles_array),
            ),
        ),
        "percentiles",
        example=("range x from 1 to 100 step 1 | summarize percentiles_array(x, 5, 95)", "[5,95]"),
    ),
    _collecting("make_list", "list", False, False),
    _collecting("make_list_if", "list", False, True),
    _collecting("makelist", "list", False, False),
    _collecting("make_set", "set", True, False),
    _collecting("make_set_if", "set", True, True),
    _collecting("makeset", "set", True, False),
    Aggregate(
        "make_list_with_nulls",
        "The array of all values, nulls included.",
        (AggregateSignature((param("expr", ANY),), DYNAMIC, _single(_list_with_nulls)),),
        "list",
        example=("datatable(x:long)[1, long(null)] | summarize make_list_with_nulls(x)", "[1,null]"),
    ),
    _bits("binary_all_and", "bit_and"),
    _bits("binary_all_or", "bit_or"),
    _bits("binary_all_xor", "bit_xor"),
)
