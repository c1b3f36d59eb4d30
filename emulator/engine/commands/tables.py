"""Commands on tables and columns."""

from collections.abc import Mapping
from dataclasses import replace

from emulator.engine.catalog.records import Database, Table
from emulator.engine.commands.answer import answer, columns, to_json
from emulator.engine.commands.dependents import disable_views, follow_source
from emulator.engine.commands.shown.texts import table_document
from emulator.engine.storage import relations as storage
from emulator.engine.storage.transaction import Transaction, find_table
from emulator.errors import EntityAlreadyExists, KustoError
from emulator.result import ResultTable
from emulator.schema.changes import declared_schema, redefined_schema, with_column_docstrings, with_text, with_texts
from emulator.syntax.commands import DefineTables, DefineVerb, Properties, TableDefinition, property_text
from emulator.types import Column, KqlType, Scalar, Schema

_DEFINED = columns("TableName:string, Schema:string, DatabaseName:string, Folder:string, DocString:string")
_LISTED = columns("TableName:string, DatabaseName:string, Folder:string, DocString:string")


def define_tables(transaction: Transaction, database: str, command: DefineTables) -> ResultTable:
    """Create, merge or alter tables as the verb says."""
    for definition in command.tables:
        _define(transaction, database, command.verb, definition, command.properties)
    snapshot = transaction.database(database)
    tables = [snapshot.tables[definition.name.text] for definition in command.tables]
    return answer(_DEFINED, [_defined_row(snapshot, table) for table in tables])


def _define(
    transaction: Transaction, database: str, verb: DefineVerb, definition: TableDefinition, properties: Properties
) -> None:
    name = definition.name.text
    snapshot = transaction.database(database)
    existing = snapshot.tables.get(name)
    schema = declared_schema(definition.columns)
    if existing is None:
        if verb in (DefineVerb.ALTER, DefineVerb.ALTER_MERGE):
            find_table(snapshot, name)
        _require_free(snapshot, name)
        create_table(transaction, database, name, schema, properties)
        return
    alter_schema(transaction, database, existing, redefined_schema(existing, verb, schema))
    table = with_texts(transaction.database(database).tables[name], verb, properties)
    if table != existing:
        transaction.put(transaction.database(database).with_table(table))


def create_table(
    transaction: Transaction, database: str, name: str, schema: Schema, properties: Properties = ()
) -> Table:
    """Make a table that does not exist."""
    table = Table(
        name,
        schema,
        property_text(properties, "folder") or "",
        property_text(properties, "docstring") or "",
        relation=transaction.new_relation("t"),
    )
    storage.create_table(transaction.connection, table.relation, schema)
    transaction.put(transaction.database(database).with_table(table))
    return table


def alter_schema(
    transaction: Transaction,
    database: str,
    table: Table,
    schema: Schema,
    renamed: Mapping[str, str] | None = None,
) -> None:
    """Give a table other columns; values are kept by name, `renamed` maps new names to old ones."""
    if schema == table.schema:
        return
    old = {column.name: column.type for column in table.schema}
    kept = {}
    for column in schema:
        origin = (renamed or {}).get(column.name, column.name)
        if old.get(origin) == column.type:
            kept[column.name] = origin
    connection = transaction.connection
    relation = table.relation
    is_grown = _signature(schema)[: len(table.schema)] == _signature(table.schema)
    if not is_grown or not storage.add_columns(connection, relation, table.schema, schema):
        relation = transaction.new_relation("t")
        storage.copy_columns(connection, table.relation, table.schema, relation, schema, kept)
        storage.drop_table(connection, table.relation)
    changed = replace(table, relation=relation, schema=schema)
    transaction.put(transaction.database(database).with_table(changed))
    follow_source(transaction, database, table.name)


def rename_tables(transaction: Transaction, database: str, renames: list[tuple[str, str]]) -> ResultTable:
    """Rename tables in one step, so that names can be swapped."""
    snapshot = transaction.database(database)
    tables = dict(snapshot.tables)
    moved = [(find_table(snapshot, old), new) for old, new in renames]
    for table, _ in moved:
        tables.pop(table.name, None)
    for table, new in moved:
        if new in tables or new in snapshot.views:
            raise EntityAlreadyExists(
                f"Entity '{new}' of kind 'Table' already exists.", "BadRequest_EntityNameAlreadyExists"
            )
        tables[new] = replace(table, name=new)
    ordered = {tables[name].name: tables[name] for name in tables}
    transaction.put(replace(snapshot, tables=ordered))
    for table, _ in moved:
        follow_source(transaction, database, table.name)
    after = transaction.database(database)
    return answer(_LISTED, [listed_row(after, after.tables[new]) for _, new in moved])


