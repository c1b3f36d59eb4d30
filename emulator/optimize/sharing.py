"""What a plan shares stays shared to the SQL, and nothing in it is deeper than DuckDB and its own compiler follow.

A `let`, a parameter or a column stands at every place that reads it. As SQL it would be written at each: 40 lets that
each use the one before twice would be 2^40 copies. Where that costs much, a shared expression becomes a column of a
projection below, or a subquery where it is the same for all rows, and shared rows become a common table expression.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count

from emulator.binder.expression import (
    COLUMNS,
    SUBQUERIES,
    VOLATILE,
    BoundExpression,
    ColumnReference,
    Constant,
    CurrentTime,
    FunctionCall,
    InSubquery,
    QueryParameter,
    ScalarSubquery,
)
from emulator.binder.plan import (
    Aggregate,
    Expand,
    Filter,
    GroupInput,
    Join,
    MakeSeries,
    Materialized,
    OneRow,
    Plan,
    Project,
    Sort,
)
from emulator.binder.walk import bottom_up, children, rewritten, with_children
from emulator.functions.copies import Copies
from emulator.optimize.blocks import in_blocks
from emulator.optimize.copies import LEAF, copies
from emulator.optimize.walk import fresh_keys, mapped, nodes, parts, separate
from emulator.text import NOWHERE
from emulator.types import Column, Schema
from emulator.work import check_work

# How many copies of a node it takes to be worth a projection or a table of its own. The shipped endpoints stay below,
# since DuckDB sees through what is written out, but not through a common table expression.
_WORTH = 2_000
# Levels of SQL in an expression: DuckDB follows 1000, and takes several for some.
_DEEPEST = 160
# Operators in a row, of which each is a subquery at worst.
_LONGEST = 100
_MANY = 1 << 40
# DuckDB makes a join of each place of a scalar subquery, and nests these joins.
_SUBQUERY = 100
_LEAVES = (ColumnReference, Constant, QueryParameter, CurrentTime)


def shared(plan: Plan) -> Plan:
    """Return a plan with the same rows that writes nothing large twice, and that is not deep."""
    found = tuple(nodes(plan))
    blocks = in_blocks(plan, found)
    return _Sharing(blocks, found if blocks is plan else tuple(nodes(blocks))).rebuilt()


def in_steps(plan: Plan) -> tuple[Plan, tuple[Plan, ...]]:
    """Return a plan as `shared` makes it, and the steps in which to emit it."""
    once = shared(plan)
    return once, () if once is plan else tuple(separate(once))


class _Sharing:
    def __init__(self, plan: Plan, found: tuple[Plan, ...]) -> None:
        self._plan = plan
        self._nodes = found
        self._parts = {id(node): parts(node) for node in self._nodes}
        self._rebuilt: dict[int, Plan] = {}
        self._is_changed = False
        # As SQL, with all copies; and in levels of subqueries.
        self._sizes: dict[int, int] = {}
        self._depths: dict[int, int] = {}
        # What is the same for all rows is a column of one row, which grows; outside of it, a subquery.
        self._row: Plan = OneRow()
        self._in_row: dict[int, ColumnReference] = {}
        self._apart: dict[int, ScalarSubquery] = {}
        self._names = (f"$shared{number}" for number in count())
        self._keys = fresh_keys(self._nodes)

    def rebuilt(self) -> Plan:
        readers = self._readers()
        for plan in self._nodes:
            inputs, expressions = self._parts[id(plan)]
            operator, size, depth = self._operator(plan, inputs, expressions)
            size += sum(self._sizes[id(each)] for each in inputs)
            depth += max((self._depths[id(each)] for each in inputs), default=0)
            if isinstance(plan, Materialized):
                size = depth = 1
            elif plan is not self._plan and (inputs or expressions):
                is_large = (readers[id(plan)] - 1) * size >= _WORTH or depth >= _LONGEST
                operator, size, depth = (self._computed_once(operator), 1, 1) if is_large else (operator, size, depth)
            self._is_changed = self._is_changed or operator is not plan
            self._rebuilt[id(plan)], self._sizes[id(plan)], self._depths[id(plan)] = operator, min(size, _MANY), depth
            check_work()
        return self._rebuilt[id(self._plan)]

    def _readers(self) -> Counter[int]:
        readers: Counter[int] = Counter()
        for plan in self._nodes:
            inputs, expressions = self._parts[id(plan)]
            readers.update(map(id, inputs))
            # The emitter writes what a scalar subquery runs once, however often it is read.
            with_subqueries = (each for each in expressions if each.traits & SUBQUERIES)
            readers.update(id(each.plan) for each in bottom_up(with_subqueries) if isinstance(each, InSubquery))
        return readers

    def _computed_once(self, plan: Plan) -> Materialized:
        return Materialized(plan, next(self._keys))

    def _operator(
        self, plan: Plan, inputs: tuple[Plan, ...], expressions: tuple[BoundExpression, ...]
    ) -> tuple[Plan, int, int]:
        """Return an operator over rebuilt inputs, what its expressions are as SQL, and its levels of subqueries."""
        order = tuple(bottom_up(expressions))
        if all(isinstance(each, ColumnReference) for each in order):
            return self._over_rebuilt(plan, inputs), 1 + len(order), 1
        measure = _Measure(self._apart)
        measure.all(order)
        size = sum(measure.size(each) for each in expressions)
        below = _Below(plan)
        if size >= _WORTH or measure.wanted or any(measure.depth(each) >= _DEEPEST for each in expressions):
            below.wanted |= measure.wanted
            measure = _Measure(self._apart)
            measure.cut(order, expressions, below)
            size = sum(measure.size(each) for each in expressions)
        plans = [self._depths[id(each.plan)] for each in order if isinstance(each, ScalarSubquery | InSubquery)]
        depth = 1 + max(plans, default=0)
        if not measure.cuts and not self._is_changed:
            return plan, 1 + size, depth
        changed = self._changed(order, measure.cuts, below)
        is_same = all(self._rebuilt[id(each)] is each for each in inputs)
        if is_same and all(changed[id(each)] is each for each in expressions):
            return plan, 1 + size, depth
        below.keep(changed[id(each)] for each in expressions)
        sides = iter(range(len(inputs)))
        operator = mapped(
            plan,
            lambda each: self._over(self._rebuilt[id(each)], below.columns, next(sides)),
            lambda each: changed[id(each)],
        )
        if operator.schema.names != plan.schema.names:
            # What passes its rows on as they are passes on the columns that were put below it.
            references = tuple(ColumnReference(each.name, each.type, NOWHERE) for each in plan.schema)
            operator = Project(operator, plan.schema, references)
        return operator, 1 + size, depth

    def _over_rebuilt(self, plan: Plan, inputs: tuple[Plan, ...]) -> Plan:
        if all(self._rebuilt[id(each)] is each for each in inputs):
            return plan
        return mapped(plan, lambda each: self._rebuilt[id(each)], lambda each: each)

    def _changed(
        self, order: tuple[BoundExpression, ...], cuts: set[int], below: "_Below"
    ) -> dict[int, BoundExpression]:
        """Return what becomes of each node: those that are cut off are read from where they are computed."""
        changed: dict[int, BoundExpression] = {}
        in_row: dict[int, BoundExpression] = {}
        for node in order:
            if id(node) in self._apart:
                changed[id(node)], in_row[id(node)] = self._apart[id(node)], self._in_row[id(node)]
                continue
            new = with_children(node, tuple(changed[id(each)] for each in children(node)))
            if isinstance(new, ScalarSubquery | InSubquery) and self._rebuilt[id(new.plan)] is not new.plan:
                new = replace(new, plan=self._rebuilt[id(new.plan)])
            inner = new
            if not _is_of_row(node) and not isinstance(node, ScalarSubquery | InSubquery):
                inner = with_children(node, tuple(in_row[id(each)] for each in children(node)))
            in_row[id(node)] = inner
            if id(node) not in cuts:
                changed[id(node)] = new
            elif _is_of_row(node) or id(node) in below.wanted:
                changed[id(node)] = below.take(node, new, next(self._names))
            else:
                changed[id(node)] = self._keep_apart(node, inner)
                in_row[id(node)] = self._in_row[id(node)]
        return changed

    def _keep_apart(self, node: BoundExpression, new: BoundExpression) -> ScalarSubquery:
        column = Column(next(self._names), new.type)
        references = (ColumnReference(each.name, each.type, NOWHERE) for each in self._row.schema)
        row = Project(self._row, Schema((*self._row.schema.columns, column)), (*references, new))
        self._row = self._computed_once(row)
        reference = self._in_row[id(node)] = ColumnReference(column.name, column.type, node.span)
        cell = Project(self._row, Schema((Column("value", column.type),)), (reference,))
        self._apart[id(node)] = ScalarSubquery(cell, column.type, node.span)
        return self._apart[id(node)]

    def _over(self, plan: Plan, columns: Iterable["_Column"], side: int) -> Plan:
        """Return an input with the columns that an operator needs in it, in levels over one another."""
        own = [each for each in columns if each.side == side]
        schema = plan.schema
        for level in sorted({each.level for each in own}):
            added = [each for each in own if each.level == level]
            kept = (
                *schema,
                *(Column(each.name, each.expression.type) for each in own if each.level < level <= each.until),
            )
            references = (ColumnReference(each.name, each.type, NOWHERE) for each in kept)
            now = Schema((*kept, *(Column(each.name, each.expression.type) for each in added)))
            # As a table: DuckDB would write projections into one another again, with all copies, to see whether rows
            # that a LIMIT drops need their columns (its late materialization).
            plan = self._computed_once(Project(plan, now, (*references, *(each.expression for each in added))))
        return plan


@dataclass(slots=True)
class _Column:
    """A column to be computed below an operator, in one of its inputs; no level after `until` reads it."""

    name: str
    expression: BoundExpression
    side: int
    level: int
    until: int


class _Below:
    """What is computed below an operator."""

    def __init__(self, plan: Plan) -> None:
        self.columns: list[_Column] = []
        # What has to be a column, since DuckDB has no subquery in a lambda.
        self.wanted: set[int] = set()
        self._named: dict[str, _Column] = {}
        self.has_sides = isinstance(plan, Join)
        self.is_possible = isinstance(plan, Filter | Project | Aggregate | Sort | MakeSeries | Join) or (
            # The rows of mv-apply begin with the items of its groups.
            isinstance(plan, Expand) and not isinstance(plan.input, GroupInput)
        )

    def take(self, node: BoundExpression, new: BoundExpression, name: str) -> BoundExpression:
        """Compute an expression below, and return the column that it is now."""
        side = max((each.side for each in bottom_up((new,)) if isinstance(each, ColumnReference)), default=0)
        read = self._read((new,))
        level = max((each.level + 1 for each in read), default=0)
        for each in read:
            each.until = max(each.until, level)
        column = _Column(name, rewritten(new, _on_one_side) if side else new, side, level, level)
        self._named[name] = column
        self.columns.append(column)
        return ColumnReference(name, node.type, node.span, side)

    def keep(self, expressions: Iterable[BoundExpression]) -> None:
        """Keep what expressions of the operator itself read."""
        for each in self._read(expressions):
            each.until = _MANY

    def _read(self, expressions: Iterable[BoundExpression]) -> list[_Column]:
        names = [each.name for each in bottom_up(expressions) if isinstance(each, ColumnReference)]
        return [self._named[name] for name in names if name in self._named]


def _on_one_side(node: BoundExpression) -> BoundExpression | None:
    return replace(node, side=0) if isinstance(node, ColumnReference) else None


def _is_struct(call: FunctionCall) -> bool:
    """Tell whether a call gives all its columns to the function around it, as one value."""
    outputs = call.function.outputs
    return call.output is None and outputs is not None and bool(outputs(tuple(each.type for each in call.arguments)))


class _Measure:
    """How large and how deep expressions are as SQL, and which of them are to be computed elsewhere."""

    def __init__(self, apart: Mapping[int, ScalarSubquery]) -> None:
        self.cuts: set[int] = set()
        self.wanted: set[int] = set()
        self._apart = apart
        self._with_subqueries: set[int] = set()
        self._in_lambdas: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._depths: dict[int, int] = {}

    def size(self, node: BoundExpression) -> int:
        """Return the number of nodes with all copies."""
        return self._sizes[id(node)]

    def depth(self, node: BoundExpression) -> int:
        """Return the number of levels."""
        return self._depths[id(node)]

    def all(self, order: Iterable[BoundExpression]) -> None:
        """Measure expressions as they are."""
        for node in order:
            self._measure(node)

    def cut(self, order: Iterable[BoundExpression], roots: Iterable[BoundExpression], below: _Below) -> None:
        """Measure expressions, and decide which are computed elsewhere."""
        readers = Counter(map(id, roots))
        for node in order:
            for child, copied in zip(children(node), self._copies(node), strict=True):
                readers[id(child)] += copied.number
                if copied.in_lambda:
                    self._in_lambdas.add(id(child))
        for node in order:
            self._measure(node)
            size, depth = self._sizes[id(node)], self._depths[id(node)]
            is_large = (readers[id(node)] - 1) * size >= _WORTH or depth >= _DEEPEST
            if (is_large or id(node) in below.wanted) and self._may_be_cut(node, below):
                self._cut(node, below)

    def _may_be_cut(self, node: BoundExpression, below: _Below) -> bool:
        if isinstance(node, _LEAVES) or id(node) in self._apart:
            return id(node) in below.wanted and below.is_possible
        if isinstance(node, FunctionCall) and _is_struct(node):
            # No value that a column may hold.
            return False
        if isinstance(node, ScalarSubquery) or id(node) in below.wanted:
            return below.is_possible and not below.has_sides
        return below.is_possible or not _is_of_row(node)

    def _cut(self, node: BoundExpression, below: _Below) -> None:
        self.cuts.add(id(node))
        in_lambda = id(node) in self._in_lambdas and below.is_possible and not below.has_sides
        if isinstance(node, ScalarSubquery) or in_lambda:
            below.wanted.add(id(node))
        is_column = _is_of_row(node) or id(node) in below.wanted
        self._sizes[id(node)], self._depths[id(node)] = 1 if is_column else _SUBQUERY, 1
        (self._with_subqueries.discard if is_column else self._with_subqueries.add)(id(node))

    def _measure(self, node: BoundExpression) -> None:
        size = depth = 1
        if id(node) in self._apart or isinstance(node, ScalarSubquery | InSubquery):
            self._with_subqueries.add(id(node))
        if id(node) in self._apart or isinstance(node, ScalarSubquery):
            size = _SUBQUERY
        else:
            for child, copied in zip(children(node), self._copies(node), strict=True):
                size += copied.number * self._sizes[id(child)]
                depth = max(depth, copied.levels + self._depths[id(child)])
                if id(child) in self._with_subqueries:
                    self._with_subqueries.add(id(node))
                    if copied.in_lambda:
                        self.wanted.add(id(child))
        self._sizes[id(node)], self._depths[id(node)] = min(size, _MANY), depth

    def _copies(self, node: BoundExpression) -> tuple[Copies, ...]:
        operands = children(node)
        if all(isinstance(each, _LEAVES) for each in operands):
            return (LEAF,) * len(operands)
        return copies(node)


def _is_of_row(node: BoundExpression) -> bool:
    return bool(node.traits & (COLUMNS | VOLATILE))
