"""Implicit conversions: the nodes that bring a value to another type or representation."""

from emulator.binder.bind_expressions.constants import converted_constant
from emulator.binder.expression import BoundExpression, Constant, Conversion
from emulator.binder.faults import wrong_type
from emulator.types import DYNAMIC, INTEGERS, NUMERICS, KqlType, Scalar


def convert(expression: BoundExpression, type_: KqlType) -> BoundExpression:
    """Return an expression as another type; constants are converted here, the rest by the engine."""
    if expression.type == type_:
        return expression
    if isinstance(expression, Constant):
        constant = converted_constant(expression, type_, expression.span)
        if constant is not None:
            return constant
    return Conversion(expression, type_, expression.span)


def plain(expression: BoundExpression) -> BoundExpression:
    """Return a typed list as a plain dynamic value, everything else as it is."""
    return convert(expression, DYNAMIC) if expression.type.is_typed_list else expression


def can_widen(source: Scalar, target: Scalar) -> bool:
    """Tell whether a value of one type may stand where the other is expected."""
    if source is target or source is Scalar.DYNAMIC:
        return True
    if source in INTEGERS:
        return target in NUMERICS
    return source in NUMERICS and target in (Scalar.REAL, Scalar.DECIMAL)


def require(expression: BoundExpression, type_: KqlType, operator: str, what: str) -> BoundExpression:
    """Return an expression as the type that a place asks for, or raise."""
    if expression.type.scalar is type_.scalar:
        return expression
    if not can_widen(expression.type.scalar, type_.scalar):
        raise wrong_type(operator, what, f"of type {type_}", expression.type, expression.span)
    return convert(expression, type_)
