"""Short ways to build SQL trees; nothing here knows KQL."""

from collections.abc import Iterable

from emulator.sql.ast import (
    Call,
    Case,
    Cast,
    ColumnRef,
    InList,
    IsNull,
    Item,
    Lambda,
    ListLiteral,
    Literal,
    Operation,
    Parameter,
    Sql,
    TableRef,
)

NULL = Literal(None)
TRUE = Literal(True)
FALSE = Literal(False)
EMPTY = Literal("")


def table(name: str, alias: str | None = None) -> TableRef:
    """Build `name AS alias`, or a relation under its own name."""
    return TableRef((name,), name if alias is None else alias)


def columns(names: Iterable[str], table: str | None = None) -> tuple[Item, ...]:
    """Build the select list of columns under their own names."""
    return tuple(Item(ColumnRef(name, table), name) for name in names)


def equal(left: Sql, right: Sql) -> Operation:
    """Build `left = right`."""
    return Operation("=", (left, right))


def call(function: str, *arguments: Sql) -> Call:
    """Build `function(arguments)`."""
    return Call(function, arguments)


def op(operator: str, *operands: Sql) -> Operation:
    """Build a prefix or an infix operation."""
    return Operation(operator, operands)


def lit(value: object, type_: str | None = None) -> Literal:
    """Build a literal, cast to `type_` if given."""
    return Literal(value, type_)


# What a message of ours begins with where a query fails by it, so that it is told from one of DuckDB's.
OWN_WORDS = "KQL: "


def fail(message: Sql) -> Call:
    """Build what fails with a message of ours where it is computed."""
    return call("error", op("||", lit(OWN_WORDS), message))


def cast(operand: Sql, type_: str) -> Cast:
    """Build `CAST(operand AS type_)`."""
    return Cast(operand, type_)


def try_cast(operand: Sql, type_: str) -> Cast:
    """Build `TRY_CAST(operand AS type_)`."""
    return Cast(operand, type_, is_try=True)


def case(*branches: tuple[Sql, Sql], otherwise: Sql = NULL) -> Case:
    """Build `CASE WHEN … THEN … ELSE otherwise END`."""
    return Case(branches, otherwise)


def is_null(operand: Sql) -> IsNull:
    """Build `operand IS NULL`."""
    return IsNull(operand)


def is_not_null(operand: Sql) -> IsNull:
    """Build `operand IS NOT NULL`."""
    return IsNull(operand, negated=True)


def not_(operand: Sql) -> Operation:
    """Build `NOT operand`."""
    return Operation("NOT", (operand,))


def and_(operands: Iterable[Sql]) -> Sql:
    """Join predicates by AND; no predicate at all is true."""
    return _joined("AND", operands, TRUE)


def or_(operands: Iterable[Sql]) -> Sql:
    """Join predicates by OR; no predicate at all is false."""
    return _joined("OR", operands, FALSE)


def coalesce(*operands: Sql) -> Call:
    """Build `coalesce(operands)`."""
    return Call("coalesce", operands)


def in_list(operand: Sql, elements: Iterable[Sql]) -> InList:
    """Build `operand IN (elements)`."""
    return InList(operand, tuple(elements))


def list_literal(*elements: Sql) -> ListLiteral:
    """Build `[elements]`."""
    return ListLiteral(elements)


def lambda_(parameter: str, body: Sql) -> Lambda:
    """Build `lambda parameter: body`."""
    return Lambda((parameter,), body)


def is_cheap(sql: Sql) -> bool:
    """Tell whether an expression costs nothing to evaluate again."""
    return isinstance(sql, ColumnRef | Literal | Parameter)


def once(name: str, value: Sql, body: Sql) -> Sql:
    """Build `body` where the column `name`, of no table, is a value that is computed once.

    It costs a list of one element for each row: worth it for what is read often, or for each item of a list.
    """
    return call("list_extract", call("list_transform", list_literal(value), lambda_(name, body)), lit(1))


def _joined(operator: str, operands: Iterable[Sql], empty: Sql) -> Sql:
    parts = tuple(operands)
    if not parts:
        return empty
    return parts[0] if len(parts) == 1 else Operation(operator, parts)
