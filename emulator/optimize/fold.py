"""Calls whose arguments are known: their value, or the part of them that still matters."""

import operator as operators
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from emulator.binder.bind_expressions.constants import folded
from emulator.binder.bind_expressions.conversion import convert
from emulator.binder.expression import BoundExpression, Constant, FunctionCall
from emulator.types import BOOL, KqlType, Scalar

_LONGS = range(-(1 << 63), 1 << 63)


def decided(call: FunctionCall) -> BoundExpression:
    """Return the value of a call, or the call without what its known arguments make idle."""
    match call.function.name, call.arguments:
        case ("and" | "or" as operator, (left, right)):
            return joined(call, operator == "or", left, right)
        case "not", (Constant(value),):
            return Constant(None if value is None else not value, BOOL, call.span)
        case (("iff" | "iif" | "case"), arguments):
            return _chosen(call, arguments)
        case "coalesce", arguments:
            return _first_known(call, arguments)
        case (("isnull" | "isnotnull" | "isempty" | "isnotempty") as name, (Constant(value, type_),)):
            return _asked(call, name, value, type_)
        case (("<" | "<=" | ">" | ">=" | "==" | "!=") as operator, (Constant(left), Constant(right))):
            return _compared(call, operator, left, right)
        case _, arguments if arguments and all(isinstance(each, Constant) for each in arguments):
            return _computed(call)
        case _:
            return call


def joined(call: FunctionCall, decisive: bool, left: BoundExpression, right: BoundExpression) -> BoundExpression:
    """Return `and` (`or` where true is decisive) of two sides, of which one may be known."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Constant) and one.value is decisive:
            return Constant(decisive, BOOL, call.span)
        if isinstance(one, Constant) and one.value is (not decisive):
            return other
    return call


def _chosen(call: FunctionCall, arguments: tuple[BoundExpression, ...]) -> BoundExpression:
    kept: list[BoundExpression] = []
    for condition, value in zip(arguments[:-1:2], arguments[1:-1:2], strict=True):
        if not isinstance(condition, Constant):
            kept += [condition, value]
        elif condition.value is True:
            last = value
            break
    else:
        last = arguments[-1]
    if not kept:
        return convert(last, call.type)
    # What is left of `case` has the shape of a call of it still, and so has `iff`, which keeps its only condition.
    return replace(call, arguments=(*kept, last))


def _first_known(call: FunctionCall, arguments: tuple[BoundExpression, ...]) -> BoundExpression:
    kept: list[BoundExpression] = []
    for argument in arguments:
        # Strings have no null: the empty one is passed over.
        if isinstance(argument, Constant) and argument.value in (None, ""):
            continue
        kept.append(argument)
        if isinstance(argument, Constant):
            break
    match kept:
        case []:
            return convert(arguments[-1], call.type)
        case [Constant() as only]:
            return convert(only, call.type)
        case _:
            return replace(call, arguments=tuple(kept))


def _asked(call: FunctionCall, name: str, value: object, type_: KqlType) -> BoundExpression:
    is_text = type_.scalar is Scalar.STRING
    if value is not None and type_.scalar is Scalar.DYNAMIC:
        return call
    is_missing = (value is None and not is_text) or (value in (None, "") and is_text and name.endswith("empty"))
    return Constant(is_missing is not name.startswith("isnot"), BOOL, call.span)


def _compared(call: FunctionCall, operator: str, left: object, right: object) -> BoundExpression:
    match left, right:
        case (bool(), bool()) | (datetime(), datetime()):
            pass
        case (int(), int()) if not isinstance(left, bool) and not isinstance(right, bool):
            pass
        case (str(), str()) if operator in ("==", "!=") and _are_texts(call):
            pass
        case _:
            return call
    return Constant(_COMPARISONS[operator](left, right), BOOL, call.span)


def _are_texts(call: FunctionCall) -> bool:
    return all(each.type.scalar is Scalar.STRING for each in call.arguments)


def _computed(call: FunctionCall) -> BoundExpression:
    value = folded(call)
    if isinstance(value, Constant) and isinstance(value.value, int) and value.value not in _LONGS:
        return call
    return value


_COMPARISONS: dict[str, Callable[..., bool]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
    "==": operators.eq,
    "!=": operators.ne,
}
