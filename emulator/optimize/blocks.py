"""Long chains of functions of serialized rows, in blocks that do not pass on each other's columns.

Each `extend` with `prev`, `row_cumsum` and the like is a subquery over the one before, with all columns so far: 500 in
a row would be 125,000 columns to bind and to hold. So the rows are numbered once, and blocks of such operators are
tables of the columns that they add, with the row's number, by which they are joined where they are read.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import count

from emulator.binder.expression import WINDOWS, BoundExpression, ColumnReference, InSubquery, ScalarSubquery, WindowCall
from emulator.binder.plan import (
    Filter,
    ForEachGroup,
    Join,
    JoinKey,
    Materialized,
    Plan,
    Project,
    Serialize,
    Sort,
    SortKey,
    is_serialized,
)
from emulator.binder.projections import references
from emulator.binder.walk import bottom_up, children, with_children
from emulator.functions.windows import WINDOWS as FUNCTIONS
from emulator.optimize.walk import fresh_keys, mapped, nodes, parts
from emulator.text import NOWHERE
from emulator.types import LONG, Column, Schema
from emulator.work import check_work

# Fewer operators, or of fewer columns on average, cost less than the joins do.
_LONG = 64
_WIDE = 32
# Operators of a block: it passes on half as many columns on average, and is one join more.
_BLOCK = 32
_ROW = ColumnReference("$row", LONG, NOWHERE)
_ROW_NUMBER = next(each for each in FUNCTIONS if each.name == "row_number")
_Step = Project | Filter | Serialize


def in_blocks(plan: Plan, found: tuple[Plan, ...]) -> Plan:
    """Return a plan of these nodes with the same rows, in which such chains are of linear size."""
    return _Blocks(plan, found).rebuilt() if _is_long([each for each in found if _has_windows(each)]) else plan


def _has_windows(node: Plan) -> bool:
    return isinstance(node, Project) and any(each.traits & WINDOWS for each in node.expressions)


def _is_long(found: Collection[Plan]) -> bool:
    return len(found) >= _LONG and sum(len(each.schema) for each in found) >= _WIDE * len(found)


class _Blocks:
    def __init__(self, plan: Plan, found: tuple[Plan, ...]) -> None:
        self._plan = plan
        self._nodes = found
        self._keys = fresh_keys(self._nodes)
        self._rebuilt: dict[int, Plan] = {}

    def rebuilt(self) -> Plan:
        chains = {id(chain[-1]): chain for chain in self._chains()}
        passed = {id(each) for chain in chains.values() for each in chain[:-1]}
        for node in self._nodes:
            if id(node) in chains:
                self._rebuilt[id(node)] = _Chain(chains[id(node)], self._rebuilt, self._keys).plan()
            elif id(node) not in passed:
                over = mapped(node, lambda each: self._rebuilt[id(each)], lambda each: _over(each, {}, self._rebuilt))
                self._rebuilt[id(node)] = over
        return self._rebuilt[id(self._plan)]

    def _chains(self) -> Iterator[list[_Step]]:
        """Yield the chains that are long, from the rows up; what others read too ends one."""
        readers = Counter(id(each) for node in self._nodes for each in _inputs(node))
        # Rows of a subplan are numbered in each group.
        subplans = (node.subplan for node in self._nodes if isinstance(node, ForEachGroup))
        inside = {id(below) for subplan in subplans for below in nodes(subplan)}
        chains: dict[int, list[_Step]] = {}
        for node in self._nodes:
            if isinstance(node, _Step) and id(node) not in inside and is_serialized(node.input):
                below = chains.pop(id(node.input), []) if readers[id(node.input)] == 1 else []
                chains[id(node)] = below
                below.append(node)
        return (chain for chain in chains.values() if _is_long([each for each in chain if _has_windows(each)]))


def _inputs(node: Plan) -> Iterator[Plan]:
    inputs, expressions = parts(node)
    yield from inputs
    for each in bottom_up(expressions):
        if isinstance(each, ScalarSubquery | InSubquery):
            yield each.plan


class _Chain:
    """One chain on its way: where each column is, by the name that it has in the tables."""

    def __init__(self, steps: list[_Step], rebuilt: Mapping[int, Plan], keys: Iterator[int]) -> None:
        self._steps = steps
        self._rebuilt = rebuilt
        self._keys = keys
        self._new_names = (f"$block{number}" for number in count())
        self._tables: list[Materialized] = []
        self._table_of: dict[str, int] = {}
        # The table of the rows that are left.
        self._left = 0

    def plan(self) -> Plan:
        rows = self._rebuilt[id(self._steps[0].input)]
        number = WindowCall(_ROW_NUMBER, _ROW_NUMBER.signatures[0], (), LONG, NOWHERE)
        names = {each.name: Column(next(self._new_names), each.type) for each in rows.schema}
        schema = Schema((Column(_ROW.name, LONG), *names.values()))
        self._keep(Project(rows, schema, (number, *references(rows.schema, NOWHERE))), names.values())
        for start in range(0, len(self._steps), _BLOCK):
            names = self._block(self._steps[start : start + _BLOCK], names)
        columns = tuple(names[each.name] for each in self._steps[-1].schema)
        values = references(Schema(columns), NOWHERE)
        return Project(self._joined(columns), self._steps[-1].schema, tuple(values))

    def _keep(self, rows: Plan, columns: Collection[Column]) -> None:
        self._table_of.update((each.name, len(self._tables)) for each in columns)
        kept = Schema((Column(_ROW.name, LONG), *columns))
        self._tables.append(Materialized(Project(rows, kept, tuple(references(kept, NOWHERE))), next(self._keys)))

    def _block(self, steps: list[_Step], names: Mapping[str, Column]) -> dict[str, Column]:
        """Add the table of some operators; return the columns after them."""
        names = dict(names)
        added: list[Column] = []
        read: dict[str, Column] = {}
        build: list[Callable[[Plan], Plan]] = []

        def taken(expression: BoundExpression) -> BoundExpression:
            new = _over(expression, names, self._rebuilt)
            of_others = (each for each in bottom_up((new,)) if isinstance(each, ColumnReference))
            read.update((each.name, Column(each.name, each.type)) for each in of_others if each.name in self._table_of)
            return new

        for step in steps:
            check_work()
            if isinstance(step, Filter):
                build.append(_filtered(taken(step.predicate)))
            elif isinstance(step, Project):
                values: dict[Column, BoundExpression] = {}
                after: dict[str, Column] = {}
                for column, expression in zip(step.schema, step.expressions, strict=True):
                    if isinstance(expression, ColumnReference):
                        after[column.name] = names[expression.name]
                    else:
                        after[column.name] = Column(next(self._new_names), expression.type)
                        values[after[column.name]] = taken(expression)
                build.append(_extended(values))
                added += values
                names = after
        rows = self._joined(read.values())
        for each in build:
            rows = each(rows)
        if any(isinstance(step, Filter) for step in steps):
            self._left = len(self._tables)
        self._keep(rows, added)
        return names

    def _joined(self, columns: Collection[Column]) -> Plan:
        """Return the rows that are left, in their order, with columns of the tables."""
        wanted: dict[int, list[Column]] = {}
        for column in dict.fromkeys(columns):
            wanted.setdefault(self._table_of[column.name], []).append(column)
        if max(wanted, default=-1) < self._left:
            # Later tables have no others.
            wanted[self._left] = []
        sides: list[Plan] = []
        for number, some in wanted.items():
            schema = Schema((Column(_ROW.name, LONG), *some))
            sides.append(Project(self._tables[number], schema, tuple(references(schema, NOWHERE))))
        while len(sides) > 1:
            sides = [
                _side_by_side(sides[n], sides[n + 1]) if n + 1 < len(sides) else sides[n]
                for n in range(0, len(sides), 2)
            ]
        return Sort(sides[0], (SortKey(_ROW, ascending=True, nulls_first=True),))


def _filtered(predicate: BoundExpression) -> Callable[[Plan], Plan]:
    return lambda rows: Filter(rows, predicate)


def _extended(values: Mapping[Column, BoundExpression]) -> Callable[[Plan], Plan]:
    def extend(rows: Plan) -> Plan:
        schema = Schema((*rows.schema, *values))
        return Project(rows, schema, (*references(rows.schema, NOWHERE), *values.values()))

    return extend if values else lambda rows: rows


def _side_by_side(left: Plan, right: Plan) -> Plan:
    key = JoinKey(_ROW, replace(_ROW, side=1))
    others = tuple(each for each in right.schema if each.name != _ROW.name)
    outputs = (*((0, each.name) for each in left.schema), *((1, each.name) for each in others))
    return Join("inner", left, right, (key,), Schema((*left.schema, *others)), outputs)


def _over(expression: BoundExpression, names: Mapping[str, Column], rebuilt: Mapping[int, Plan]) -> BoundExpression:
    """Return an expression over renamed columns and rebuilt subqueries; without recursion, for deep ones."""
    changed: dict[int, BoundExpression] = {}
    for node in bottom_up((expression,)):
        new = with_children(node, tuple(changed[id(each)] for each in children(node)))
        if isinstance(new, ColumnReference) and new.name in names:
            new = replace(new, name=names[new.name].name)
        elif isinstance(new, ScalarSubquery | InSubquery):
            new = replace(new, plan=rebuilt[id(new.plan)])
        changed[id(node)] = new
    return changed[id(expression)]
