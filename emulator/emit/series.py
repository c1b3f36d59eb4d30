"""`make-series`: aggregates per bin, laid over a grid of bins per group, as one typed list per column.

Bins are counted from the start, or from the origin of `bin()` where no start is given. The grid of a group then runs
from its first to its last bin with data: make-series-operator.md, parameters `from` and `to`.
"""

from dataclasses import dataclass

from emulator.binder.plan import MakeSeries
from emulator.emit.aggregates import in_order
from emulator.emit.context import Emission
from emulator.emit.expressions import Scope, value
from emulator.emit.names import physical_names
from emulator.emit.relation import Relation
from emulator.emit.scalars import computed
from emulator.functions.physical import convert
from emulator.sql.ast import Call, ColumnRef, Item, JoinRef, Literal, OrderBy, Select, Sql, SubqueryRef
from emulator.sql.build import TRUE, and_, call, case, cast, fail, is_not_null, lit, op
from emulator.types import MAX_ITEMS, KqlType, Scalar, list_of


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the bins of an axis lie; `start` and `stop` are None where the data decide."""

    axis: KqlType
    start: Sql | None
    stop: Sql | None
    step: Sql
    stop_inclusive: bool

    def bin_of(self, axis: Sql) -> Sql:
        """Return the number of the bin that a value falls into."""
        return self._whole(self._distance(axis))

    def in_range(self, axis: Sql) -> tuple[Sql, ...]:
        """Return the conditions for a value to be on the grid."""
        conditions: list[Sql] = [is_not_null(axis)]
        if self.start is not None:
            conditions.append(op(">=", axis, self.start))
        if self.stop is not None:
            conditions.append(op("<=" if self.stop_inclusive else "<", axis, self.stop))
        return tuple(conditions)

    def first(self, lowest: Sql) -> Sql:
        """Return the number of the first bin; `lowest` is the first one with data."""
        return lowest if self.start is None else lit(0, "BIGINT")

    def end(self, highest: Sql) -> Sql:
        """Return the number after the last bin; `highest` is the last one with data."""
        if self.stop is None:
            return op("+", highest, lit(1))
        last = self.bin_of(self.stop)
        if self.stop_inclusive:
            return op("+", last, lit(1))
        is_on_edge = op("=", self._distance(self.stop), op("*", last, self.step))
        return op("+", last, case((is_on_edge, lit(0)), otherwise=lit(1)))

    def value_of(self, number: Sql) -> Sql:
        """Return where a bin starts."""
        offset = op("*", number, self.step)
        if self.axis.scalar is Scalar.DATETIME:
            if self.start is None:
                return call("kql_datetime_of_ticks", offset)
            return call("kql_add_ticks", self.start, offset)
        return offset if self.start is None else op("+", self.start, offset)

    def _distance(self, axis: Sql) -> Sql:
        if self.axis.scalar is Scalar.DATETIME:
            return call("kql_ticks", axis) if self.start is None else call("kql_minus", axis, self.start)
        return axis if self.start is None else op("-", axis, self.start)

    def _whole(self, distance: Sql) -> Sql:
        if self.axis.scalar is Scalar.REAL:
            return cast(call("floor", op("/", distance, self.step)), "BIGINT")
        return cast(call("kql_floor_div", distance, self.step), "BIGINT")


def make_series(emission: Emission, plan: MakeSeries, rows: Relation) -> Relation:
    """Emit the arrays of every group."""
    constants = Scope(())
    start, stop = (None if bound is None else value(emission, constants, bound) for bound in (plan.start, plan.stop))
    step = value(emission, constants, plan.step)
    grid = _Grid(plan.axis.type, start, stop, step, plan.stop_inclusive)
    keys, bins = _bins(emission, plan, rows, grid)
    cells = _cells(emission, plan, grid, keys, bins)
    alias = emission.alias()
    names = physical_names(plan.schema)
    return Relation(
        plan.schema,
        tuple(ColumnRef(name, alias) for name in names),
        SubqueryRef(cells, alias),
        groups=tuple(ColumnRef(key, alias) for key in keys if key.startswith("$group_")),
        carried=tuple(ColumnRef(key, alias) for key in keys if key.startswith("$carried_")),
    )


def _bins(emission: Emission, plan: MakeSeries, rows: Relation, grid: _Grid) -> tuple[tuple[str, ...], str]:
    """Add the aggregates per group and bin as a common table expression; return the names of its keys and its own."""
    calls = tuple(each.call for each in plan.aggregates)
    rows, emitted = computed(emission, emission.closed(rows), (*plan.keys, plan.axis, *calls))
    keys, axis, aggregates = emitted[: len(plan.keys)], emitted[len(plan.keys)], emitted[len(plan.keys) + 1 :]
    keyed = {f"$key_{n}": sql for n, sql in enumerate(keys)}
    keyed |= {f"$group_{n}": sql for n, sql in enumerate(rows.groups)}
    keyed |= {f"$carried_{n}": sql for n, sql in enumerate(rows.carried)}
    items = [Item(sql, name) for name, sql in keyed.items()]
    items.append(Item(grid.bin_of(axis), "$bin"))
    positions = tuple(Literal(n + 1) for n in range(len(items)))
    items.extend(Item(in_order(sql, rows.order), f"$value_{n}") for n, sql in enumerate(aggregates))
    where = and_((*rows.where, *grid.in_range(axis)))
    select = Select(tuple(items), rows.source, where, group_by=positions)
    return tuple(keyed), emission.cte(select, "b")


def _cells(emission: Emission, plan: MakeSeries, grid: _Grid, keys: tuple[str, ...], bins: str) -> Select:
    edges, numbers, cells, found = (emission.alias() for _ in range(4))
    low, high = (call(name, ColumnRef("$bin", edges)) for name in ("min", "max"))
    bounds = Select(
        (
            *(Item(ColumnRef(key, edges), key) for key in keys),
            # An aggregate in any case: without keys the bounds are one row.
            Item(_bin_numbers(grid.first(low), grid.end(high)), "$bins"),
            Item(call("count"), "$count"),
        ),
        emission.table(bins, edges),
        group_by=tuple(Literal(n + 1) for n in range(len(keys))),
        having=None if plan.is_nonempty else op(">", call("count"), lit(0)),
    )
    numbered = Select(
        (
            *(Item(ColumnRef(key, numbers), key) for key in keys),
            Item(call("unnest", ColumnRef("$bins", numbers)), "$bin"),
        ),
        SubqueryRef(bounds, numbers),
    )
    matches = [op("=", ColumnRef("$bin", cells), ColumnRef("$bin", found))]
    matches.extend(op("IS NOT DISTINCT FROM", ColumnRef(key, cells), ColumnRef(key, found)) for key in keys)
    inner = emission.alias()
    present = Select(
        (
            *(Item(ColumnRef(key, inner), key) for key in (*keys, "$bin")),
            *(Item(ColumnRef(f"$value_{n}", inner), f"$value_{n}") for n in range(len(plan.aggregates))),
            Item(TRUE, "$found"),
        ),
        emission.table(bins, inner),
    )
    source = JoinRef("LEFT", SubqueryRef(numbered, cells), SubqueryRef(present, found), and_(matches))
    return Select(
        _arrays(emission, plan, grid, keys, cells, found),
        source,
        group_by=tuple(Literal(n + 1) for n in range(len(keys))),
        having=op(">", call("count"), lit(0)),
    )


def _bin_numbers(first: Sql, end: Sql) -> Sql:
    too_many = op(">", op("-", end, first), lit(MAX_ITEMS))
    fault = fail(lit(f"make-series: more than {MAX_ITEMS} bins"))
    return call("range", first, case((too_many, cast(fault, "BIGINT")), otherwise=end))


def _arrays(
    emission: Emission, plan: MakeSeries, grid: _Grid, keys: tuple[str, ...], cells: str, found: str
) -> tuple[Item, ...]:
    names = physical_names(plan.schema)
    columns = plan.schema.columns
    number = ColumnRef("$bin", cells)
    order = (OrderBy(number),)
    items = [Item(ColumnRef(key, cells), names[n] if key.startswith("$key_") else key) for n, key in enumerate(keys)]
    for n, series in enumerate(plan.aggregates, len(plan.keys)):
        default = convert(value(emission, Scope(()), series.default), series.default.type, series.call.type)
        cell = case(
            (is_not_null(ColumnRef("$found", found)), ColumnRef(f"$value_{n - len(plan.keys)}", found)),
            otherwise=default,
        )
        items.append(Item(_array(cell, series.call.type, order, columns[n].type), names[n]))
    axis = grid.value_of(number)
    items.append(Item(_array(axis, grid.axis, order, columns[-1].type), names[-1]))
    return tuple(items)


def _array(cell: Sql, type_: KqlType, order: tuple[OrderBy, ...], target: KqlType) -> Sql:
    # An array of arrays has JSON elements.
    cell = convert(cell, type_, type_.kql)
    listed = Call("list", (cell,), order_by=order)
    return convert(listed, list_of(type_.scalar), target)
