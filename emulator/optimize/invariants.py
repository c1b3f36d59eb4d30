"""What has one value for a whole request, computed before the rows are read and bound as a parameter.

Lets, arguments and `toscalar` stand in a bound plan at every place that uses them. DuckDB would plan each of them, and
could use none of them to choose what it reads.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from emulator.binder.expression import (
    BoundExpression,
    ColumnReference,
    FunctionCall,
    InSubquery,
    QueryParameter,
    ScalarSubquery,
)
from emulator.binder.plan import Filter, ForEachGroup, GroupInput, Materialized, OneRow, Plan, Project
from emulator.binder.walk import children, rewritten
from emulator.optimize.identity import Expressions, is_cheap
from emulator.optimize.walk import mapped, nodes, parts, subplans
from emulator.text import Span
from emulator.types import Column, Schema

# Computing values first takes a statement of its own: about what it costs to plan so many function calls.
_WORTHWHILE = 8
_TIMELESS = 0


@dataclass(frozen=True, slots=True)
class Invariant:
    """A value that plans read as the query parameter `name`."""

    name: str
    expression: BoundExpression
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """Invariants that one query of one row computes, a column each; it may read those of earlier steps.

    `is_timeless`: they are the same whenever a client sends the same parameters. Such a step is the first.
    """

    plan: Plan
    invariants: tuple[Invariant, ...]
    is_timeless: bool


@dataclass(frozen=True, slots=True)
class Hoisted:
    """Plans that read their invariants as parameters, and the steps that compute these, in order."""

    plans: tuple[Plan, ...]
    steps: tuple[Step, ...] = ()


def hoisted(plans: tuple[Plan, ...]) -> Hoisted:
    """Take the invariants out of plans; where that would not pay, the plans come back as they are."""
    hoist = _Hoist(plans)
    changed = tuple(map(hoist.plan, plans))
    return Hoisted(changed, tuple(_steps(hoist))) if hoist.saved >= _WORTHWHILE else Hoisted(plans)


@dataclass(slots=True)
class _Hoist:
    """The state of one pass: the invariants found so far, by what they are."""

    plans: tuple[Plan, ...]
    found: dict[int, Invariant] = field(default_factory=dict)
    saved: int = 0
    expressions: Expressions = field(init=False)
    _shared: frozenset[int] = field(init=False)
    _changed: dict[tuple[int, bool], tuple[Plan, Plan]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = (node for plan in self.plans for node in _row_nodes(plan))
        self._shared = frozenset(node.key for node in rows if isinstance(node, Materialized))
        self.expressions = Expressions(self._is_separate)

    def plan(self, plan: Plan, *, only_subqueries: bool = False) -> Plan:
        """Return a plan without its invariants, or with its subqueries alone taken out."""
        key = id(plan), only_subqueries
        if key not in self._changed:
            # The plan is kept too, so that no other one gets its identity.
            self._changed[key] = plan, self._without(plan, only_subqueries=only_subqueries)
        return self._changed[key][1]

    def _without(self, plan: Plan, *, only_subqueries: bool) -> Plan:
        # One row is computed once in any case, by the statement that shows it.
        is_shown = isinstance(plan, Project) and isinstance(plan.input, OneRow) and len(self.plans) == 1
        if is_shown and not only_subqueries:
            return plan

        def on_plan(each: Plan) -> Plan:
            return self.plan(each, only_subqueries=only_subqueries)

        def on_expression(each: BoundExpression) -> BoundExpression:
            return self._replaced(each, only_subqueries=only_subqueries)

        changed = mapped(plan, on_plan, on_expression)
        if isinstance(plan, Filter) and isinstance(changed, Filter) and not only_subqueries:
            for condition in self._checks(plan.predicate):
                # Known before the rows are read: a range without values reads none.
                changed = Filter(changed, self._hoist(condition))
        return changed

    def _replaced(self, expression: BoundExpression, *, only_subqueries: bool) -> BoundExpression:
        def change(node: BoundExpression) -> BoundExpression | None:
            facts = self.expressions.facts(node)
            wanted = isinstance(node, ScalarSubquery) if only_subqueries else facts.reads_request
            if wanted and facts.is_invariant and not is_cheap(node) and not node.type.is_typed_list:
                return self._hoist(node)
            if isinstance(node, InSubquery):
                operand = rewritten(node.operand, change)
                return replace(node, operand=operand, plan=self.plan(node.plan, only_subqueries=only_subqueries))
            if isinstance(node, ScalarSubquery):
                return replace(node, plan=self.plan(node.plan, only_subqueries=only_subqueries))
            return None

        return rewritten(expression, change)

    def _hoist(self, expression: BoundExpression) -> QueryParameter:
        facts = self.expressions.facts(expression)
        self.saved += _WORTHWHILE if facts.has_subquery else facts.calls
        known = self.found.get(facts.key)
        if known is None:
            for plan in subplans(expression):
                self.plan(plan, only_subqueries=True)
            known = Invariant(f"${len(self.found)}", expression, expression.span)
            self.found[facts.key] = known
        return QueryParameter(known.name, expression.type, expression.span)

    def _is_separate(self, plan: Plan) -> bool:
        """Tell whether a subplan reads neither the rows of a group around it nor rows that are kept for others."""
        return not _reads_group(plan) and not any(
            isinstance(node, Materialized) and node.key in self._shared for node in nodes(plan)
        )

    def _checks(self, predicate: BoundExpression) -> Iterator[BoundExpression]:
        """Yield what must hold of the bounds of a range for any value to lie in it."""
        lower: dict[int, list[_Bound]] = {}
        upper: dict[int, list[_Bound]] = {}
        for condition in _conjuncts(predicate):
            bound = _bound(condition, self.expressions)
            if bound is not None:
                (lower if bound.is_lower else upper).setdefault(bound.subject, []).append(bound)
        for subject, lows in lower.items():
            for low in lows:
                for high in upper.get(subject, ()):
                    check = _in_order(low, high)
                    if check is not None and self.expressions.facts(check).reads_request:
                        yield check


def _row_nodes(plan: Plan) -> Iterator[Plan]:
    """Yield the nodes that rows come from: all but those of scalar subqueries."""
    for node in nodes(plan, into_expressions=False):
        yield node
        for expression in parts(node)[1]:
            for inner in _memberships(expression):
                yield from _row_nodes(inner.plan)


def _memberships(expression: BoundExpression) -> Iterator[InSubquery]:
    if isinstance(expression, InSubquery):
        yield expression
    for child in children(expression):
        yield from _memberships(child)


def _reads_group(plan: Plan) -> bool:
    if isinstance(plan, GroupInput):
        return True
    inputs, expressions = parts(plan)
    if isinstance(plan, ForEachGroup):
        inputs = (plan.input,)
    return any(map(_reads_group, inputs)) or any(_reads_group(each) for e in expressions for each in subplans(e))


@dataclass(frozen=True, slots=True)
class _Bound:
    """One side of a range: `call` compares the expression `subject` with `value`."""

    subject: int
    value: BoundExpression
    is_lower: bool
    is_strict: bool
    call: FunctionCall


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _bound(condition: BoundExpression, expressions: Expressions) -> _Bound | None:
    if not isinstance(condition, FunctionCall) or condition.function.name not in _MIRRORED:
        return None
    left, right = condition.arguments
    operator = condition.function.name
    if expressions.facts(left).is_invariant:
        left, right, operator = right, left, _MIRRORED[operator]
    if expressions.facts(left).is_invariant or not expressions.facts(right).is_invariant:
        return None
    subject = expressions.facts(left).key
    return _Bound(subject, right, operator.startswith(">"), not operator.endswith("="), condition)


def _in_order(low: _Bound, high: _Bound) -> FunctionCall | None:
    if low.value.type != high.value.type:
        return None
    chosen = low if low.is_strict else high
    is_rising = chosen.call.function.name.startswith("<")
    values = (low.value, high.value) if is_rising else (high.value, low.value)
    return replace(chosen.call, arguments=values)


def _conjuncts(predicate: BoundExpression) -> Iterator[BoundExpression]:
    if isinstance(predicate, FunctionCall) and predicate.function.name == "and":
        for argument in predicate.arguments:
            yield from _conjuncts(argument)
    else:
        yield predicate


def _steps(hoist: _Hoist) -> Iterator[Step]:
    """Yield the queries that compute what was found; what is needed twice is a column of its own."""
    facts = hoist.expressions.facts
    reached: dict[int, BoundExpression] = {}
    uses: Counter[int] = Counter()

    def reach(expression: BoundExpression) -> None:
        key = facts(expression).key
        uses[key] += 1
        if key not in reached:
            reached[key] = expression
            for child in children(expression):
                reach(child)

    for invariant in hoist.found.values():
        reach(invariant.expression)
    columns = {key: invariant.name for key, invariant in hoist.found.items()}
    for key, expression in reached.items():
        if key not in columns and uses[key] > 1 and not is_cheap(expression) and facts(expression).reads_request:
            columns[key] = f"${len(columns)}"
    order = _Order(hoist, columns, reached)
    for number in range(1 + max((order.step(each.expression) for each in hoist.found.values()), default=-1)):
        found = tuple(each for each in hoist.found.values() if order.step(each.expression) == number)
        if found:
            yield Step(order.query(number, found), found, number == _TIMELESS)


@dataclass(slots=True)
class _Order:
    """Which expressions are computed when: a step per round of subqueries, within it a layer per column needed.

    What depends on parameters alone is a step of its own before the others.
    """

    hoist: _Hoist
    columns: dict[int, str]
    reached: dict[int, BoundExpression]
    _steps: dict[int, int] = field(default_factory=dict)
    _layers: dict[int, int] = field(default_factory=dict)

    def step(self, expression: BoundExpression) -> int:
        """Return the step of an expression: after those whose values its subqueries read."""
        facts = self.hoist.expressions.facts(expression)
        key = facts.key
        if key not in self._steps:
            before = [_TIMELESS if facts.is_timeless else _TIMELESS + 1, *map(self.step, children(expression))]
            match expression:
                case ScalarSubquery(plan) | InSubquery(plan=plan):
                    read = _parameters(self.hoist.plan(plan, only_subqueries=True))
                    found = (each for each in self.hoist.found.values() if each.name in read)
                    before.extend(1 + self.step(each.expression) for each in found)
                case _:
                    pass
            self._steps[key] = max(before)
        return self._steps[key]

    def layer(self, expression: BoundExpression) -> int:
        """Return how many columns must be computed one after the other before an expression."""
        key = self.hoist.expressions.facts(expression).key
        if key not in self._layers:
            self._layers[key] = max(
                (
                    self.layer(child) + (self.hoist.expressions.facts(child).key in self.columns)
                    for child in children(expression)
                    if self.step(child) == self.step(expression)
                ),
                default=0,
            )
        return self._layers[key]

    def query(self, step: int, wanted: tuple[Invariant, ...]) -> Plan:
        """Return the plan of a step, one row with a column per invariant."""
        layers: dict[int, list[tuple[str, BoundExpression]]] = {}
        for key, name in self.columns.items():
            expression = self.reached[key]
            if self.step(expression) == step:
                layers.setdefault(self.layer(expression), []).append((name, expression))
        plan: Plan = OneRow()
        for layer in sorted(layers):
            known = plan.schema.columns
            new = tuple(Column(name, expression.type) for name, expression in layers[layer])
            values = (
                *(_read(column, wanted[0].span) for column in known),
                *(self._with_columns(expression, step) for _, expression in layers[layer]),
            )
            plan = Project(plan, Schema((*known, *new)), values)
        schema = Schema(tuple(Column(each.name, each.expression.type) for each in wanted))
        return Project(plan, schema, tuple(_read(column, wanted[0].span) for column in schema))

    def _with_columns(self, expression: BoundExpression, step: int) -> BoundExpression:
        def change(node: BoundExpression) -> BoundExpression | None:
            key = self.hoist.expressions.facts(node).key
            if node is not expression and key in self.columns:
                if self.step(node) == step:
                    return ColumnReference(self.columns[key], node.type, node.span)
                if any(each.name == self.columns[key] for each in self.hoist.found.values()):
                    return QueryParameter(self.columns[key], node.type, node.span)
            match node:
                case ScalarSubquery(plan):
                    return replace(node, plan=self.hoist.plan(plan, only_subqueries=True))
                case InSubquery(operand, plan):
                    inner = self.hoist.plan(plan, only_subqueries=True)
                    return replace(node, operand=rewritten(operand, change), plan=inner)
                case _:
                    return None

        return rewritten(expression, change)


def _read(column: Column, span: Span) -> ColumnReference:
    return ColumnReference(column.name, column.type, span)


def _parameters(plan: Plan) -> frozenset[str]:
    """Return the names of all parameters that a plan reads."""
    return frozenset(
        name for node in nodes(plan) for expression in parts(node)[1] for name in _parameters_of(expression)
    )


def _parameters_of(expression: BoundExpression) -> Iterable[str]:
    if isinstance(expression, QueryParameter):
        yield expression.name
    for child in children(expression):
        yield from _parameters_of(child)
