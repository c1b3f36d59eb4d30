"""The SQL tree as DuckDB text: the only package that writes SQL, and its one way out."""

from collections.abc import Iterable
from typing import assert_never

from emulator.sql.ast import Rendered, Select, Sql, UnionAll, With
from emulator.sql.render_query import expression, expressions, identifier, identifiers, query_text, source_text
from emulator.sql.statements import (
    AddColumn,
    Assignment,
    Attach,
    Begin,
    ColumnDefinition,
    CreateIndex,
    CreateMacro,
    CreateTable,
    CreateTableAs,
    CreateView,
    Deallocate,
    Delete,
    Describe,
    Drop,
    Execute,
    Insert,
    Merge,
    Pragma,
    Prepare,
    SetOption,
    SetVariable,
    Statement,
    Update,
    Values,
)


def render(statement: Statement) -> str:  # noqa: C901 - one branch per statement of the closed union
    """Write a statement as one line of DuckDB SQL."""
    match statement:
        # First, since every statement of a batch is written anew: each case that is passed takes a tenth of a µs.
        case Execute(name, arguments):
            return f"EXECUTE {identifier(name)}{_arguments(arguments)}"
        case Select() | UnionAll() | With() | Rendered():
            return query_text(statement)
        case Insert():
            return _insert(statement)
        case Update(table, assignments, source, where):
            reading = "" if source is None else f" FROM {source_text(source)}"
            return f"UPDATE {source_text(table)} SET {_assignments(assignments)}{reading}{_where(where)}"
        case Delete(table, source, where, returning):
            reading = "" if source is None else f" USING {source_text(source)}"
            return f"DELETE FROM {source_text(table)}{reading}{_where(where)}{_returning(returning)}"
        case Merge():
            return _merge(statement)
        case CreateTable(name, columns, temporary, or_replace, if_not_exists):
            head = _create("TABLE", name, temporary, or_replace, if_not_exists)
            return f"{head} ({', '.join(map(_definition, columns))})"
        case CreateTableAs(name, query, temporary, or_replace, within):
            return f"{_create('TABLE', name, temporary, or_replace, within=within)} AS {query_text(query)}"
        case CreateView(name, query, temporary, or_replace):
            return f"{_create('VIEW', name, temporary, or_replace)} AS {query_text(query)}"
        case CreateIndex(name, table, names):
            return f"CREATE INDEX {identifier(name)} ON {identifier(table)} ({identifiers(names)})"
        case CreateMacro(name, parameters, body, temporary, or_replace):
            return f"{_create('MACRO', name, temporary, or_replace)}({identifiers(parameters)}) AS {body}"
        case Drop(kind, name, if_exists, within):
            return f"DROP {kind} {'IF EXISTS ' if if_exists else ''}{_path(*within, name)}"
        case Attach(name):
            return f"ATTACH ':memory:' AS {identifier(name)}"
        case AddColumn(table, column, if_not_exists):
            condition = "IF NOT EXISTS " if if_not_exists else ""
            return f"ALTER TABLE {identifier(table)} ADD COLUMN {condition}{_definition(column)}"
        case Describe(query):
            return f"DESCRIBE {query_text(query)}"
        case Begin(read_only):
            return f"BEGIN TRANSACTION{' READ ONLY' if read_only else ''}"
        case SetOption(name, value, session):
            return f"SET {'SESSION ' if session else ''}{identifier(name)} = {expression(value)}"
        case Pragma(name):
            return f"PRAGMA {identifier(name)}"
        case SetVariable(name, value):
            return f"SET VARIABLE {identifier(name)} = {expression(value)}"
        case Prepare(name, prepared):
            return f"PREPARE {identifier(name)} AS {render(prepared)}"
        case Deallocate(name):
            return f"DEALLOCATE {identifier(name)}"
        case _:
            assert_never(statement)


def _insert(insert: Insert) -> str:
    columns = f" ({identifiers(insert.columns)})" if insert.columns else ""
    source = insert.source
    rows = f"VALUES {_rows(source.rows)}" if isinstance(source, Values) else query_text(source)
    return f"INSERT INTO {identifier(insert.table)}{columns} {rows}{_returning(insert.returning)}"


def _rows(rows: Iterable[tuple[Sql, ...]]) -> str:
    return ", ".join(f"({expressions(row)})" for row in rows)


def _merge(merge: Merge) -> str:
    columns = identifiers(each.column for each in merge.missing)
    values = expressions(each.value for each in merge.missing)
    return (
        f"MERGE INTO {source_text(merge.table)} USING {source_text(merge.source)} ON {expression(merge.condition)}"
        f" WHEN MATCHED THEN UPDATE SET {_assignments(merge.matched)}"
        f" WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"
    )


def _create(
    kind: str,
    name: str,
    temporary: bool,
    or_replace: bool,
    if_not_exists: bool = False,
    within: tuple[str, ...] = (),
) -> str:
    replacing = "OR REPLACE " if or_replace else ""
    condition = "IF NOT EXISTS " if if_not_exists else ""
    return f"CREATE {replacing}{'TEMP ' if temporary else ''}{kind} {condition}{_path(*within, name)}"


def _path(*names: str) -> str:
    return ".".join(map(identifier, names))


def _definition(column: ColumnDefinition) -> str:
    default = "" if column.default is None else f" DEFAULT {expression(column.default)}"
    return f"{identifier(column.name)} {column.type}{default}"


def _assignments(assignments: Iterable[Assignment]) -> str:
    return ", ".join(f"{identifier(each.column)} = {expression(each.value)}" for each in assignments)


def _where(condition: Sql | None) -> str:
    return "" if condition is None else f" WHERE {expression(condition)}"


def _returning(columns: Iterable[Sql]) -> str:
    listed = expressions(columns)
    return f" RETURNING {listed}" if listed else ""


def _arguments(arguments: Iterable[tuple[str, Sql]]) -> str:
    given = ", ".join(f"{identifier(name)} := {expression(value)}" for name, value in arguments)
    return f"({given})" if given else ""
