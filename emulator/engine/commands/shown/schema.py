"""`.show … schema`: as rows, as JSON, as csl, and as a script that makes the database anew."""

import re

from emulator.binder.bind import bind_function
from emulator.binder.faults import unsupported
from emulator.engine.catalog.entities import Entities, stored_function
from emulator.engine.catalog.records import Database, Table, View
from emulator.engine.commands.answer import answer, columns, to_json
from emulator.engine.commands.functions import find_function
from emulator.engine.commands.shown.entities import version_text
from emulator.engine.commands.shown.script import database_script
from emulator.engine.commands.shown.texts import dotnet_type, function_document, ordered_columns, table_document
from emulator.engine.core import Core
from emulator.engine.derived.compile_upkeep import bind_shape
from emulator.engine.derived.update_policy import compile_policy
from emulator.engine.storage.transaction import find_table, find_view
from emulator.errors import KustoError
from emulator.result import ResultTable
from emulator.schema.update_policy import POLICY, read_update_policy
from emulator.syntax.commands import EntityKind, ShowSchema, property_text

_TABLE_SCHEMA = columns("TableName:string, Schema:string, DatabaseName:string, Folder:string, DocString:string")
_VIEW_SCHEMA = columns(
    "MaterializedViewName:string, Schema:string, DatabaseName:string, Folder:string, DocString:string"
)
_ATTRIBUTES = columns("AttributeName:string, AttributeType:string")
_FUNCTION_SCHEMA = columns("FunctionName:string, Schema:string, DatabaseName:string, Folder:string, DocString:string")
_DATABASE_SCHEMA = columns(
    "DatabaseName:string, TableName:string, ColumnName:string, ColumnType:string, IsDefaultTable:bool,"
    "IsDefaultColumn:bool, PrettyName:string, Version:string, Folder:string, DocString:string"
)
_JSON = columns("DatabaseSchema:string")
_SCRIPT = columns("DatabaseSchemaScript:string")
_VIOLATIONS = columns("EntityKind:string, EntityName:string, Property:string, Reason:string")


def show_schema(core: Core, database: str, command: ShowSchema) -> ResultTable:
    """Answer a question for a schema."""
    names = [name.text for name in command.names]
    match command.kind:
        case EntityKind.TABLE:
            snapshot = core.database(database)
            found = [find_table(snapshot, name) for name in names] or list(snapshot.tables.values())
            return _of_tables(snapshot, found, command.form)
        case EntityKind.MATERIALIZED_VIEW:
            snapshot = core.database(database)
            return _of_views(snapshot, [find_view(snapshot, name) for name in names], command.form)
        case EntityKind.FUNCTION:
            return _of_function(core.database(database), names[0])
        case EntityKind.DATABASE:
            if names:
                wanted = [core.database(name) for name in names]
            else:
                wanted = list(core.catalog.databases.values()) if command.is_plural else [core.database(database)]
            return _of_databases(wanted, command)
        case _:
            raise unsupported(f".show {command.kind.value} schema", command.span)


def _of_tables(database: Database, tables: list[Table], form: str) -> ResultTable:
    if form == "":
        return answer(_ATTRIBUTES, [(each.name, dotnet_type(each.type)) for table in tables for each in table.schema])
    rows = [
        (
            table.name,
            to_json(table_document(table)) if form == "json" else table.schema.csl(),
            database.name,
            table.folder,
            table.docstring,
        )
        for table in tables
    ]
    return answer(_TABLE_SCHEMA, rows)


def _of_views(database: Database, views: list[View], form: str) -> ResultTable:
    rows = [
        (
            view.name,
            to_json(table_document(view)) if form == "json" else view.schema.csl(),
            database.name,
            view.folder,
            view.docstring,
        )
        for view in views
    ]
    return answer(_VIEW_SCHEMA, rows)


def _of_function(database: Database, name: str) -> ResultTable:
    function = find_function(database, name)
    # The question is for the resolved schema: a function that does not bind has none.
    bind_function(stored_function(function), Entities(database))
    document = to_json(function_document(database, function, resolved=True))
    return answer(_FUNCTION_SCHEMA, [(name, document, database.name, function.folder, function.docstring)])


def _of_databases(databases: list[Database], command: ShowSchema) -> ResultTable:
    if command.if_later_than:
        databases = [each for each in databases if each.version > _minor(command.if_later_than)]
    match command.form:
        case "":
            return answer(_DATABASE_SCHEMA, [row for database in databases for row in _schema_rows(database)])
        case "json":
            if command.if_later_than and not databases:
                return answer(_JSON, [])
            document = {"Databases": {database.name: _database_document(database) for database in databases}}
            return answer(_JSON, [(to_json(document),)])
        case "csl" | "csl script":
            mappings = (property_text(command.properties, "IncludeIngestionMappings") or "true").lower() != "false"
            scripts = [database_script(database, mappings=mappings) for database in databases]
            return answer(_SCRIPT, [(text,) for script in scripts for text in script])
        case "violations":
            return answer(_VIOLATIONS, [row for database in databases for row in _violations(database)])
        case form:
            raise unsupported(f".show database schema {form}", command.span)


def _schema_rows(database: Database) -> list[tuple[object, ...]]:
    version = version_text(database)
    rows: list[tuple[object, ...]] = [(database.name, "", "", "", None, None, "", version, "", "")]
    tables: list[Table | View] = [*database.tables.values(), *database.views.values()]
    for table in tables:
        texts = (table.folder, table.docstring)
        rows.append((database.name, table.name, "", "", False, False, "", "", *texts))
        rows.extend(
            (database.name, table.name, each.name, dotnet_type(each.type), False, False, "", "", "", each.docstring)
            for each in table.schema
        )
    return rows


def _database_document(database: Database) -> dict[str, object]:
    return {
        "Name": database.name,
        "Tables": {table.name: table_document(table) for table in database.tables.values()},
        "ExternalTables": {},
        "MaterializedViews": {
            view.name: {
                "Name": view.name,
                "OrderedColumns": ordered_columns(view.schema),
                "Folder": view.folder,
                "DocString": view.docstring,
            }
            for view in database.views.values()
        },
        "EntityGroups": {},
        "MajorVersion": 1,
        "MinorVersion": database.version,
        "Functions": {
            function.name: function_document(database, function, resolved=False)
            for function in database.functions.values()
        },
        "DatabaseAccessMode": "ReadWrite",
    }


def _violations(database: Database) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for function in database.functions.values():
        try:
            bind_function(stored_function(function), Entities(database))
        except KustoError as error:
            rows.append(("Function", function.name, "Body", error.message))
    for view in database.views.values():
        try:
            bind_shape(database, view)
        except KustoError as error:
            rows.append(("MaterializedView", view.name, "Query", error.message))
    for table in database.tables.values():
        for policy in read_update_policy(table.policies.get(POLICY)):
            source = database.tables.get(policy.source)
            try:
                if source is not None:
                    compile_policy(database, policy, source, table)
                elif not policy.is_wildcard:
                    rows.append(
                        ("Table", table.name, "UpdatePolicy", f"Source table '{policy.source}' does not exist.")
                    )
            except KustoError as error:
                rows.append(("Table", table.name, "UpdatePolicy", error.message))
    return rows


def _minor(version: str) -> int:
    match = re.fullmatch(r"v\.?\d+\.(\d+)", version.strip())
    if match is None:
        raise KustoError(f"'{version}' is not a schema version.", "BadRequest_InvalidVersion", hint="such as v1.12")
    return int(match[1])
