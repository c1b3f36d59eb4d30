"""Explicit conversions: what cannot be converted becomes null, and `tostring` of any null the empty string."""

from emulator.functions.function import Function, Operand, ResultName, Signature
from emulator.functions.physical import as_text, as_type
from emulator.functions.shorthand import ANY, DYNAMICS, GUIDS, TEXT, WHOLE, param, simple
from emulator.sql.ast import Sql
from emulator.sql.build import call, case, cast, coalesce, is_null, lit, op
from emulator.types import (
    BOOL,
    DATETIME,
    DECIMAL,
    DYNAMIC,
    GUID,
    INT,
    LONG,
    REAL,
    STRING,
    TIMESPAN,
    KqlType,
    Scalar,
)


def _conversion(name: str, target: KqlType, example: tuple[str, str]) -> Function:
    return simple(
        name,
        f"The value as a {target}, null where it is not one.",
        (param("value"),),
        target,
        lambda operands: as_type(operands[0], target),
        example,
        result_name=ResultName.FIRST_ARGUMENT,
    )


def _parsed(operands: tuple[Operand, ...]) -> Sql:
    value = operands[0]
    if value.type.scalar is Scalar.DYNAMIC:
        return value.sql
    return call("kql_json_of_text", as_text(value))


def _dynamic_type(types: tuple[KqlType, ...]) -> KqlType:
    return types[0] if types[0].is_typed_list else DYNAMIC


def _parse(name: str) -> Function:
    return Function(
        name,
        "The dynamic value that a JSON text stands for; text that is no JSON stays a string.",
        (Signature((param("text", TEXT | DYNAMICS),), _dynamic_type, _parsed),),
        ResultName.FIRST_ARGUMENT,
        example=(f"print {name}('[1, 2]')[1]", "2"),
    )


def _hex(operands: tuple[Operand, ...]) -> Sql:
    digits = call("lower", call("to_hex", cast(operands[0].sql, "BIGINT")))
    if len(operands) > 1:
        width = cast(call("greatest", operands[1].sql, call("length", digits)), "INTEGER")
        digits = call("lpad", digits, width, lit("0"))
    return coalesce(digits, lit(""))


_TYPE_NAMES = {
    "VARCHAR": "string",
    "BIGINT": "long",
    "UBIGINT": "long",
    "DOUBLE": "double",
    "BOOLEAN": "bool",
    "ARRAY": "array",
    "OBJECT": "dictionary",
}


def _type_name(operands: tuple[Operand, ...]) -> Sql:
    value = operands[0]
    if value.type.is_typed_list:
        return case((is_null(value.sql), lit("null")), otherwise=lit("array"))
    if value.type.scalar is not Scalar.DYNAMIC:
        return lit(str(value.type))
    kind = call("json_type", value.sql)
    branches = tuple((op("=", kind, lit(found)), lit(name)) for found, name in _TYPE_NAMES.items())
    return case(*branches, otherwise=lit("null"))


CONVERSIONS: tuple[Function, ...] = (
    _conversion("tobool", BOOL, ("print tobool('true')", "True")),
    _conversion("toboolean", BOOL, ("print toboolean('0')", "False")),
    _conversion("toint", INT, ("print toint('12')", "12")),
    _conversion("tolong", LONG, ("print tolong('x')", "null")),
    _conversion("toreal", REAL, ("print toreal('1.5')", "1.5")),
    _conversion("todouble", REAL, ("print todouble('1e3')", "1000.0")),
    _conversion("todecimal", DECIMAL, ("print todecimal('1.25')", "1.25")),
    _conversion("tostring", STRING, ("print tostring(true)", "True")),
    _conversion("todatetime", DATETIME, ("print todatetime('2024-01-31')", "2024-01-31T00:00:00Z")),
    _conversion("totimespan", TIMESPAN, ("print totimespan('1.02:03:04')", "1.02:03:04")),
    _conversion("totime", TIMESPAN, ("print totime('00:01')", "00:01:00")),
    Function(
        "toguid",
        "The text as a guid, null where it is not one.",
        (Signature((param("value", TEXT | DYNAMICS | GUIDS),), GUID, lambda operands: as_type(operands[0], GUID)),),
        ResultName.FIRST_ARGUMENT,
        example=("print toguid('70FC66F7-8279-44FC-9092-D364D70FCE44')", "70fc66f7-8279-44fc-9092-d364d70fce44"),
    ),
    _parse("parse_json"),
    _parse("todynamic"),
    _parse("toobject"),
    simple(
        "tohex",
        "The whole number in hexadecimal digits, filled up with zeros to a minimal length.",
        (param("value", WHOLE), param("minLength", WHOLE, optional=True)),
        STRING,
        _hex,
        ("print tohex(256, 8)", "00000100"),
        result_name=ResultName.FIRST_ARGUMENT,
    ),
    simple(
        "gettype",
        "The name of the type of a value, looking into dynamic values.",
        (param("value", ANY),),
        STRING,
        _type_name,
        ("print gettype(dynamic([1]))", "array"),
    ),
)
