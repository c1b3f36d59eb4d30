"""Aggregates of statistics: spread, covariance, percentiles."""

from emulator.functions.aggregates.basic import PREDICATE, condition_of, single, where
from emulator.functions.function import (
    Aggregate,
    AggregateSignature,
    Operand,
    OutputNames,
    Parameter,
)
from emulator.functions.physical import as_list
from emulator.functions.shorthand import DYNAMICS, NUMBERS, SUMMABLE, WHOLE, param, repeated
from emulator.sql.ast import Call, ColumnRef, OrderBy, Sql
from emulator.sql.build import call, case, cast, lambda_, list_literal, lit, op
from emulator.types import LONG, REAL, KqlType, Scalar, list_of

_ITEM = ColumnRef("e")


def _spread(name: str, function: str, conditional: bool, example: str) -> Aggregate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        predicate = condition_of(operands, conditional=conditional)
        found = where(Call(function, (cast(operands[0].sql, "DOUBLE"),)), predicate)
        counted = where(Call("count", (operands[0].sql,)), predicate)
        # One value has no spread; that of nothing is NaN.
        return case(
            (op(">", counted, lit(1)), found), (op("=", counted, lit(1)), lit(0.0)), otherwise=lit(float("nan"))
        )

    what = "standard deviation" if name.startswith("stdev") else "variance"
    kind = "population" if function.endswith("_pop") else "sample"
    return Aggregate(
        name,
        f"The {kind} {what} of the values{' for which a predicate is true' if conditional else ''}.",
        (AggregateSignature((param("expr", NUMBERS), *((PREDICATE,) if conditional else ())), REAL, single(emit)),),
        name,
        example=(
            f"range x from 1 to 5 step 1 | summarize s = round({name}(x{', true' if conditional else ''}), 4)",
            example,
        ),
    )


def _covariance(name: str, function: str, conditional: bool, example: str) -> Aggregate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        first, second = (cast(operand.sql, "DOUBLE") for operand in operands[:2])
        return where(Call(function, (first, second)), condition_of(operands, conditional=conditional))

    kind = "population" if function.endswith("_pop") else "sample"
    parameters = (param("expr1", NUMBERS), param("expr2", NUMBERS), *((PREDICATE,) if conditional else ()))
    return Aggregate(
        name,
        f"The {kind} covariance of two columns{' where a predicate is true' if conditional else ''}.",
        (AggregateSignature(parameters, REAL, single(emit)),),
        name,
        example=(
            f"range x from 1 to 3 step 1 | summarize c = {name}(x, 2 * x{', true' if conditional else ''})",
            example,
        ),
        naming=OutputNames.PREFIX,
        named_arguments=2,
    )


def _kept(type_: KqlType) -> KqlType:
    return LONG if type_.scalar is Scalar.INT else type_


def _value(operand: Operand) -> Sql:
    return cast(operand.sql, "BIGINT") if operand.type.scalar is Scalar.INT else operand.sql


def _fraction(percent: Sql) -> Sql:
    return op("/", cast(percent, "DOUBLE"), lit(100.0))


def _percentile(operands: tuple[Operand, ...], output: int) -> Sql:
    value, *percents = operands
    if len(percents) == 1:
        return call("quantile_disc", _value(value), _fraction(percents[0].sql))
    # All of them in one pass.
    return call("list_extract", _quantiles(value, percents), lit(output + 1))


def _quantiles(value: Operand, percents: list[Operand]) -> Sql:
    return call("quantile_disc", _value(value), list_literal(*(_fraction(percent.sql) for percent in percents)))


def _percentiles_array(operands: tuple[Operand, ...]) -> Sql:
    value, *percents = operands
    if percents[0].type.scalar is Scalar.DYNAMIC:
        fractions = call("list_transform", as_list(percents[0], Scalar.REAL), lambda_("e", _fraction(_ITEM)))
        return call("quantile_disc", _value(value), fractions)
    return _quantiles(value, percents)


def _weighted(value: Operand, weight: Operand, percent: Sql) -> Sql:
    ordered = OrderBy(value.sql)
    values = Call("list", (_value(value),), order_by=(ordered,))
    weights = Call("list", (cast(weight.sql, "BIGINT"),), order_by=(ordered,))
    return call("list_extract", values, call("kql_weighted_rank", weights, cast(percent, "DOUBLE")))


def _weighted_percentile(operands: tuple[Operand, ...], output: int) -> Sql:
    return _weighted(operands[0], operands[1], operands[2 + output].sql)


