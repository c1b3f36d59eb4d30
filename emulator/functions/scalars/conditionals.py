"""Choosing between values, and asking what a value is."""

from emulator.functions.function import Function, Operand, Signature
from emulator.functions.overloads import same_type
from emulator.functions.physical import as_text
from emulator.functions.shorthand import (
    BOOLS,
    DATETIMES,
    NUMBERS,
    REALS,
    TEXT,
    TIMESPANS,
    all_positions,
    param,
    repeated,
    simple,
    unary,
    widest,
)
from emulator.sql.ast import Sql
from emulator.sql.build import EMPTY, FALSE, TRUE, call, case, coalesce, is_not_null, is_null, not_, op
from emulator.sql.filters import as_filter
from emulator.types import BOOL, KqlType, Scalar


def _iff(operands: tuple[Operand, ...]) -> Sql:
    return case((as_filter(operands[0].sql), operands[1].sql), otherwise=operands[2].sql)


def _case(operands: tuple[Operand, ...]) -> Sql:
    pairs = zip(operands[:-1:2], operands[1:-1:2], strict=True)
    return case(*((as_filter(predicate.sql), then.sql) for predicate, then in pairs), otherwise=operands[-1].sql)


def _case_values(count: int) -> tuple[int, ...]:
    return (*range(1, count - 1, 2), count - 1)


def _last_type(types: tuple[KqlType, ...]) -> KqlType:
    return types[-1]


def _choice(name: str) -> Function:
    parameters = (param("if", BOOLS), param("then"), param("else"))
    return Function(
        name,
        "One of two values of one type, by a condition; null counts as false.",
        (Signature(parameters, _last_type, _iff, unify=(1, 2), common=same_type),),
        example=(f"print {name}(1 > 2, 'yes', 'no')", "no"),
    )


def _coalesce(operands: tuple[Operand, ...]) -> Sql:
    if operands[0].type.scalar is not Scalar.STRING:
        return coalesce(*(operand.sql for operand in operands))
    # For strings the first one that is not empty.
    return coalesce(*(call("nullif", operand.sql, EMPTY) for operand in operands), EMPTY)


def _is_null(operands: tuple[Operand, ...]) -> Sql:
    return FALSE if operands[0].type.scalar is Scalar.STRING else is_null(operands[0].sql)


def _is_not_null(operands: tuple[Operand, ...]) -> Sql:
    return TRUE if operands[0].type.scalar is Scalar.STRING else is_not_null(operands[0].sql)


def _is_empty(operands: tuple[Operand, ...]) -> Sql:
    if operands[0].type.scalar in (Scalar.STRING, Scalar.DYNAMIC):
        return op("=", as_text(operands[0]), EMPTY)
    return is_null(operands[0].sql)


def _is_not_empty(operands: tuple[Operand, ...]) -> Sql:
    if operands[0].type.scalar in (Scalar.STRING, Scalar.DYNAMIC):
        return op("<>", as_text(operands[0]), EMPTY)
    return is_not_null(operands[0].sql)


_ORDERED = NUMBERS | DATETIMES | TIMESPANS | TEXT | BOOLS


def _extreme(name: str, function: str, example: tuple[str, str]) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return call(function, *(operand.sql for operand in operands))

    return Function(
        name,
        f"The {'largest' if function == 'greatest' else 'smallest'} of the values that are not null.",
        (
            Signature(
                (param("first", _ORDERED), repeated("next", _ORDERED, most=63)), widest, emit, unify=all_positions
            ),
        ),
        example=example,
    )


def _asked(name: str, description: str, test: str, example: tuple[str, str]) -> Function:
    return simple(name, description, (param("value", REALS),), BOOL, unary(lambda value: call(test, value)), example)


CONDITIONALS: tuple[Function, ...] = (
    _choice("iff"),
    _choice("iif"),
    Function(
        "case",
        "The value of the first condition that is true, else the last value.",
        (
            Signature(
                (repeated("predicate", BOOLS), repeated("then"), param("else")),
                _last_type,
                _case,
                unify=_case_values,
                common=same_type,
            ),
        ),
        example=("print case(1 > 2, 'a', 2 > 1, 'b', 'c')", "b"),
    ),
    Function(
        "coalesce",
        "The first value that is not null; for strings, not empty.",
        (
            Signature(
                (param("first"), repeated("next", most=63)),
                _last_type,
                _coalesce,
                unify=all_positions,
                common=same_type,
            ),
        ),
        example=("print coalesce(tolong('x'), 42)", "42"),
    ),
    simple(
        "isnull",
        "Whether a value is null; a string never is.",
        (param("value"),),
        BOOL,
        _is_null,
        ("print isnull(int(null))", "True"),
    ),
    simple(
        "isnotnull",
        "Whether a value is not null; a string always.",
        (param("value"),),
        BOOL,
        _is_not_null,
        ("print isnotnull('')", "True"),
    ),
    simple(
        "notnull", "Whether a value is not null.", (param("value"),), BOOL, _is_not_null, ("print notnull(1)", "True")
    ),
    simple(
        "isempty",
        "Whether a value is null or the empty string.",
        (param("value"),),
        BOOL,
        _is_empty,
        ("print isempty('')", "True"),
    ),
    simple(
        "isnotempty",
        "Whether a value is neither null nor the empty string.",
        (param("value"),),
        BOOL,
        _is_not_empty,
        ("print isnotempty('a')", "True"),
    ),
    simple(
        "notempty",
        "Whether a value is neither null nor the empty string.",
        (param("value"),),
        BOOL,
        _is_not_empty,
        ("print notempty('')", "False"),
    ),
    simple(
        "not",
        "Logical negation; null stays null.",
        (param("expression", BOOLS),),
        BOOL,
        unary(not_),
        ("print not(true)", "False"),
    ),
    _extreme("max_of", "greatest", ("print max_of(1, 3, 2)", "3")),
    _extreme("min_of", "least", ("print min_of(1, 3, 2)", "1")),
    _asked("isnan", "Whether a real is not a number.", "isnan", ("print isnan(0.0 / 0.0)", "True")),
    _asked("isinf", "Whether a real is an infinity.", "isinf", ("print isinf(1.0 / 0.0)", "True")),
    _asked("isfinite", "Whether a real is neither infinite nor NaN.", "isfinite", ("print isfinite(1.0)", "True")),
)
