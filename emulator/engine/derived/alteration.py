"""Altering a materialized view that holds rows: kept columns stay, new ones are null for groups of before."""
# ruff: noqa: S608 - every name goes through `identifier`, every value through a parameter

from dataclasses import replace

import duckdb

from emulator.engine.catalog.records import View
from emulator.engine.derived.shape import Shape
from emulator.engine.derived.upkeep import create
from emulator.engine.relation_names import parts_name
from emulator.engine.storage import relations as storage
from emulator.engine.storage.transaction import Transaction
from emulator.errors import KustoError
from emulator.sql.render import identifier
from emulator.syntax.operators import Pipeline, Summarize
from emulator.syntax.parser import parse_query
from emulator.syntax.printer import print_expression


def altered(transaction: Transaction, database: str, view: View, changed: View, shape: Shape) -> View:
    """Store a view's new definition and bring what it holds into the new shape."""
    if _keys(view.query) != _keys(changed.query):
        raise _refused(view, "the group-by expressions cannot be changed")
    old_types = {column.name: column.type for column in view.schema}
    for column in shape.schema:
        if old_types.get(column.name, column.type) != column.type:
            raise _refused(view, f"the type of column '{column.name}' cannot be changed")
    relation = transaction.new_relation("v")
    changed = replace(changed, schema=shape.schema, relation=relation, parts=parts_name(relation))
    connection = transaction.connection
    transaction.put(transaction.database(database).with_view(changed))
    # What the view holds moves over; where parts of a group have another layout, its source is aggregated again.
    create(connection, transaction.database(database), changed, transaction.time)
    old, new = _layout(connection, view.parts), _layout(connection, changed.parts)
    if all(old.get(name, type_) == type_ for name, type_ in new.items()):
        selected = [identifier(name) if name in old else _missing(type_) for name, type_ in new.items()]
        storage.clear_table(connection, changed.parts)
        connection.execute(
            f"INSERT INTO {identifier(changed.parts)} ({', '.join(map(identifier, new))})"
            f" SELECT {', '.join(selected)} FROM {identifier(view.parts)}"
        )
    storage.drop_view(connection, view.relation)
    storage.drop_table(connection, view.parts)
    return changed


def _layout(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    rows = connection.execute(f"DESCRIBE {identifier(relation)}").fetchall()
    return {name: type_ for name, type_, *_ in rows}


def _missing(type_: str) -> str:
    return "''" if type_ == "VARCHAR" else f"CAST(NULL AS {type_})"


def _keys(query: str) -> list[tuple[list[str], str]] | None:
    statement = parse_query(query).statements[-1]
    operator = statement.operators[-1] if isinstance(statement, Pipeline) and statement.operators else None
    if not isinstance(operator, Summarize):
        return None
    return [
        ([name.text for name in projection.names], print_expression(projection.expression))
        for projection in operator.by or ()
    ]


def _refused(view: View, problem: str) -> KustoError:
    return KustoError(f"Cannot alter materialized view '{view.name}': {problem}.", "BadRequest_MaterializedViewAlter")
