"""Queries and expressions of the SQL tree as DuckDB text; `render` writes the statements around them."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import assert_never

from emulator.sql.ast import (
    Call,
    Case,
    Cast,
    ColumnRef,
    Cte,
    Exists,
    Field,
    From,
    FunctionRef,
    InList,
    InQuery,
    IsNull,
    Item,
    JoinRef,
    Lambda,
    ListLiteral,
    Literal,
    Operation,
    OrderBy,
    Parameter,
    Query,
    Rendered,
    Select,
    Sql,
    Star,
    StructLiteral,
    Subquery,
    SubqueryRef,
    TableRef,
    UnionAll,
    ValuesRef,
    Window,
    With,
)
from emulator.sql.engine_functions import CONNECTION, ENGINE_FUNCTION_NAMES
from emulator.text import encodable
from emulator.work import check_work


def query_text(query: Query) -> str:
    """Write a query as one line of DuckDB SQL."""
    check_work()
    match query:
        case Select():
            return _select(query)
        case UnionAll(queries):
            return " UNION ALL ".join(f"({query_text(each)})" for each in queries)
        case With(ctes, body):
            recursive = "RECURSIVE " if any(cte.recursive_step is not None for cte in ctes) else ""
            return f"WITH {recursive}{', '.join(map(_cte, ctes))} {query_text(body)}"
        case Rendered(sql):
            return sql
        case _:
            assert_never(query)


def identifier(name: str) -> str:
    """Quote a name; DuckDB compares it without regard to case even then."""
    if "\0" in name:
        raise ValueError("an identifier cannot hold a NUL character")
    return '"' + encodable(name).replace('"', '""') + '"'


def identifiers(names: Iterable[str]) -> str:
    """Quote names, with commas between them."""
    return ", ".join(map(identifier, names))


def string_literal(text: str) -> str:
    """Quote a string; NUL characters are spliced in, since SQL text cannot hold them."""
    parts = [f"'{part}'" for part in encodable(text).replace("'", "''").split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


def expression(sql: Sql) -> str:  # noqa: C901 - one branch per node of the closed union
    """Write an expression; compound ones come in parentheses, so that it can stand anywhere."""
    check_work()
    match sql:
        case Literal(value, type_):
            return _literal(value, type_)
        case Parameter(name, type_):
            return f"CAST(${name} AS {type_})"
        case ColumnRef(name, table):
            return identifier(name) if table is None else f"{identifier(table)}.{identifier(name)}"
        case Call():
            return _call(sql)
        case Operation(operator, operands):
            return _operation(operator, operands)
        case Cast(operand, type_, is_try):
            return f"{'TRY_CAST' if is_try else 'CAST'}({expression(operand)} AS {type_})"
        case Case(branches, otherwise):
            whens = " ".join(f"WHEN {expression(when)} THEN {expression(then)}" for when, then in branches)
            return f"CASE {whens} ELSE {expression(otherwise)} END"
        case IsNull(operand, negated):
            return f"({expression(operand)} IS {'NOT ' if negated else ''}NULL)"
        case InList(operand, elements):
            return f"({expression(operand)} IN ({expressions(elements)}))" if elements else "FALSE"
        case InQuery(operand, query):
            return f"({expression(operand)} IN ({query_text(query)}))"
        case Lambda(parameters, body):
            return f"lambda {identifiers(parameters)}: {expression(body)}"
        case ListLiteral(elements):
            return f"[{expressions(elements)}]"
        case StructLiteral(fields):
            return "{" + ", ".join(f"{string_literal(name)}: {expression(value)}" for name, value in fields) + "}"
        case Field(operand, name):
            return f"struct_extract({expression(operand)}, {string_literal(name)})"
        case Window():
            return _window(sql)
        case Exists(query, negated):
            return f"({'NOT ' if negated else ''}EXISTS ({query_text(query)}))"
        case Subquery(query):
            return f"({query_text(query)})"
        case Star(table):
            return "*" if table is None else f"{identifier(table)}.*"
        case _:
            assert_never(sql)


def _literal(value: object, type_: str | None) -> str:
    text = _literal_text(value)
    return text if type_ is None else f"CAST({text} AS {type_})"


def _literal_text(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float():
            return _real(value)
        case Decimal():
            return string_literal(format(value, "f"))
        case str():
            return string_literal(value)
        case _:
            raise TypeError(f"no SQL literal for {type(value).__name__}")


def _real(value: float) -> str:
    if math.isfinite(value):
        text = repr(value)
        # Without an exponent DuckDB reads a DECIMAL.
        return text if "e" in text else f"{text}e0"
    name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return f"CAST('{name}' AS DOUBLE)"


def expressions(elements: Iterable[Sql]) -> str:
    """Write expressions with commas between them."""
    return ", ".join(map(expression, elements))


def _call(call: Call) -> str:
    arguments = f"{'DISTINCT ' if call.distinct else ''}{expressions(call.arguments)}"
    if call.function in ENGINE_FUNCTION_NAMES:
        arguments += f", getvariable('{CONNECTION}')"
    order_by = f" ORDER BY {_order_by(call.order_by)}" if call.order_by else ""
    where = "" if call.filter is None else f" FILTER (WHERE {expression(call.filter)})"
    return f"{call.function}({arguments}{order_by}){where}"


def _operation(operator: str, operands: tuple[Sql, ...]) -> str:
    if len(operands) == 1:
        return f"({operator} {expression(operands[0])})"
    return "(" + f" {operator} ".join(map(expression, operands)) + ")"


def _window(window: Window) -> str:
    clauses = []
    if window.partition_by:
        clauses.append(f"PARTITION BY {expressions(window.partition_by)}")
    if window.order_by:
        clauses.append(f"ORDER BY {_order_by(window.order_by)}")
    if window.frame:
        clauses.append(window.frame)
    call = expression(window.call)
    if window.ignore_nulls:
        call = f"{call.removesuffix(')')} IGNORE NULLS)"
    return f"{call} OVER ({' '.join(clauses)})"


def _order_by(keys: Iterable[OrderBy]) -> str:
    return ", ".join(
        f"{expression(key.expression)} {'ASC' if key.ascending else 'DESC'}"
        f" NULLS {'FIRST' if key.nulls_first else 'LAST'}"
        for key in keys
    )


def _select(select: Select) -> str:
    parts = ["SELECT"]
    if select.distinct_on:
        parts.append(f"DISTINCT ON ({expressions(select.distinct_on)})")
    elif select.distinct:
        parts.append("DISTINCT")
    parts.append(", ".join(map(_item, select.items)))
    if select.source is not None:
        parts.append(f"FROM {source_text(select.source)}")
    if select.where is not None:
        parts.append(f"WHERE {expression(select.where)}")
    if select.group_by:
        parts.append(f"GROUP BY {expressions(select.group_by)}")
    if select.having is not None:
        parts.append(f"HAVING {expression(select.having)}")
    if select.qualify is not None:
        parts.append(f"QUALIFY {expression(select.qualify)}")
    if select.order_by:
        parts.append(f"ORDER BY {_order_by(select.order_by)}")
    if select.limit is not None:
        parts.append(f"LIMIT {expression(select.limit)}")
    if select.offset is not None:
        parts.append(f"OFFSET {expression(select.offset)}")
    return " ".join(parts)


def _item(item: Item | Star) -> str:
    if isinstance(item, Star):
        return expression(item)
    return f"{expression(item.expression)} AS {identifier(item.alias)}"


def source_text(source: From) -> str:
    """Write what stands after FROM, USING or INTO."""
    match source:
        case TableRef(parts, alias):
            return f"{'.'.join(map(identifier, parts))} AS {identifier(alias)}"
        case SubqueryRef(query, alias, lateral, columns):
            names = f"({identifiers(columns)})" if columns else ""
            return f"{'LATERAL ' if lateral else ''}({query_text(query)}) AS {identifier(alias)}{names}"
        case ValuesRef(rows, columns, alias):
            values = ", ".join(f"({expressions(row)})" for row in rows)
            return f"(VALUES {values}) AS {identifier(alias)}({identifiers(columns)})"
        case FunctionRef(call, alias, columns, lateral):
            names = f"({identifiers(columns)})" if columns else ""
            return f"{'LATERAL ' if lateral else ''}{_call(call)} AS {identifier(alias)}{names}"
        case JoinRef(kind, left, right, condition):
            on = "" if condition is None else f" ON {expression(condition)}"
            return f"{source_text(left)} {kind} JOIN {_nested(right)}{on}"
        case _:
            assert_never(source)


def _nested(source: From) -> str:
    return f"({source_text(source)})" if isinstance(source, JoinRef) else source_text(source)


def _cte(cte: Cte) -> str:
    materialized = "MATERIALIZED " if cte.materialized else ""
    if cte.recursive_step is None:
        body = query_text(cte.query)
    else:
        body = f"({query_text(cte.query)}) UNION ALL ({query_text(cte.recursive_step)})"
    return f"{identifier(cte.name)} AS {materialized}({body})"
