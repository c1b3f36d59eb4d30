"""Calls that are no functions of values: they read names, types, tables, the clock, or the row as a whole."""

from collections.abc import Callable
from typing import TypeAlias

from emulator.binder.bind_expressions.calls import call_function
from emulator.binder.bind_expressions.constants import folded
from emulator.binder.bind_expressions.conversion import require
from emulator.binder.expression import BoundExpression, ColumnReference, Constant, CurrentTime, ScalarSubquery
from emulator.binder.faults import bad_value, not_allowed, unsupported
from emulator.binder.plan import OneRow, Project
from emulator.binder.scope import NO_ROWS, Environment, Rows
from emulator.binder.tabular_names import as_pipeline, is_tabular_expression
from emulator.errors import SemanticFault
from emulator.syntax.expressions import Call, Expression, Literal, Name
from emulator.syntax.parser import parse_expression
from emulator.types import ALIASES, DATETIME, DYNAMIC, STRING, TIMESPAN, Column, KqlType, Scalar, Schema, list_of

SpecialForm: TypeAlias = Callable[[Call, Environment, Rows], BoundExpression]


def _expect_arguments(call: Call, least: int, most: int) -> None:
    if not least <= len(call.arguments) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise SemanticFault(f"{call.name.text}(): function expects {count} argument(s)", "SEM0219", call.span)


def _now(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    _expect_arguments(call, 0, 1)
    moment = CurrentTime(DATETIME, call.span)
    if not call.arguments:
        return moment
    offset = require(environment.expression(call.arguments[0], rows), TIMESPAN, "", "now(): argument #1")
    return _plus("+", moment, offset, call, environment)


def _ago(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    _expect_arguments(call, 1, 1)
    offset = require(environment.expression(call.arguments[0], rows), TIMESPAN, "", "ago(): argument #1")
    return _plus("-", CurrentTime(DATETIME, call.span), offset, call, environment)


def _plus(
    operator: str, left: BoundExpression, right: BoundExpression, call: Call, environment: Environment
) -> BoundExpression:
    return call_function(operator, (left, right), call.span, environment)


def _typeof(call: Call, _environment: Environment, _rows: Rows) -> BoundExpression:
    """A type as an argument is the null of that type: the overloads see it as the argument's type."""
    _expect_arguments(call, 1, 1)
    match call.arguments[0]:
        case Name(text=text) | Call(name=Name(text=text), arguments=()) if text in ALIASES:
            return Constant(None, KqlType(ALIASES[text]), call.span)
        case _:
            raise bad_value("typeof() needs the name of a scalar type", call.span)


def _toscalar(call: Call, environment: Environment, _rows: Rows) -> BoundExpression:
    _expect_arguments(call, 1, 1)
    argument = call.arguments[0]
    if not is_tabular_expression(argument, environment):
        value = environment.expression(argument, NO_ROWS)
        schema = Schema((Column("value", value.type),))
        return ScalarSubquery(Project(OneRow(), schema, (value,)), value.type, call.span)
    pipeline = as_pipeline(argument)
    assert pipeline is not None  # noqa: S101 - every tabular expression is a pipeline
    relation = environment.pipeline(pipeline)
    if not relation.schema.columns:
        raise not_allowed("toscalar() needs a table with a column", call.span)
    return ScalarSubquery(relation.plan, relation.schema.columns[0].type, call.span)


def _column_ifexists(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    _expect_arguments(call, 2, 2)
    name = constant_text(call.arguments[0], environment, rows)
    column = rows.schema.find(name)
    if column is None:
        return environment.expression(call.arguments[1], rows)
    return ColumnReference(column.name, column.type, call.span)


def constant_text(node: Expression, environment: Environment, rows: Rows) -> str:
    """Return the value of a constant string, which a place needs before the query runs."""
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    value = folded(environment.expression(node, rows))
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        raise bad_value("a constant string is needed here", node.span)
    return value.value


def _pack_all(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    if call.arguments and _constant_bool(call.arguments[0], environment, rows):
        raise unsupported("pack_all(true), which leaves out empty values", call.span)
    return _packed(
        tuple(ColumnReference(column.name, column.type, call.span) for column in rows.schema), call, environment
    )


def _constant_bool(node: Expression, environment: Environment, rows: Rows) -> bool:
    value = folded(environment.expression(node, rows))
    if not isinstance(value, Constant) or not isinstance(value.value, bool):
        raise bad_value("a constant bool is needed here", node.span)
    return value.value


def _bag_pack_columns(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    references = [environment.expression(argument, rows) for argument in call.arguments]
    for reference in references:
        if not isinstance(reference, ColumnReference):
            raise not_allowed("bag_pack_columns() takes columns only", reference.span)
    return _packed(tuple(each for each in references if isinstance(each, ColumnReference)), call, environment)


def _packed(columns: tuple[ColumnReference, ...], call: Call, environment: Environment) -> BoundExpression:
    if not columns:
        return Constant("{}", DYNAMIC, call.span)
    arguments: list[BoundExpression] = []
    for column in columns:
        arguments += [Constant(column.name, STRING, call.span), column]
    return call_function("bag_pack", tuple(arguments), call.span, environment)


def _column_names_of(call: Call, environment: Environment, _rows: Rows) -> BoundExpression:
    _expect_arguments(call, 1, 1)
    pipeline = as_pipeline(call.arguments[0])
    if pipeline is None:
        raise not_allowed("column_names_of() needs a table", call.span)
    relation = environment.pipeline(pipeline)
    return Constant(relation.schema.names, list_of(Scalar.STRING), call.span)


def _current_database(call: Call, environment: Environment, _rows: Rows) -> BoundExpression:
    _expect_arguments(call, 0, 0)
    return Constant(environment.session.entities.database, STRING, call.span)


def _refused(call: Call, _environment: Environment, _rows: Rows) -> BoundExpression:
    raise unsupported(f"{call.name.text}()", call.span)


def _misplaced(call: Call, _environment: Environment, _rows: Rows) -> BoundExpression:
    raise not_allowed(
        f"{call.name.text}() is a table; a scalar value is needed here", call.span, "wrap it in toscalar(…)"
    )


def _bin_auto(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    """Bin by the sizes in `set query_bin_auto_size` and `set query_bin_auto_at`."""
    _expect_arguments(call, 1, 1)
    value = environment.expression(call.arguments[0], rows)
    options = environment.session.options
    size, start = (options.get(f"query_bin_auto_{name}") for name in ("size", "at"))
    if size is None:
        raise bad_value("bin_auto() needs the size of its bins", call.span, "put `set query_bin_auto_size = …;` first")
    bound = environment.expression(parse_expression(size), NO_ROWS)
    if start is None:
        return call_function("bin", (value, bound), call.span, environment)
    origin = environment.expression(parse_expression(start), NO_ROWS)
    return call_function("bin_at", (value, bound, origin), call.span, environment)


SPECIAL_FORMS: dict[str, SpecialForm] = {
    "now": _now,
    "ago": _ago,
    "typeof": _typeof,
    "toscalar": _toscalar,
    "bin_auto": _bin_auto,
    "column_ifexists": _column_ifexists,
    "columnifexists": _column_ifexists,
    "pack_all": _pack_all,
    "bag_pack_columns": _bag_pack_columns,
    "column_names_of": _column_names_of,
    "current_database": _current_database,
    "materialize": _misplaced,
    "table": _misplaced,
    "materialized_view": _misplaced,
    "database": _refused,
    "cluster": _refused,
}
