"""Lists of columns as operators write them: expressions with names, written, derived or counted."""

from dataclasses import dataclass, replace

from emulator.binder.bind_expressions.calls import call_function
from emulator.binder.bind_expressions.function_calls import bind_arguments
from emulator.binder.expression import BoundExpression, ColumnReference, FunctionCall
from emulator.binder.faults import not_allowed
from emulator.binder.plan import Plan, Project
from emulator.binder.result_names import argument_name, column_name
from emulator.binder.scope import Environment, FunctionBinding, Rows
from emulator.binder.walk import staged
from emulator.syntax.expressions import Call
from emulator.syntax.operators import Projection
from emulator.text import Span
from emulator.types import Column, Schema


@dataclass(frozen=True, slots=True)
class NamedExpression:
    """A bound expression with its name; `is_written` tells a name in the query from a derived one."""

    name: str | None
    expression: BoundExpression
    is_written: bool
    span: Span

    @property
    def is_declared(self) -> bool:
        """Whether no other column may have the name: it was written, or it is that of a bare column."""
        return self.is_written or (isinstance(self.expression, ColumnReference) and self.expression.name == self.name)


def bind_projection(projection: Projection, environment: Environment, rows: Rows) -> list[NamedExpression]:
    """Bind one entry of a projection list; a function with several outputs gives several columns."""
    outputs = tuple_outputs(projection, environment, rows)
    written = projection.names
    if outputs is not None:
        if len(written) > len(outputs):
            raise not_allowed(f"{len(written)} names for {len(outputs)} columns", projection.span)
        return [
            NamedExpression(
                written[index].text if index < len(written) else name, expression, index < len(written), projection.span
            )
            for index, (name, expression) in enumerate(outputs)
        ]
    expression = environment.expression(projection.expression, rows)
    if len(written) > 1:
        raise not_allowed("several names need a function with several outputs", projection.span)
    if written:
        return [NamedExpression(written[0].text, expression, True, projection.span)]
    name = column_name(projection.expression, environment)
    if name is None and isinstance(projection.expression, Call) and isinstance(expression, ColumnReference):
        name = expression.name  # column_ifexists("Price", 0.0)
    return [NamedExpression(name, expression, False, projection.span)]


def tuple_outputs(
    projection: Projection, environment: Environment, rows: Rows
) -> list[tuple[str, BoundExpression]] | None:
    """Return names and values of a call with several outputs, None for any other expression."""
    call = projection.expression
    if not isinstance(call, Call) or isinstance(environment.names.get(call.name.text), FunctionBinding):
        return None
    function = environment.session.catalogue.functions.get(call.name.text)
    if function is None or function.outputs is None:
        return None
    arguments = bind_arguments(call.arguments, environment, rows)
    bound = call_function(call.name.text, arguments, call.span, environment, call.name.span)
    assert isinstance(bound, FunctionCall)  # noqa: S101 - call_function returns nothing else
    outputs = function.outputs(tuple(argument.type for argument in bound.arguments))
    if not outputs:
        return None
    names = [argument_name(call, position, environment) for position in range(len(call.arguments))]
    return [
        (template.format(*names), replace(bound, output=index, type=type_))
        for index, (template, type_) in enumerate(outputs)
    ]


def references(schema: Schema, span: Span) -> list[BoundExpression]:
    """Return a reference to every column of a schema."""
    return [ColumnReference(column.name, column.type, span) for column in schema]


def project(plan: Plan, columns: list[tuple[str, BoundExpression]]) -> Project:
    """Return a projection; window calls inside window calls are computed below it."""
    expressions = tuple(expression for _, expression in columns)
    schema = Schema(tuple(Column(name, expression.type) for name, expression in columns))
    plan, expressions = staged(plan, expressions, keep_outermost=True)
    return Project(plan, schema, expressions)


def select(plan: Plan, schema: Schema, span: Span) -> Plan:
    """Return the plan with only the columns of a schema that it contains, in that order."""
    if plan.schema.names == schema.names:
        return plan
    return Project(plan, schema, tuple(references(schema, span)))
