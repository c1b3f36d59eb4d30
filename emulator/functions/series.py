"""Series: arrays of numbers. What SQL cannot say runs in the engine's vectorized functions, named in `udf`."""

from emulator.functions.function import Function, Operand, ResultName, Signature
from emulator.functions.physical import as_list, as_type
from emulator.functions.shorthand import BOOLS, DYNAMICS, param
from emulator.sql.ast import Sql
from emulator.sql.build import call, cast, lit
from emulator.types import BOOL, KqlType, Scalar, list_of

_REALS = list_of(Scalar.REAL)
_SERIES = param("series", DYNAMICS)


def _reals(operand: Operand) -> Sql:
    return as_list(operand, Scalar.REAL)


def _fir(operands: tuple[Operand, ...]) -> Sql:
    flags = [as_type(operand, BOOL) for operand in operands[2:]]
    # Without the flag: normalized, unless the filter has negative coefficients.
    normalize = flags[0] if flags else cast(lit(None), "BOOLEAN")
    center = flags[1] if len(flags) > 1 else lit(False)
    return call("kql_series_fir", _reals(operands[0]), _reals(operands[1]), normalize, center)


def _iir(operands: tuple[Operand, ...]) -> Sql:
    return call("kql_series_iir", *(_reals(operand) for operand in operands))


def _of_reals(types: tuple[KqlType, ...]) -> KqlType:
    del types
    return _REALS


SERIES: tuple[Function, ...] = (
    Function(
        "series_fir",
        "The series under a finite impulse response filter: weighted sums of a value and the ones before it.",
        (
            Signature(
                (
                    _SERIES,
                    param("filter", DYNAMICS),
                    param("normalize", BOOLS, optional=True),
                    param("center", BOOLS, optional=True),
                ),
                _of_reals,
                _fir,
            ),
        ),
        ResultName.FIRST_ARGUMENT,
        example=("print series_fir(dynamic([3, 6, 9]), dynamic([1, 1, 1]))", "[1.0,3.0,6.0]"),
    ),
    Function(
        "series_iir",
        "The series under an infinite impulse response filter, given the coefficients of inputs and of outputs.",
        (Signature((_SERIES, param("numerators", DYNAMICS), param("denominators", DYNAMICS)), _of_reals, _iir),),
        ResultName.FIRST_ARGUMENT,
        example=("print series_iir(dynamic([1, 2, 3]), dynamic([1]), dynamic([1, -1]))", "[1.0,3.0,6.0]"),
    ),
)
