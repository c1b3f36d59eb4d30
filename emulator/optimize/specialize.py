"""A plan for requests of one kind: with conditions that are known, what they rule out is left out."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from emulator.binder.bind_expressions.conversion import convert
from emulator.binder.expression import (
    AggregateCall,
    BoundExpression,
    Constant,
    Conversion,
    FunctionCall,
    InSubquery,
    QueryParameter,
    ScalarSubquery,
    WindowCall,
)
from emulator.binder.plan import (
    Aggregate,
    Expand,
    Filter,
    ForEachGroup,
    Join,
    Limit,
    Plan,
    Project,
    Serialize,
    Sort,
    Union,
    Values,
)
from emulator.binder.walk import children
from emulator.optimize.fold import decided, joined
from emulator.optimize.walk import mapped, nodes, parts
from emulator.types import BOOL, Scalar

Truths = Mapping[str, bool | None]

# The sides of a join without which it has no rows.
_NEEDED_SIDES = {
    "innerunique": (True, True),
    "inner": (True, True),
    "leftouter": (True, False),
    "rightouter": (False, True),
    "leftsemi": (True, True),
    "rightsemi": (True, True),
    "leftanti": (True, False),
    "rightanti": (False, True),
}


def switches(plan: Plan) -> frozenset[str]:
    """Return the parameters whose truth a plan may be specialized for."""
    return frozenset(name for node in nodes(plan) for expression in parts(node)[1] for name in _conditions(expression))


def specialized(plan: Plan, truths: Truths) -> Plan:
    """Return a plan with the same rows for all requests in which parameters have these truth values."""
    return _Specializing(truths).plan(plan)


def simplified(plans: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Return plans without what constants decide; what they share stays shared."""
    return tuple(map(_Specializing({}).plan, plans))


def _conditions(expression: BoundExpression) -> Iterator[str]:
    if isinstance(expression, QueryParameter) and expression.type.scalar is Scalar.BOOL:
        yield expression.name
    for child in children(expression):
        yield from _conditions(child)


class _Specializing:
    def __init__(self, truths: Truths) -> None:
        self._truths = truths
        # What was looked at is kept, so that nothing else gets its identity.
        self._plans: dict[int, tuple[Plan, Plan]] = {}
        self._expressions: dict[int, tuple[BoundExpression, BoundExpression]] = {}

    def plan(self, plan: Plan) -> Plan:
        known = self._plans.get(id(plan))
        if known is None:
            changed = mapped(plan, self.plan, self.expression)
            if isinstance(plan, ForEachGroup) and isinstance(changed, ForEachGroup):
                # Its subplan starts from the rows of a group, even where it ends without rows.
                changed = replace(changed, subplan=self._shaped(plan.subplan))
            known = plan, _without_empty(changed)
            self._plans[id(plan)] = known
        return known[1]

    def _shaped(self, plan: Plan) -> Plan:
        return mapped(plan, self._shaped, self.expression)

    def expression(self, expression: BoundExpression) -> BoundExpression:
        known = self._expressions.get(id(expression))
        if known is None:
            known = expression, self._simpler(expression)
            self._expressions[id(expression)] = known
        return known[1]

    def _simpler(self, expression: BoundExpression) -> BoundExpression:
        match expression:
            case QueryParameter(name, type_, span) if type_.scalar is Scalar.BOOL and name in self._truths:
                return Constant(self._truths[name], BOOL, span)
            case ScalarSubquery(plan):
                return replace(expression, plan=self.plan(plan))
            case InSubquery(operand, plan):
                return replace(expression, operand=self.expression(operand), plan=self.plan(plan))
            case Conversion(operand, type_):
                return convert(self.expression(operand), type_)
            case FunctionCall(arguments=arguments):
                return decided(replace(expression, arguments=tuple(map(self.expression, arguments))))
            case AggregateCall(arguments=arguments) | WindowCall(arguments=arguments):
                return replace(expression, arguments=tuple(map(self.expression, arguments)))
            case _:
                return expression


def _without_empty(plan: Plan) -> Plan:
    """Return a plan whose inputs are simple already, without what has no rows."""
    match plan:
        case Filter(input_, predicate):
            return _filtered(input_, predicate)
        case Union(inputs, schema):
            legs = tuple(leg for leg in inputs if not _is_empty(leg))
            return _empty(plan) if not legs else plan if len(legs) == len(inputs) else Union(legs, schema)
        case Join(kind, left, right):
            needs_left, needs_right = _NEEDED_SIDES.get(kind, (False, False))
            is_empty = (needs_left and _is_empty(left)) or (needs_right and _is_empty(right))
            return _empty(plan) if is_empty else plan
        case Aggregate(input_, _, keys) if keys:
            return _empty(plan) if _is_empty(input_) else plan
        case Project() | Sort() | Serialize() | Limit() | Expand():
            return _empty(plan) if _is_empty(plan.input) else plan
        case _:
            return plan


def _filtered(input_: Plan, predicate: BoundExpression) -> Plan:
    condition = _as_filter(predicate)
    if isinstance(condition, Constant):
        return input_ if condition.value is True else Values(input_.schema, ())
    return input_ if _is_empty(input_) else Filter(input_, condition)


def _as_filter(predicate: BoundExpression) -> BoundExpression:
    """Return a predicate that is true for the same rows; null drops a row as false does."""
    match predicate:
        case Constant(None):
            return Constant(False, BOOL, predicate.span)
        case FunctionCall(function, _, (left, right)) if function.name in ("and", "or"):
            sides = _as_filter(left), _as_filter(right)
            return joined(replace(predicate, arguments=sides), function.name == "or", *sides)
        case _:
            return predicate


def _is_empty(plan: Plan) -> bool:
    return isinstance(plan, Values) and not plan.rows


def _empty(plan: Plan) -> Values:
    return Values(plan.schema, ())
