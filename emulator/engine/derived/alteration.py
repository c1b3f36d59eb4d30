"""Altering a materialized view that holds rows: kept columns stay, new ones are null for groups of before."""

from dataclasses import replace

import duckdb

from emulator.engine.catalog.records import View
from emulator.engine.derived.shape import Shape
from emulator.engine.derived.view_storage import create
from emulator.engine.relation_names import parts_name
from emulator.engine.storage import relations as storage
from emulator.engine.storage.transaction import Transaction
from emulator.errors import KustoError
from emulator.sql.ast import ColumnRef, Item, Select, Sql, Star
from emulator.sql.build import EMPTY, NULL, cast, table
from emulator.sql.render import render
from emulator.sql.statements import Insert
from emulator.syntax.operators import Pipeline, Summarize
from emulator.syntax.parser import parse_query
from emulator.syntax.printing.printer import print_expression


def altered(transaction: Transaction, database: str, view: View, changed: View, shape: Shape) -> View:
    """Store a view's new definition and bring what it holds, up to its position, into the new shape."""
    if _keys(view.query) != _keys(changed.query):
        raise _refused(view, "the group-by expressions cannot be changed")
    old_types = {column.name: column.type for column in view.schema}
    for column in shape.schema:
        if old_types.get(column.name, column.type) != column.type:
            raise _refused(view, f"the type of column '{column.name}' cannot be changed")
    relation = transaction.new_relation("v")
    changed = replace(
        changed, schema=shape.schema, relation=relation, parts=parts_name(relation), position=view.position
    )
    connection = transaction.connection
    transaction.put(transaction.database(database).with_view(changed))
    # What the view holds moves over; where parts of a group have another layout, its source is aggregated again.
    create(connection, transaction.database(database), changed, transaction.time)
    old, new = _layout(connection, view.parts), _layout(connection, changed.parts)
    names = shape.aggregate.schema.names[len(shape.keys) :]
    staying = tuple(label for label, name in zip(shape.labels, names, strict=True) if name in old_types)
    if all(old.get(name, None if _is_part(name, staying) else type_) == type_ for name, type_ in new.items()):
        kept = tuple(Item(ColumnRef(name) if name in old else _missing(type_), name) for name, type_ in new.items())
        storage.clear_table(connection, changed.parts)
        connection.execute(render(Insert(changed.parts, Select(kept, table(view.parts)), tuple(new))))
    storage.drop_view(connection, view.relation)
    storage.drop_table(connection, view.parts)
    return changed


def _is_part(stored: str, labels: tuple[str, ...]) -> bool:
    return any(stored == label or stored.startswith(f"{label}$") for label in labels)


def _layout(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    columns = storage.layout_of(connection, Select((Star(),), table(relation)))
    return {column.name: column.type for column in columns}


def _missing(type_: str) -> Sql:
    return EMPTY if type_ == "VARCHAR" else cast(NULL, type_)


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
