"""Rows from nothing: `range`."""

from emulator.binder.expression import Constant
from emulator.binder.plan import Range
from emulator.emit.context import Emission
from emulator.emit.expressions import Scope, value
from emulator.emit.relation import Relation
from emulator.emit.scalar_types import duckdb_type
from emulator.functions.physical import convert
from emulator.sql.ast import Cast, ColumnRef, From, Item, OrderBy, Select, Sql, SubqueryRef
from emulator.sql.build import call, case, cast, columns, lit, op
from emulator.types import KqlType, Scalar

# Up to so many rows are numbered by one list; more, or not known how many, by lists of lists.
_SHORT = 1 << 16
_BLOCK = 1 << 10


def number_range(emission: Emission, plan: Range) -> Relation:
    """Emit `range`: as many steps as fit between start and stop, none where the step leads away or is zero."""
    type_ = plan.schema.columns[0].type
    bounds = Scope(())
    start, stop, step = (value(emission, bounds, each) for each in (plan.start, plan.stop, plan.step))
    steps = _steps(start, stop, step, plan.start.type)
    # Rows are numbered by unnested lists, since table functions take no subqueries.
    ends = emission.alias()
    inner = Select((Item(start, "a"), Item(step, "s"), Item(steps, "n")))
    numbers = emission.alias()
    source = SubqueryRef(inner, ends)
    listed = _numbered(source, ends) if _is_short(plan) else _streamed(emission, source, ends)
    first, by, i = (ColumnRef(name, numbers) for name in ("a", "s", "i"))
    current = convert(_nth(first, by, i, plan.start.type), plan.start.type, type_)
    return Relation(
        plan.schema,
        (Cast(current, duckdb_type(type_)),),
        SubqueryRef(listed, numbers),
        order=(OrderBy(i),),
        is_total=True,
    )


def _is_short(plan: Range) -> bool:
    """Tell whether one list of the rows' numbers is known to be small."""
    ends = (plan.start, plan.stop, plan.step)
    values = [each.value for each in ends if isinstance(each, Constant)]
    numbers = [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(numbers) < len(ends):
        return False
    start, stop, step = numbers
    return step != 0 and abs((stop - start) / step) < _SHORT


def _numbered(source: From, ends: str) -> Select:
    index = call("unnest", call("range", lit(0, "BIGINT"), op("+", ColumnRef("n", ends), lit(1))))
    return Select((*columns(("a", "s"), ends), Item(index, "i")), source)


def _streamed(emission: Emission, source: From, ends: str) -> Select:
    """Number the rows by lists of blocks of blocks of rows: no list is long, however long the range is.

    DuckDB computes the lists of 2,048 rows at a time: 16 MB for blocks of 1,024 rows.
    """
    last = ColumnRef("n", ends)
    index = call("unnest", call("range", lit(0, "BIGINT"), op("+", op("//", last, lit(_BLOCK**2)), lit(1))))
    listed = Select((*columns(("a", "s", "n"), ends), Item(index, "i")), source)
    for rows in (_BLOCK, 1):
        within = emission.alias()
        block, last = ColumnRef("i", within), ColumnRef("n", within)
        first, after = op("*", block, lit(_BLOCK)), op("*", op("+", block, lit(1)), lit(_BLOCK))
        end = call("least", after, op("+", op("//", last, lit(rows)), lit(1)))
        items = (*columns(("a", "s", "n"), within), Item(call("unnest", call("range", first, end)), "i"))
        listed = Select(items, SubqueryRef(listed, within))
    return listed


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
