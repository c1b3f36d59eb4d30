"""How often an expression's operands stand in the SQL that it becomes."""

from emulator.binder.expression import BoundExpression, Constant, Conversion, FunctionCall
from emulator.binder.walk import children
from emulator.functions.copies import Copies, of_call, of_conversion
from emulator.functions.function import Operand
from emulator.sql.build import NULL

# Of an operand without operands it does not matter.
LEAF = Copies(1)


def copies(expression: BoundExpression) -> tuple[Copies, ...]:
    """Return what becomes of each operand of an expression."""
    match expression:
        case FunctionCall(signature=signature, arguments=arguments):
            return of_call(signature, tuple(map(_given, arguments))).operands
        case Conversion(operand=operand, type=type_):
            return of_conversion(operand.type, type_).operands
        case _:
            return (LEAF,) * len(children(expression))


def _given(argument: BoundExpression) -> Operand:
    if isinstance(argument, Constant):
        return Operand(NULL, argument.type, True, argument.value)
    return Operand(NULL, argument.type)
