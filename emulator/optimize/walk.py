"""Going through plans: their inputs and expressions, and plans rebuilt from changed ones."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import assert_never

from emulator.binder.expression import SUBQUERIES, AggregateCall, BoundExpression, InSubquery, ScalarSubquery
from emulator.binder.plan import (
    Aggregate,
    Expand,
    Filter,
    ForEachGroup,
    GroupInput,
    Join,
    JoinKey,
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
from emulator.binder.walk import bottom_up as expression_nodes
from emulator.work import check_work

OnPlan = Callable[[Plan], Plan]
OnExpression = Callable[[BoundExpression], BoundExpression]


def mapped(plan: Plan, on_plan: OnPlan, on_expression: OnExpression) -> Plan:  # noqa: C901 - one branch per node
    """Return a plan with its inputs and expressions changed; `on_expression` gets the arguments of aggregate calls."""

    def optional(expression: BoundExpression | None) -> BoundExpression | None:
        return None if expression is None else on_expression(expression)

    def call(each: AggregateCall) -> AggregateCall:
        return replace(each, arguments=tuple(map(on_expression, each.arguments)))

    check_work()
    match plan:
        case Scan() | Values() | OneRow() | GroupInput():
            return plan
        case Range(_, start, stop, step):
            return replace(plan, start=on_expression(start), stop=on_expression(stop), step=on_expression(step))
        case Filter(input_, predicate):
            return Filter(on_plan(input_), on_expression(predicate))
        case Project(input_, schema, expressions):
            return Project(on_plan(input_), schema, tuple(map(on_expression, expressions)))
        case Aggregate(input_, schema, keys, aggregates):
            return Aggregate(on_plan(input_), schema, tuple(map(on_expression, keys)), tuple(map(call, aggregates)))
        case Sort(input_, keys, limit):
            sorted_ = tuple(replace(key, expression=on_expression(key.expression)) for key in keys)
            return Sort(on_plan(input_), sorted_, optional(limit))
        case Serialize(input_):
            return Serialize(on_plan(input_))
        case Limit(input_, count):
            return replace(plan, input=on_plan(input_), count=on_expression(count))
        case Join(_, left, right, keys):
            joined = tuple(JoinKey(on_expression(key.left), on_expression(key.right)) for key in keys)
            return replace(plan, left=on_plan(left), right=on_plan(right), keys=joined)
        case Union(inputs):
            return replace(plan, inputs=tuple(map(on_plan, inputs)))
        case Expand(input_, _, expansions, _, row_limit):
            opened = tuple(replace(each, expression=on_expression(each.expression)) for each in expansions)
            return replace(plan, input=on_plan(input_), expansions=opened, row_limit=optional(row_limit))
        case ForEachGroup(input_, keys, subplan):
            return replace(plan, input=on_plan(input_), keys=tuple(map(on_expression, keys)), subplan=on_plan(subplan))
        case MakeSeries():
            return replace(
                plan,
                input=on_plan(plan.input),
                keys=tuple(map(on_expression, plan.keys)),
                axis=on_expression(plan.axis),
                start=optional(plan.start),
                stop=optional(plan.stop),
                step=on_expression(plan.step),
                aggregates=tuple(
                    replace(each, call=call(each.call), default=on_expression(each.default)) for each in plan.aggregates
                ),
            )
        case ScanMatch(input_, _, _, declarations, steps):
            return replace(
                plan,
                input=on_plan(input_),
                declarations=tuple((column, optional(default)) for column, default in declarations),
                steps=tuple(
                    replace(
                        step,
                        condition=on_expression(step.condition),
                        assignments=tuple((name, on_expression(each)) for name, each in step.assignments),
                    )
                    for step in steps
                ),
            )
        case Materialized(input_):
            return replace(plan, input=on_plan(input_))
        case _:
            assert_never(plan)


def parts(plan: Plan) -> tuple[tuple[Plan, ...], tuple[BoundExpression, ...]]:
    """Return the direct inputs of a plan and its own expressions, aggregate calls by their arguments."""
    inputs: list[Plan] = []
    expressions: list[BoundExpression] = []

    def take_plan(each: Plan) -> Plan:
        inputs.append(each)
        return each

    def take_expression(each: BoundExpression) -> BoundExpression:
        expressions.append(each)
        return each

    mapped(plan, take_plan, take_expression)
    return tuple(inputs), tuple(expressions)


def subplans(expressions: Iterable[BoundExpression]) -> Iterator[Plan]:
    """Yield the plans that expressions run, not those inside them."""
    for node in expression_nodes(each for each in expressions if each.traits & SUBQUERIES):
        if isinstance(node, ScalarSubquery | InSubquery):
            yield node.plan


def nodes(plan: Plan) -> Iterator[Plan]:
    """Yield every node of a plan once, with those that its expressions run: what it reads before itself.

    Without recursion, for deep plans.
    """
    seen: set[int] = set()
    waiting: list[tuple[Plan, bool]] = [(plan, False)]
    while waiting:
        node, is_ready = waiting.pop()
        if is_ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((node, True))
            inputs, expressions = parts(node)
            below = (*inputs, *subplans(expressions))
            waiting += [(each, False) for each in reversed(below)]


def fresh_keys(found: Iterable[Plan]) -> Iterator[int]:
    """Yield keys of `Materialized` that none of these nodes has."""
    return count(min((each.key for each in found if isinstance(each, Materialized)), default=0) - 1, -1)


def separate(plan: Plan) -> Iterator[Plan]:
    """Yield what the SQL of a plan has as tables of its own, in the order in which they read each other.

    That is `Materialized` nodes and the plans of scalar subqueries, those apart that are made for each group of rows.
    """
    inside = {id(below) for node in nodes(plan) if isinstance(node, ForEachGroup) for below in nodes(node.subplan)}
    for node in nodes(plan):
        if id(node) in inside:
            continue
        with_subqueries = (each for each in parts(node)[1] if each.traits & SUBQUERIES)
        yield from (each.plan for each in expression_nodes(with_subqueries) if isinstance(each, ScalarSubquery))
        if isinstance(node, Materialized):
            yield node