def _weighted_array(operands: tuple[Operand, ...]) -> Sql:
    value, weight, *percents = operands
    if percents[0].type.scalar is Scalar.DYNAMIC:
        found = _weighted(value, weight, _ITEM)
        return call("list_transform", as_list(percents[0], Scalar.REAL), lambda_("e", found))
    return list_literal(*(_weighted(value, weight, percent.sql) for percent in percents))


_VALUE = param("expr", SUMMABLE)
_WEIGHT = param("weight", WHOLE)


def _ranks(leading: int, types: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
    return (_kept(types[0]),) * (len(types) - leading)


def _array_type(types: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
    return (list_of(_kept(types[0]).scalar),)


def _arrays(name: str, leading: tuple[Parameter, ...], example: tuple[str, str]) -> Aggregate:
    emit = single(_weighted_array if len(leading) > 1 else _percentiles_array)
    lists = (param("percentiles", DYNAMICS, constant=True),)
    numbers = (repeated("percentile", NUMBERS),)
    return Aggregate(
        name,
        "The array of the percentiles for several percentages" + (" of weighted values." if len(leading) > 1 else "."),
        tuple(AggregateSignature((*leading, *rest), _array_type, emit) for rest in (lists, numbers)),
        "percentiles",
        example=example,
    )


STATISTICS: tuple[Aggregate, ...] = (
    _spread("stdev", "stddev_samp", False, "1.5811"),
    _spread("stdevif", "stddev_samp", True, "1.5811"),
    _spread("stdevp", "stddev_pop", False, "1.4142"),
    _spread("variance", "var_samp", False, "2.5"),
    _spread("varianceif", "var_samp", True, "2.5"),
    _spread("variancep", "var_pop", False, "2.0"),
    _spread("variancepif", "var_pop", True, "2.0"),
    _covariance("covariance", "covar_samp", False, "2.0"),
    _covariance("covarianceif", "covar_samp", True, "2.0"),
    _covariance("covariancep", "covar_pop", False, "1.3333333333333333"),
    _covariance("covariancepif", "covar_pop", True, "1.3333333333333333"),
    Aggregate(
        "percentile",
        "The smallest value that a percentage of the values does not exceed.",
        (
            AggregateSignature(
                (_VALUE, param("percentile", NUMBERS, constant=True)), lambda types: _ranks(1, types), _percentile
            ),
        ),
        "percentile",
        in_views=True,
        example=("range x from 1 to 100 step 1 | summarize percentile(x, 95)", "95"),
        naming=OutputNames.CONSTANTS,
    ),
    Aggregate(
        "percentiles",
        "One percentile for each of several percentages.",
        (AggregateSignature((_VALUE, repeated("percentile", NUMBERS)), lambda types: _ranks(1, types), _percentile),),
        "percentile",
        in_views=True,
        example=("range x from 1 to 100 step 1 | summarize percentiles(x, 5, 95)", "5,95"),
        naming=OutputNames.CONSTANTS,
    ),
    Aggregate(
        "percentilew",
        "The percentile of values that stand for as many as their weight.",
        (
            AggregateSignature(
                (_VALUE, _WEIGHT, param("percentile", NUMBERS)), lambda types: _ranks(2, types), _weighted_percentile
            ),
        ),
        "percentile",
        example=("datatable(x:long, w:long)[1, 3, 2, 1] | summarize percentilew(x, w, 50)", "1"),
        naming=OutputNames.CONSTANTS,
    ),
    Aggregate(
        "percentilesw",
        "Several percentiles of values that stand for as many as their weight.",
        (
            AggregateSignature(
                (_VALUE, _WEIGHT, repeated("percentile", NUMBERS)),
                lambda types: _ranks(2, types),
                _weighted_percentile,
            ),
        ),
        "percentile",
        example=("datatable(x:long, w:long)[1, 3, 2, 1] | summarize percentilesw(x, w, 50, 90)", "1,2"),
        naming=OutputNames.CONSTANTS,
    ),
    _arrays(
        "percentiles_array",
        (_VALUE,),
        ("range x from 1 to 100 step 1 | summarize percentiles_array(x, 5, 95)", "[5,95]"),
    ),
    _arrays(
        "percentilesw_array",
        (_VALUE, _WEIGHT),
        ("datatable(x:long, w:long)[1, 3, 2, 1] | summarize percentilesw_array(x, w, 50, 90)", "[1,2]"),
    ),
)
