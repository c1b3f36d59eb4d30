"""A plan without the columns that nobody reads: DuckDB drops them too, but only after it has bound them all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import assert_never

from emulator.binder.expression import (
    SUBQUERIES,
    BoundExpression,
    ColumnReference,
    InSubquery,
    ScalarSubquery,
)
from emulator.binder.plan import (
    Aggregate,
    Expand,
    Filter,
    ForEachGroup,
    GroupInput,
    Join,
    Limit,
    MakeSeries,
    Materialized,
    OneRow,
    Plan,
    Project,
    Range,
    Scan,
    ScanMatch,
    Serialize,
    Sort,
    Union,
    Values,
)
from emulator.binder.walk import bottom_up, rewritten
from emulator.optimize.walk import mapped, parts
from emulator.text import NOWHERE
from emulator.types import Schema

Names = frozenset[str]


def narrowed(plan: Plan, separate: Iterable[Plan] = ()) -> Plan:
    """Return a plan with the same columns and rows, made from no more columns than that takes.

    A deep plan is gone through in the steps that it is `separate` in.
    """
    narrowing = _Narrowing()
    for each in separate:
        narrowing.step(each)
    return narrowing.exactly(plan, plan.schema.names)


class _Narrowing:
    def __init__(self) -> None:
        # The plans asked for are kept too, so that no other one gets their identity.
        self._known: dict[tuple[int, Names], tuple[Plan, Plan]] = {}
        self._exact: dict[tuple[int, tuple[str, ...]], tuple[Plan, Plan]] = {}

    def step(self, plan: Plan) -> None:
        """Go through a plan that others read, so that its way is not part of theirs."""
        if isinstance(plan, Materialized):
            self._whole(plan.input)
        else:
            self._cell(plan)

    def exactly(self, plan: Plan, names: Iterable[str]) -> Plan:
        """Return a plan with these columns only, in their order."""
        wanted = tuple(names)
        key = id(plan), wanted
        if key not in self._exact:
            narrow = self.plan(plan, frozenset(wanted))
            schema = _only(plan.schema, frozenset(wanted))
            if narrow.schema.names != schema.names:
                narrow = Project(narrow, schema, tuple(ColumnReference(c.name, c.type, NOWHERE) for c in schema))
            self._exact[key] = plan, narrow
        return self._exact[key][1]

    def plan(self, plan: Plan, needed: Names) -> Plan:
        """Return a plan with the needed columns, perhaps with more, at least one, in their order."""
        key = id(plan), needed
        if key not in self._known:
            narrow = self._of(plan)
            self._known[key] = plan, narrow(plan, needed)
        return self._known[key][1]

    def _of(self, plan: Plan) -> Callable[..., Plan]:
        """Return what narrows a kind of node; to call it here would take one more frame per operator of a query."""
        match plan:
            case Scan():
                return _scan
            case Values():
                return _values
            case Project():
                return self._project
            case Filter() | Sort() | Serialize() | Limit():
                return self._passing
            case Aggregate():
                return self._aggregate
            case Join():
                return self._join
            case Union():
                return self._union
            case Expand():
                return self._expand
            case MakeSeries():
                return self._series
            case ForEachGroup():
                return self._groups
            case OneRow() | GroupInput() | Range() | ScanMatch() | Materialized():
                return self._as_it_is
            case _:
                assert_never(plan)

    def _passing(self, plan: Filter | Sort | Serialize | Limit, needed: Names) -> Plan:
        return mapped(plan, partial(self.plan, needed=needed | _read(plan)), self._expression)

    def _series(self, plan: MakeSeries, _: Names) -> Plan:
        return mapped(plan, partial(self.plan, needed=_read(plan)), self._expression)

    def _groups(self, plan: ForEachGroup, _: Names) -> Plan:
        # The subplan reads the rows of its group as they are.
        return replace(plan, input=self._whole(plan.input))

    def _as_it_is(self, plan: Plan, _: Names) -> Plan:
        return mapped(plan, self._whole, self._expression)

    def _whole(self, plan: Plan) -> Plan:
        return self.exactly(plan, plan.schema.names)

    def _cell(self, plan: Plan) -> Plan:
        return self.exactly(plan, plan.schema.names[:1])

    def _expression(self, expression: BoundExpression) -> BoundExpression:
        if not expression.traits & SUBQUERIES:
            return expression

        def change(node: BoundExpression) -> BoundExpression | None:
            match node:
                case ScalarSubquery(plan):
                    return replace(node, plan=self._cell(plan))
                case InSubquery(operand, plan):
                    return replace(node, operand=rewritten(operand, change), plan=self._cell(plan))
                case _:
                    return None

        return rewritten(expression, change)

    def _project(self, plan: Project, needed: Names) -> Plan:
        schema = _only(plan.schema, needed)
        expressions = plan.expressions
        if len(schema) < len(plan.schema):
            values = dict(zip(plan.schema.names, plan.expressions, strict=True))
            expressions = tuple(values[name] for name in schema.names)
        narrow = Project(plan.input, schema, expressions)
        below = _read(narrow)
        return mapped(narrow, partial(self.plan, needed=below), self._expression)

    def _aggregate(self, plan: Aggregate, needed: Names) -> Plan:
        count = len(plan.keys)
        keys, columns = plan.schema.columns[:count], plan.schema.columns[count:]
        kept = [(column, call) for column, call in zip(columns, plan.aggregates, strict=True) if column.name in needed]
        if not keys and not kept:
            kept = [(columns[0], plan.aggregates[0])]
        schema = Schema((*keys, *(column for column, _ in kept)))
        narrow = Aggregate(plan.input, schema, plan.keys, tuple(call.alone() for _, call in kept))
        below = _read(narrow)
        return mapped(narrow, partial(self.plan, needed=below), self._expression)

    def _join(self, plan: Join, needed: Names) -> Plan:
        schema = _only(plan.schema, needed)
        origins = dict(zip(plan.schema.names, plan.outputs, strict=True))
        outputs = tuple(origins[name] for name in schema.names)
        columns = (*(each for key in plan.keys for side in (key.left, key.right) for each in _columns(side)), *outputs)
        left, right = (
            self.plan(input_, frozenset(name for side, name in columns if side == number))
            for number, input_ in enumerate((plan.left, plan.right))
        )
        narrow = replace(plan, left=left, right=right, schema=schema, outputs=outputs)
        return mapped(narrow, lambda each: each, self._expression)

    def _union(self, plan: Union, needed: Names) -> Plan:
        schema = _only(plan.schema, needed)
        return Union(tuple(self.exactly(each, schema.names) for each in plan.inputs), schema)

    def _expand(self, plan: Expand, needed: Names) -> Plan:
        schema = _only(plan.schema, needed)
        opened = {each.column.name for each in plan.expansions}
        below = _read(plan) | frozenset(name for name in schema.names if name not in opened)
        index = plan.item_index if plan.item_index in schema.names else None
        narrow = replace(plan, schema=schema, item_index=index)
        return mapped(narrow, partial(self.plan, needed=below), self._expression)


def _scan(plan: Scan, needed: Names) -> Plan:
    return Scan(plan.stored, frozenset(_only(plan.schema, needed).names))


def _values(plan: Values, needed: Names) -> Plan:
    schema = _only(plan.schema, needed)
    kept = [number for number, name in enumerate(plan.schema.names) if name in schema.names]
    return Values(schema, tuple(tuple(row[number] for number in kept) for row in plan.rows))


def _only(schema: Schema, needed: Names) -> Schema:
    """Return the needed columns of a schema, one in any case."""
    kept = tuple(column for column in schema if column.name in needed)
    return Schema(kept or schema.columns[:1])


def _read(plan: Plan) -> Names:
    """Return the columns of its input that a node reads."""
    return frozenset(name for expression in parts(plan)[1] for _, name in _columns(expression))


def _columns(expression: BoundExpression) -> Iterator[tuple[int, str]]:
    for node in bottom_up((expression,)):
        if isinstance(node, ColumnReference):
            yield node.side, node.name
