"""Rows from nothing: `range`."""

from emulator.binder.plan import Range
from emulator.emit.context import Emission
from emulator.emit.expressions import Scope, value
from emulator.emit.relation import Relation
from emulator.emit.scalar_types import duckdb_type
from emulator.functions.physical import convert
from emulator.sql.ast import Cast, ColumnRef, Item, OrderBy, Select, Sql, SubqueryRef
from emulator.sql.build import call, case, cast, lit, op
from emulator.types import KqlType, Scalar


def number_range(emission: Emission, plan: Range) -> Relation:
    """Emit `range`: as many steps as fit between start and stop, none where the step leads away or is zero."""
    type_ = plan.schema.columns[0].type
    bounds = Scope(())
    start, stop, step = (value(emission, bounds, each) for each in (plan.start, plan.stop, plan.step))
    steps = _steps(start, stop, step, plan.start.type)
    # Rows are numbered by an unnested list, since table functions take no subqueries.
    ends = emission.alias()
    inner = Select((Item(start, "a"), Item(step, "s"), Item(steps, "n")))
    numbers = emission.alias()
    first, by = ColumnRef("a", ends), ColumnRef("s", ends)
    index = call("unnest", call("range", lit(0, "BIGINT"), op("+", ColumnRef("n", ends), lit(1))))
    listed = Select((Item(first, "a"), Item(by, "s"), Item(index, "i")), SubqueryRef(inner, ends))
    first, by, i = (ColumnRef(name, numbers) for name in ("a", "s", "i"))
    current = convert(_nth(first, by, i, plan.start.type), plan.start.type, type_)
    return Relation(
        plan.schema,
        (Cast(current, duckdb_type(type_)),),
        SubqueryRef(listed, numbers),
        order=(OrderBy(i),),
        is_total=True,
    )


def _steps(start: Sql, stop: Sql, step: Sql, type_: KqlType) -> Sql:
    match type_.scalar:
        case Scalar.DATETIME:
            distance: Sql = call("kql_minus", stop, start)
        case _:
            distance = op("-", stop, start)
    whole = type_.scalar in (Scalar.INT, Scalar.LONG, Scalar.DATETIME, Scalar.TIMESPAN)
    divisor = call("nullif", step, lit(0))
    count = op("//", distance, divisor) if whole else call("floor", op("/", distance, divisor))
    # A distance against the direction of the step has no rows, not even the first.
    away = op("<", op("*", call("sign", distance), call("sign", step)), lit(0))
    return case((away, lit(-1, "BIGINT")), otherwise=cast(count, "BIGINT"))


def _nth(start: Sql, step: Sql, index: Sql, type_: KqlType) -> Sql:
    if type_.scalar is Scalar.DATETIME:
        return call("kql_add_ticks", start, op("*", index, step))
    return op("+", start, op("*", index, step))
