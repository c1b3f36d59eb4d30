"""Literals where a column asks for a type: the rows of datatable and the defaults of query parameters."""

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation

from emulator.binder.bind_expressions.constants import converted_constant, read_datetime
from emulator.binder.expression import Constant
from emulator.binder.faults import TYPES_DO_NOT_FIT
from emulator.errors import SemanticFault
from emulator.syntax.literals import typed_literal
from emulator.text_forms import datetime_text, timespan_text
from emulator.types import INTEGERS, Column, Scalar


def literal_value(constant: Constant, column: Column) -> Constant:
    """Return a literal as a value of a column's type, or raise where it is not one."""
    type_, span = column.type, constant.span
    if constant.type.scalar is type_.scalar or constant.value is None:
        if constant.value is None:
            return Constant("" if type_.scalar is Scalar.STRING else None, type_, span)
        return Constant(constant.value, type_, span)
    converted = converted_constant(constant, type_, span)
    if converted is not None:
        return converted
    value = _read(constant, type_.scalar)
    if value is None:
        raise SemanticFault(
            f"column '{column.name}' is of type {type_}, found a value of type {constant.type}", TYPES_DO_NOT_FIT, span
        )
    return Constant(value, type_, span)


def _read(constant: Constant, target: Scalar) -> object:
    value = constant.value
    match target:
        case Scalar.STRING:
            return _text(constant)
        case Scalar.DYNAMIC:
            return _json(constant)
        case Scalar.BOOL if constant.type.scalar in INTEGERS:
            return bool(value)
        case Scalar.LONG | Scalar.INT if constant.type.scalar is Scalar.BOOL:
            return int(bool(value))
        case Scalar.LONG | Scalar.INT if isinstance(value, float):
            return int(value)
        case Scalar.REAL if isinstance(value, Decimal):
            return float(value)
        case _:
            return _from_text(value, target, constant) if isinstance(value, str) else None


def _from_text(text: str, target: Scalar, constant: Constant) -> object:
    try:
        if target is Scalar.DATETIME:
            return read_datetime(text, constant.span)
        return typed_literal(target.value, text)[1]
    except (ValueError, InvalidOperation):
        return None


def _text(constant: Constant) -> str:
    match constant.value:
        case bool() as value:
            return "True" if value else "False"
        case datetime() as value:
            return datetime_text(value)
        case int() as value if constant.type.scalar is Scalar.TIMESPAN:
            return timespan_text(value)
        case value:
            return str(value)


def _json(constant: Constant) -> str:
    match constant.value:
        case bool() | float() as value:
            return json.dumps(value)
        case int() as value if constant.type.scalar in INTEGERS:
            return str(value)
        case _:
            return json.dumps(_text(constant), ensure_ascii=False)
