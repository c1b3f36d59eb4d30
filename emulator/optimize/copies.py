"""How often an expression's operands stand in the SQL that it becomes, DuckDB's macros written out."""

from collections.abc import Hashable
from dataclasses import dataclass

from emulator.binder.expression import BoundExpression, Constant, Conversion, FunctionCall
from emulator.binder.walk import children as operands
from emulator.functions.function import Operand, Signature
from emulator.functions.macros import COPIES
from emulator.functions.physical import convert
from emulator.sql.ast import Call, ColumnRef, Lambda, Sql
from emulator.sql.walk import children

# A table that no relation has: columns of it stand for operands in SQL that is only counted.
_OPERANDS = "$operands"
# What macros add to the levels of an expression, at most.
_MACRO_LEVELS = 6
# Calls of more operands are counted anew each time: lists of thousands would fill the memory.
_KEPT_OPERANDS = 16
_MAXIMUM_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class Copies:
    """How many copies of an operand are written, how many levels below the expression, and whether in a lambda."""

    number: int = 0
    levels: int = 1
    in_lambda: bool = False


# Of an operand without operands it does not matter.
LEAF = Copies(1)
_known: dict[Hashable, tuple[Signature | None, tuple[Copies, ...]]] = {}


def copies(expression: BoundExpression) -> tuple[Copies, ...]:
    """Return what becomes of each operand of an expression."""
    match expression:
        case FunctionCall(signature=signature, arguments=arguments):
            return _of_call(signature, arguments)
        case Conversion(operand=operand, type=type_):
            key = operand.type, type_
            if key not in _known:
                _keep(key, None, _counted(convert(_operand(0), operand.type, type_), 1))
            return _known[key][1]
        case _:
            return (LEAF,) * len(operands(expression))


def _of_call(signature: Signature, arguments: tuple[BoundExpression, ...]) -> tuple[Copies, ...]:
    key = id(signature), *((each.type, isinstance(each, Constant)) for each in arguments)
    if (found := _known.get(key)) is not None:
        return found[1]
    given = tuple(
        Operand(_operand(number), each.type, *((True, each.value) if isinstance(each, Constant) else (False, None)))
        for number, each in enumerate(arguments)
    )
    counted = _counted(signature.emit(given), len(arguments))
    if len(arguments) <= _KEPT_OPERANDS:
        _keep(key, signature, counted)
    return counted


def _keep(key: Hashable, signature: Signature | None, found: tuple[Copies, ...]) -> None:
    if len(_known) >= _MAXIMUM_KEPT:
        _known.clear()
    # With the signature, so that no other one gets its identity.
    _known[key] = signature, found


def _operand(number: int) -> ColumnRef:
    return ColumnRef(str(number), _OPERANDS)


def _counted(sql: Sql, number: int) -> tuple[Copies, ...]:
    found = [Copies()] * number
    waiting: list[tuple[object, int, int, bool]] = [(sql, 1, 0, False)]
    while waiting:
        node, factor, level, inside = waiting.pop()
        match node:
            case ColumnRef(name, table) if table == _OPERANDS:
                before = found[int(name)]
                found[int(name)] = Copies(before.number + factor, max(before.levels, level), before.in_lambda or inside)
            case Call(function, arguments) if function in COPIES:
                waiting += [
                    (argument, factor * times, level + _MACRO_LEVELS, inside)
                    for argument, times in zip(arguments, COPIES[function], strict=True)
                ]
            case _:
                inside = inside or isinstance(node, Lambda)
                waiting += [(each, factor, level + 1, inside) for each in children(node)]
    return tuple(found)
