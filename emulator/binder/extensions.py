"""Many `extend` and `where` in a row as one projection over one filter.

Each `extend` passes on all columns, so that 2,000 that each add one would be 2,000,000 columns to bind and to write.
"""

from collections.abc import Sequence
from itertools import islice

from emulator.binder.bind_operators.shape import assigned, bind_extend, bind_where, condition
from emulator.binder.expression import COLUMNS, VOLATILE, WINDOWS, BoundExpression, ColumnReference
from emulator.binder.plan import Filter, Plan, Project, is_serialized
from emulator.binder.projections import references
from emulator.binder.result_names import ColumnNames
from emulator.binder.scope import Environment, Relation, Rows
from emulator.binder.walk import bottom_up, children, with_children
from emulator.syntax import operators as syntax
from emulator.text import NOWHERE
from emulator.types import Column, Schema
from emulator.work import check_work

# Shorter runs stay as they are written: DuckDB makes one projection of them itself.
_MANY = 32
# A column read by later ones is written anew in each. A projection more, which passes on all columns, costs as much as
# so many nodes for each of them.
_COPIES = 2
_FEW_COPIES = 64


def extensions(operators: Sequence[syntax.Operator], position: int) -> tuple[syntax.Extend | syntax.Where, ...]:
    """Return the `extend` and `where` that stand in a row from a position on, none where they are few."""
    if position and isinstance(operators[position - 1], syntax.Extend | syntax.Where):
        # Asked already.
        return ()
    run: list[syntax.Extend | syntax.Where] = []
    for each in islice(operators, position, None):
        if not isinstance(each, syntax.Extend | syntax.Where):
            break
        run.append(each)
    return tuple(run) if sum(isinstance(each, syntax.Extend) for each in run) >= _MANY else ()


def bind_extensions(
    nodes: Sequence[syntax.Extend | syntax.Where], relation: Relation, environment: Environment
) -> Plan:
    """Bind `extend` and `where` one after the other."""
    run = _Run(relation.plan)
    for node in nodes:
        check_work()
        environment.session.effort.spend()
        if run.takes(node, environment):
            continue
        run = _Run(run.plan())
        if not run.takes(node, environment):
            bind = bind_extend if isinstance(node, syntax.Extend) else bind_where
            run = _Run(bind(node, Relation(run.plan()), environment))  # type: ignore[arg-type] # each has its own
    return run.plan()


class _Run:
    """The columns so far, as expressions over the rows of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._is_serialized = is_serialized(plan)
        self._columns = {each.name: each for each in plan.schema}
        self._values = dict(zip(plan.schema.names, references(plan.schema, NOWHERE), strict=True))
        self._names = ColumnNames(self._values)
        # The nodes of values that are written for a column; what the plan has itself is one in any case.
        self._sizes: dict[str, int] = {}
        self._copied = 0

    def plan(self) -> Plan:
        """Return the plan with all columns so far."""
        if not self._sizes:
            return self._plan
        return Project(self._plan, Schema(tuple(self._columns.values())), tuple(self._values.values()))

    def takes(self, node: syntax.Extend | syntax.Where, environment: Environment) -> bool:
        """Add an operator, unless it reads other rows, differs each time, or would copy too much of others."""
        schema = Schema(tuple(self._columns.values()))
        if isinstance(node, syntax.Where):
            rows = Rows(schema, "where", self._is_serialized)
            found = [("", condition(node, rows, environment))]
        else:
            rows = Rows(schema, "extend", self._is_serialized)
            found = list(assigned(node.columns, environment, rows, self._names))
        if any(each.traits & (WINDOWS | VOLATILE) for _, each in found):
            return False
        read = [tuple(bottom_up((each,))) for _, each in found]
        copied = [
            sum(self._sizes.get(each.name, 0) for each in all_ if isinstance(each, ColumnReference)) for all_ in read
        ]
        if self._sizes and self._copied + sum(copied) > _FEW_COPIES + _COPIES * len(self._columns):
            return False
        self._copied += sum(copied)
        values = [self._over_rows(each, order) for (_, each), order in zip(found, read, strict=True)]
        if isinstance(node, syntax.Where):
            self._plan = Filter(self._plan, values[0])
            return True
        for (name, _), value, order, size in zip(found, values, read, copied, strict=True):
            self._columns[name] = Column(name, value.type)
            self._values[name] = value
            self._sizes[name] = len(order) + size
        return True

    def _over_rows(self, expression: BoundExpression, order: Sequence[BoundExpression]) -> BoundExpression:
        if not expression.traits & COLUMNS:
            return expression
        over: dict[int, BoundExpression] = {}
        for each in order:
            if isinstance(each, ColumnReference):
                over[id(each)] = self._values[each.name]
            else:
                over[id(each)] = with_children(each, tuple(over[id(child)] for child in children(each)))
        return over[id(expression)]
