"""Bound expressions as SQL: one case per node of the closed union."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from emulator.binder.expression import (
    AggregateCall,
    BoundExpression,
    ColumnReference,
    Constant,
    Conversion,
    CurrentTime,
    FunctionCall,
    InSubquery,
    QueryParameter,
    ScalarSubquery,
    WindowCall,
)
from emulator.binder.plan import Plan
from emulator.binder.walk import children
from emulator.emit.context import NOW_PARAMETER, Emission
from emulator.emit.scalar_types import duckdb_type
from emulator.errors import EngineFault
from emulator.functions.copies import Written, of_call, of_conversion
from emulator.functions.function import Operand, Signature, WindowOperands
from emulator.functions.physical import convert, null_of
from emulator.functions.scalars.operators import is_item
from emulator.sql.ast import (
    Cast,
    ColumnRef,
    Field,
    InQuery,
    Item,
    ListLiteral,
    Literal,
    Parameter,
    Select,
    Sql,
    StructLiteral,
    Subquery,
)
from emulator.sql.build import FALSE, call, coalesce, is_cheap, is_not_null, not_, once
from emulator.sql.filters import as_filter
from emulator.types import KqlType, Scalar
from emulator.work import check_work


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns an expression may name, by side of a join, and the order its window calls follow."""

    sides: tuple[Mapping[str, Sql], ...]
    partition_by: tuple[Sql, ...] = ()
    ordinal: Sql | None = None


def value(emission: Emission, scope: Scope, expression: BoundExpression) -> Sql:
    """Emit an expression with Kusto's null semantics."""
    check_work()
    match expression:
        case ColumnReference(name, _, _, side):
            return scope.sides[side][name]
        case Constant(constant, type_):
            return literal(constant, type_)
        case QueryParameter(name, type_):
            return Parameter(emission.parameter(name), duckdb_type(type_))
        case CurrentTime(type_):
            return Parameter(NOW_PARAMETER, duckdb_type(type_))
        case FunctionCall(_, signature, arguments, output=output):
            result = _call(emission, signature, operands(emission, scope, arguments))
            return result if output is None else Field(result, f"o{output}")
        case AggregateCall(_, signature, arguments, output=output):
            return signature.emit(operands(emission, scope, arguments), output)
        case WindowCall(function, signature, arguments, span=span):
            if scope.ordinal is None:
                raise EngineFault(f"{function.name}() met rows without an order", "TH0901", span)
            return signature.emit(
                WindowOperands(operands(emission, scope, arguments), scope.partition_by, scope.ordinal)
            )
        case Conversion(operand, type_):
            return _conversion(emission, value(emission, scope, operand), operand.type, type_)
        case ScalarSubquery(plan, type_):
            return _scalar_subquery(emission, plan, type_)
        case InSubquery():
            return _membership(emission, scope, expression)
        case _:
            assert_never(expression)


def _call(emission: Emission, signature: Signature, given: tuple[Operand, ...]) -> Sql:
    # An item of the values of a function with several is found in what makes them.
    if all(is_cheap(each.sql) for each in given) or (is_item(signature) and isinstance(given[0].sql, StructLiteral)):
        result = signature.emit(given)
        emission.weigh(result, lambda: of_call(signature, given))
        return result
    written = of_call(signature, given)
    copied = zip(given, written.operands, strict=True)
    if not any(emission.is_dear(each.sql, copies) for each, copies in copied if not each.is_constant):
        result = signature.emit(given)
        emission.weigh(result, lambda: written, tuple(each.sql for each in given))
        return result
    # All of them: DuckDB binds the body of a lambda more than once, so that nothing deep may stand in it.
    is_taken = tuple(not (each.is_constant or is_cheap(each.sql)) for each in given)
    taken = tuple(each for each, is_one in zip(given, is_taken, strict=True) if is_one)
    name = emission.alias("$once")
    read = iter(_read(name, len(taken)))
    bound = tuple(
        replace(each, sql=next(read)) if is_one else each for each, is_one in zip(given, is_taken, strict=True)
    )
    return _once(emission, name, tuple(each.sql for each in taken), signature.emit(bound), written)


def _conversion(emission: Emission, operand: Sql, source: KqlType, target: KqlType) -> Sql:
    written = of_conversion(source, target)
    if not emission.is_dear(operand, written.operands[0]):
        result = convert(operand, source, target)
        emission.weigh(result, lambda: written, (operand,))
        return result
    name = emission.alias("$once")
    return _once(emission, name, (operand,), convert(ColumnRef(name), source, target), written)


