"""How often a call's operands stand in the SQL that it becomes, and how much that is, DuckDB's macros written out."""

from collections.abc import Hashable
from dataclasses import dataclass

from emulator.functions.function import Operand, Signature
from emulator.functions.macros import COPIES, FOR_EACH_ITEM, WEIGHTS
from emulator.functions.physical import convert
from emulator.sql.ast import Call, ColumnRef, InList, Lambda, Sql
from emulator.sql.walk import children
from emulator.types import KqlType

# A table that no relation has: columns of it stand for operands in SQL that is only counted.
_OPERANDS = "$operands"
# What macros add to the levels of an expression, at most.
_MACRO_LEVELS = 6
# DuckDB compares with each element of a shorter list.
_FEW_ELEMENTS = 5
# Calls of more operands are counted anew each time: lists of thousands would fill the memory.
_KEPT_OPERANDS = 16
_MAXIMUM_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class Copies:
    """How many copies of an operand are written, how many levels below the expression, and whether in a lambda."""

    number: int = 0
    levels: int = 1
    in_lambda: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a call becomes: its operands, and the weight of all else, one for an operator or a name."""

    operands: tuple[Copies, ...]
    weight: int


_known: dict[Hashable, tuple[Signature | None, Written]] = {}


def of_call(signature: Signature, operands: tuple[Operand, ...]) -> Written:
    """Return what becomes of a call, whatever the SQL of its operands is."""
    key = id(signature), *((each.type, each.is_constant) for each in operands)
    if (found := _known.get(key)) is not None:
        return found[1]
    given = tuple(
        Operand(_operand(number), each.type, each.is_constant, each.value) for number, each in enumerate(operands)
    )
    written = _counted(signature.emit(given), len(operands))
    if len(operands) <= _KEPT_OPERANDS:
        _keep(key, signature, written)
    return written


def of_conversion(source: KqlType, target: KqlType) -> Written:
    """Return what becomes of an implicit conversion."""
    key = source, target
    if key not in _known:
        _keep(key, None, _counted(convert(_operand(0), source, target), 1))
    return _known[key][1]


def _keep(key: Hashable, signature: Signature | None, found: Written) -> None:
    if len(_known) >= _MAXIMUM_KEPT:
        _known.clear()
    # With the signature, so that no other one gets its identity.
    _known[key] = signature, found


def _operand(number: int) -> ColumnRef:
    return ColumnRef(str(number), _OPERANDS)


def _counted(sql: Sql, number: int) -> Written:
    found = [Copies()] * number
    weight = 0
    waiting: list[tuple[object, int, int, bool]] = [(sql, 1, 0, False)]
    while waiting:
        node, factor, level, inside = waiting.pop()
        match node:
            case ColumnRef(name, table) if table == _OPERANDS:
                before = found[int(name)]
                found[int(name)] = Copies(before.number + factor, max(before.levels, level), before.in_lambda or inside)
                continue
            case Call(function, arguments) if function in COPIES:
                repeated = FOR_EACH_ITEM.get(function, frozenset())
                waiting += [
                    (argument, factor * times, level + _MACRO_LEVELS, inside or position in repeated)
                    for position, (argument, times) in enumerate(zip(arguments, COPIES[function], strict=True))
                ]
            case InList(operand, elements) if len(elements) < _FEW_ELEMENTS:
                waiting += [(operand, factor * len(elements), level + 1, inside)]
                waiting += [(each, factor, level + 1, inside) for each in elements]
            case _:
                inside = inside or isinstance(node, Lambda)
                waiting += [(each, factor, level + 1, inside) for each in children(node)]
        weight += factor * (WEIGHTS.get(node.function, 1) if isinstance(node, Call) else 1)
    return Written(tuple(found), weight)