def rename_columns(transaction: Transaction, database: str, table: str, renames: Mapping[str, str]) -> ResultTable:
    """Rename columns of one table; `renames` maps old names to new ones."""
    existing = find_table(transaction.database(database), table)
    for old in renames:
        require_column(existing, old)
    schema = Schema(tuple(replace(column, name=renames.get(column.name, column.name)) for column in existing.schema))
    if len(set(schema.names)) < len(schema):
        raise EntityAlreadyExists(
            f"Table '{table}' already has a column of that name.", "BadRequest_EntityNameAlreadyExists"
        )
    alter_schema(transaction, database, existing, schema, {new: old for old, new in renames.items()})
    snapshot = transaction.database(database)
    return answer(_DEFINED, [_defined_row(snapshot, snapshot.tables[table])])


def drop_columns(
    transaction: Transaction, database: str, table: str, names: tuple[str, ...], *, if_exists: bool
) -> ResultTable:
    """Drop columns with their values."""
    existing = find_table(transaction.database(database), table)
    for name in names:
        if not if_exists:
            require_column(existing, name)
    left = Schema(tuple(column for column in existing.schema if column.name not in names))
    if not left.columns:
        raise KustoError(f"The last column of table '{table}' cannot be dropped.", "BadRequest_LastColumn")
    alter_schema(transaction, database, existing, left)
    snapshot = transaction.database(database)
    return answer(_DEFINED, [_defined_row(snapshot, snapshot.tables[table])])


def alter_column_type(transaction: Transaction, database: str, table: str, column: str, type_: Scalar) -> ResultTable:
    """Change a column's type: what it holds reads as null from then on."""
    existing = find_table(transaction.database(database), table)
    require_column(existing, column)
    schema = Schema(
        tuple(replace(each, type=KqlType(type_)) if each.name == column else each for each in existing.schema)
    )
    alter_schema(transaction, database, existing, schema)
    snapshot = transaction.database(database)
    return answer(_DEFINED, [_defined_row(snapshot, snapshot.tables[table])])


def set_column_docstrings(
    transaction: Transaction, database: str, table: str, docstrings: Mapping[str, str], *, merge: bool
) -> ResultTable:
    """Set the docstrings of columns; without merge, those not named lose theirs."""
    snapshot = transaction.database(database)
    existing = find_table(snapshot, table)
    for name in docstrings:
        require_column(existing, name)
    changed = with_column_docstrings(existing, docstrings, merge=merge)
    transaction.put(snapshot.with_table(changed))
    return answer(_DEFINED, [_defined_row(snapshot, changed)])


def set_table_text(transaction: Transaction, database: str, name: str, field: str, text: str) -> ResultTable:
    """Set a table's docstring or folder."""
    snapshot = transaction.database(database)
    table = with_text(find_table(snapshot, name), field, text)
    transaction.put(snapshot.with_table(table))
    return answer(_LISTED, [listed_row(snapshot, table)])


def drop_tables(transaction: Transaction, database: str, names: tuple[str, ...], *, if_exists: bool) -> ResultTable:
    """Drop tables with their rows; views over them are disabled. The answer lists the tables that are left."""
    for name in names:
        snapshot = transaction.database(database)
        if if_exists and name not in snapshot.tables:
            continue
        find_table(snapshot, name)
        disable_views(transaction, database, name)
        transaction.drop_table(database, name)
    after = transaction.database(database)
    return answer(_LISTED, [listed_row(after, table) for table in after.tables.values()])


def clear_table(transaction: Transaction, database: str, name: str) -> ResultTable:
    """Remove the rows of a table; views keep what they hold."""
    table = find_table(transaction.database(database), name)
    storage.clear_table(transaction.connection, table.relation)
    transaction.rewritten.add(table.relation)
    return answer(columns("Status:string"), [("Completed",)])


def listed_row(database: Database, table: Table) -> tuple[object, ...]:
    """Return a table as `.show tables` lists it."""
    return (table.name, database.name, table.folder, table.docstring)


def require_column(table: Table, name: str) -> Column:
    """Return a column, or raise KustoError."""
    column = table.schema.find(name)
    if column is None:
        raise KustoError(
            f"Column '{name}' was not found in table '{table.name}'.",
            "BadRequest_EntityNotFound",
            hint=f"its columns are {', '.join(table.schema.names)}",
        )
    return column


def _defined_row(database: Database, table: Table) -> tuple[object, ...]:
    return (table.name, to_json(table_document(table)), database.name, table.folder, table.docstring)


def _signature(schema: Schema) -> list[tuple[str, KqlType]]:
    return [(column.name, column.type) for column in schema]


def _require_free(database: Database, name: str) -> None:
    if name in database.views:
        raise EntityAlreadyExists(
            f"Entity '{name}' of kind 'MaterializedView' already exists.", "BadRequest_EntityNameAlreadyExists"
        )