def _read(name: str, count: int) -> tuple[Sql, ...]:
    """Return how values that are computed once are read: several are the fields of a struct."""
    value = ColumnRef(name)
    return (value,) if count == 1 else tuple(Field(value, f"v{number}") for number in range(count))


def _once(emission: Emission, name: str, values: tuple[Sql, ...], body: Sql, written: Written) -> Sql:
    fields = tuple((f"v{number}", each) for number, each in enumerate(values))
    result = once(name, values[0] if len(values) == 1 else StructLiteral(fields), body)
    emission.weigh(result, lambda: written, (), values)
    return result


def predicate(emission: Emission, scope: Scope, expression: BoundExpression) -> Sql:
    """Emit a predicate for a place where null counts as false, in a form that scans can use to skip rows."""
    return as_filter(value(emission, scope, expression))


def operands(emission: Emission, scope: Scope, arguments: Iterable[BoundExpression]) -> tuple[Operand, ...]:
    """Emit arguments, each with its type and, for literals, its value."""
    found: list[Operand] = []
    for argument in arguments:  # a generator would take one more frame per level of an expression
        found.append(Operand(value(emission, scope, argument), argument.type, *_constant_of(argument)))  # noqa: PERF401
    return tuple(found)


def literal(constant: object, type_: KqlType) -> Sql:
    """Emit a constant of a KQL type."""
    name = duckdb_type(type_)
    match constant:
        case None:
            return null_of(type_)
        case tuple() if type_.element is not None:
            return Cast(ListLiteral(tuple(literal(each, KqlType(type_.element)) for each in constant)), name)
        case datetime():
            return Literal(constant.isoformat(sep=" "), name)
        case int() if type_.scalar is Scalar.REAL:
            return Literal(float(constant))
        case bool() | float() | str() if type_.scalar in (Scalar.BOOL, Scalar.REAL, Scalar.STRING):
            return Literal(constant)
        case _:
            return Literal(constant, name)


def column_names(expression: BoundExpression) -> Iterator[tuple[int, str]]:
    """Yield the columns an expression reads, once per occurrence; those of subqueries are not its own."""
    for each in _with_operands(expression):
        if isinstance(each, ColumnReference):
            yield each.side, each.name


def has_window_call(expression: BoundExpression) -> bool:
    """Tell whether an expression reads neighboring rows."""
    return any(isinstance(each, WindowCall) for each in _with_operands(expression))


def _with_operands(expression: BoundExpression) -> Iterator[BoundExpression]:
    """Yield an expression and all below it, not those inside subqueries; without recursion, for deep ones."""
    waiting = [expression]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += children(each)


def _constant_of(argument: BoundExpression) -> tuple[bool, object]:
    match argument:
        case Constant(constant):
            return True, constant
        case Conversion(Constant(constant), type_) if not type_.is_typed_list and type_.scalar.is_numeric:
            return True, constant
        case _:
            return False, None


def scalar_table(emission: Emission, plan: Plan, *, materialized: bool = False) -> str:
    """Emit what a scalar subquery runs, and return the common table expression that holds its value."""
    # A `let` that is read twice is one plan: it is computed once.
    if id(plan) not in emission.scalars:
        rows = emission.plan(plan)
        item = Item(rows.columns[0], "$value")
        first = Select((item,), rows.source, rows.condition, order_by=rows.order or (), limit=Literal(1))
        emission.scalars[id(plan)] = emission.cte(first, "v", materialized=materialized)
    return emission.scalars[id(plan)]


def _scalar_subquery(emission: Emission, plan: Plan, type_: KqlType) -> Sql:
    table = scalar_table(emission, plan)
    alias = emission.alias()
    cell = Item(ColumnRef("$value", alias), "$value")
    result = Subquery(Select((cell,), emission.table(table, alias)))
    return coalesce(result, null_of(type_)) if type_.scalar is Scalar.STRING else result


def _membership(emission: Emission, scope: Scope, test: InSubquery) -> Sql:
    rows = emission.closed(emission.plan(test.plan))
    member = rows.columns[0]
    operand = value(emission, scope, test.operand)
    if test.ignore_case:
        member, operand = call("lower", member), call("lower", operand)
    # Without nulls among the members only a null operand makes the test null.
    members = Select((Item(member, "$value"),), rows.source, is_not_null(member))
    found = coalesce(InQuery(operand, members), FALSE)
    return not_(found) if test.negated else found
