"""Short ways to write catalogue rows: type sets, parameters, type rules and emissions that many rows share."""

from collections.abc import Callable

from emulator.functions.function import Emit, Function, Operand, Parameter, ResultName, Signature, Types
from emulator.functions.overloads import common_type
from emulator.sql.ast import Sql
from emulator.sql.build import call
from emulator.types import DYNAMIC, INTEGERS, NUMERICS, KqlType, Scalar

ANY: Types = frozenset()
BOOLS: Types = frozenset({Scalar.BOOL})
TEXT: Types = frozenset({Scalar.STRING})
LONGS: Types = frozenset({Scalar.LONG})
REALS: Types = frozenset({Scalar.REAL})
WHOLE: Types = frozenset(INTEGERS)
NUMBERS: Types = frozenset(NUMERICS)
DATETIMES: Types = frozenset({Scalar.DATETIME})
TIMESPANS: Types = frozenset({Scalar.TIMESPAN})
DYNAMICS: Types = frozenset({Scalar.DYNAMIC})
GUIDS: Types = frozenset({Scalar.GUID})
SUMMABLE: Types = NUMBERS | TIMESPANS | DATETIMES
# Scalars that a conversion function or a text function takes as they are.
SCALARS: Types = frozenset(Scalar)


def param(name: str, types: Types = ANY, *, optional: bool = False, constant: bool = False) -> Parameter:
    """Build a parameter."""
    return Parameter(name, types, optional=optional, constant=constant)


def repeated(name: str, types: Types = ANY, *, optional: bool = False, most: int = 0) -> Parameter:
    """Build a parameter that may be given many times, at most so many if that is not 0."""
    return Parameter(name, types, repeated=True, optional=optional, most=most)


def sql_call(function: str) -> Emit:
    """Emit the call of a DuckDB function or macro with the operands as they are."""

    def emit(operands: tuple[Operand, ...]) -> Sql:
        return call(function, *(operand.sql for operand in operands))

    return emit


def unary(build: Callable[[Sql], Sql]) -> Emit:
    """Emit an expression of the only operand's SQL."""

    def emit(operands: tuple[Operand, ...]) -> Sql:
        return build(operands[0].sql)

    return emit


def binary(build: Callable[[Sql, Sql], Sql]) -> Emit:
    """Emit an expression of two operands' SQL."""

    def emit(operands: tuple[Operand, ...]) -> Sql:
        return build(operands[0].sql, operands[1].sql)

    return emit


def first_type(types: tuple[KqlType, ...]) -> KqlType:
    """Return the type of the first argument."""
    return types[0]


def widest(types: tuple[KqlType, ...]) -> KqlType:
    """Return the common type of all arguments."""
    return common_type(types) or DYNAMIC


def all_positions(count: int) -> tuple[int, ...]:
    """Return every argument position."""
    return tuple(range(count))


def simple(
    name: str,
    description: str,
    parameters: tuple[Parameter, ...],
    returns: KqlType,
    emit: Emit,
    example: tuple[str, str] | None = None,
    *,
    result_name: ResultName = ResultName.AUTO,
) -> Function:
    """Build a function with one overload."""
    return Function(name, description, (Signature(parameters, returns, emit),), result_name, example=example)
