"""`.show` of tables, functions, views, databases and their details."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from emulator.binder.faults import unsupported
from emulator.engine.catalog.records import Database, Table, View
from emulator.engine.commands import functions, tables, views
from emulator.engine.commands.answer import answer, columns, to_json
from emulator.engine.commands.shown.texts import dotnet_type, signature_of
from emulator.engine.core import Core
from emulator.engine.derived.materialization import as_materialized
from emulator.engine.storage import relations as storage
from emulator.engine.storage.transaction import find_table, find_view
from emulator.result import ResultTable
from emulator.syntax.commands import EntityKind, ShowDatabasesEntities, ShowEntities, property_text

_TABLES = columns("TableName:string, DatabaseName:string, Folder:string, DocString:string")
_POLICY_COLUMNS = (
    ("RetentionPolicy", "retention"),
    ("CachingPolicy", "caching"),
    ("ShardingPolicy", "sharding"),
    ("MergePolicy", "merge"),
    ("StreamingIngestionPolicy", "streamingingestion"),
    ("IngestionBatchingPolicy", "ingestionbatching"),
)
_ATTRIBUTES = columns(
    "AttributeName:string, AttributeType:string, ExtentsCount:long, ExtentSize:long, OriginalDataSize:long,"
    "IndexSize:long, AttributeId:guid"
)
_TABLE_DETAILS = columns(
    "TableName:string, DatabaseName:string, Folder:string, DocString:string, TotalExtents:long, TotalExtentSize:real,"
    "TotalOriginalSize:real, TotalRowCount:long, HotExtents:long, HotExtentSize:real, HotOriginalSize:real,"
    "HotRowCount:long, AuthorizedPrincipals:string, RetentionPolicy:string, CachingPolicy:string,"
    "ShardingPolicy:string, MergePolicy:string, StreamingIngestionPolicy:string, IngestionBatchingPolicy:string,"
    "MinExtentsCreationTime:datetime, MaxExtentsCreationTime:datetime, RowOrderPolicy:string, TableId:guid"
)
_VIEW_DETAILS = columns(
    "MaterializedViewName:string, DatabaseName:string, Folder:string, DocString:string, TotalExtents:long,"
    "TotalExtentSize:real, TotalOriginalSize:real, TotalRowCount:long, HotExtents:long, HotExtentSize:real,"
    "HotOriginalSize:real, HotRowCount:long, AuthorizedPrincipals:string, RetentionPolicy:string,"
    "CachingPolicy:string, ShardingPolicy:string, MergePolicy:string, MinExtentsCreationTime:datetime,"
    "MaxExtentsCreationTime:datetime"
)
_VIEW_FAILURES = columns(
    "Timestamp:datetime, OperationId:string, Name:string, LastSuccessRun:datetime, FailureKind:string, Details:string"
)
_EXTENTS = columns(
    "ExtentId:guid, DatabaseName:string, TableName:string, MaxCreatedOn:datetime, MinCreatedOn:datetime,"
    "OriginalSize:real, ExtentSize:real, RowCount:long, Tags:string"
)
_DATABASES = columns(
    "DatabaseName:string, PersistentStorage:string, Version:string, IsCurrent:bool, DatabaseAccessMode:string,"
    "PrettyName:string, ReservedSlot1:bool, DatabaseId:guid, InTransitionTo:string, SuspensionState:string"
)
_DATABASE_DETAILS = columns(
    "DatabaseName:string, PersistentStorage:string, Version:string, IsCurrent:bool, DatabaseAccessMode:string,"
    "PrettyName:string, DatabaseId:guid, TotalSize:real, OriginalSize:real, ExtentsCount:long, RowCount:long"
)
_ENTITIES = columns(
    "DatabaseName:string, EntityType:string, EntityName:string, DocString:string, Folder:string,"
    "CslInputSchema:string, Content:string, CslOutputSchema:string, Properties:dynamic"
)


def show_entities(core: Core, database: str, command: ShowEntities) -> ResultTable:
    """Answer `.show` of tables, functions, materialized views and databases, with the aspect asked for."""
    names = [name.text for name in command.names]
    match command.kind, command.aspect:
        case EntityKind.TABLE, "" if not command.is_plural:
            return _attributes(core.database(database), names)
        case EntityKind.TABLE, "":
            return _show_tables(core.database(database), names)
        case EntityKind.TABLE, "details":
            snapshot = core.database(database)
            return answer(_TABLE_DETAILS, [_table_details(core, snapshot, each) for each in _tables(snapshot, names)])
        case EntityKind.TABLE, "extents":
            return _extents(core, core.database(database), names)
        case EntityKind.FUNCTION, "":
            snapshot = core.database(database)
            found = [functions.find_function(snapshot, name) for name in names] or snapshot.functions.values()
            return answer(functions.SHOWN, map(functions.shown, found))
        case EntityKind.MATERIALIZED_VIEW, "":
            snapshot = core.database(database)
            time = core.writer.last_time
            return answer(views.SHOWN, [views.shown(snapshot, view, time) for view in _views(snapshot, names)])
        case EntityKind.MATERIALIZED_VIEW, "details":
            snapshot = core.database(database)
            return answer(_VIEW_DETAILS, [_view_details(core, snapshot, each) for each in _views(snapshot, names)])
        case EntityKind.MATERIALIZED_VIEW, "failures":
            snapshot = core.database(database)
            found_views = [as_materialized(snapshot, view) for view in _views(snapshot, names)]
            failed = [view for view in found_views if view.failure]
            rows = [(view.position, "", view.name, view.position, "Permanent", view.failure) for view in failed]
            return answer(_VIEW_FAILURES, rows)
        case EntityKind.DATABASE, "" | "identity" | "volatile":
            return _show_databases(core, database, names, is_plural=command.is_plural)
        case EntityKind.DATABASE, "details" | "datastats":
            return _database_details(core, database, names, is_plural=command.is_plural)
        case EntityKind.DATABASE, "extents":
            return _extents(core, core.database(names[0] if names else database), [])
        case _:
            raise unsupported(f".show {command.kind.value} {command.aspect}", command.span)


def show_databases_entities(core: Core, command: ShowDatabasesEntities) -> ResultTable:
    """Answer `.show databases entities`: every entity with its schemas, functions resolved on demand."""
    resolved = (property_text(command.properties, "resolveFunctionSchema") or "").lower() == "true"
    wanted = [name.text for name in command.databases]
    rows: list[tuple[object, ...]] = []
    for database in core.catalog.databases.values():
        if not wanted or database.name in wanted:
            rows.extend(_entity_rows(database, resolved=resolved))
    return answer(_ENTITIES, rows)


def _entity_rows(database: Database, *, resolved: bool) -> Iterable[tuple[object, ...]]:
    for table in database.tables.values():
        schema = table.schema.csl()
        yield (database.name, "Table", table.name, table.docstring, table.folder, schema, "", schema, "{}")
    for view in database.views.values():
        schema = view.schema.csl()
        source = to_json({"SourceTable": view.source})
        texts = (view.docstring, view.folder, "", view.query, schema, source)
        yield (database.name, "MaterializedView", view.name, *texts)
    for function in database.functions.values():
        signature = signature_of(database, function) if resolved else None
        output = "" if signature is None else signature.result.csl()
        if signature is not None and not signature.is_tabular:
            output = str(signature.result.columns[0].type)
        texts = (function.docstring, function.folder, function.parameters, function.body, output, "{}")
        yield (database.name, "Function", function.name, *texts)


def _show_tables(database: Database, names: list[str]) -> ResultTable:
    return answer(_TABLES, [tables.listed_row(database, table) for table in _tables(database, names)])


def _attributes(database: Database, names: list[str]) -> ResultTable:
    rows = [
        (
            column.name,
            dotnet_type(column.type),
            0,
            0,
            0,
            0,
            uuid.uuid5(uuid.NAMESPACE_OID, f"{table.name}/{column.name}"),
        )
        for table in _tables(database, names)
        for column in table.schema
    ]
    return answer(_ATTRIBUTES, rows)


def _tables(database: Database, names: list[str]) -> list[Table]:
    return [find_table(database, name) for name in names] if names else list(database.tables.values())


def _views(database: Database, names: list[str]) -> list[View]:
    return [find_view(database, name) for name in names] if names else list(database.views.values())


def _table_details(core: Core, database: Database, table: Table) -> tuple[object, ...]:
    rows, oldest, newest = _figures(core, table.relation)
    policies = (database.policy_of(table, policy) for _, policy in _POLICY_COLUMNS)
    identifier = uuid.uuid5(uuid.NAMESPACE_OID, f"{database.name}/{table.relation}")
    figures = (int(rows > 0), 0.0, 0.0, rows)
    texts = (table.name, database.name, table.folder, table.docstring)
    return (
        *texts,
        *figures,
        *figures,
        "",
        *policies,
        oldest,
        newest,
        table.policies.get("roworder", "null"),
        identifier,
    )


def _view_details(core: Core, database: Database, view: View) -> tuple[object, ...]:
    rows, oldest, newest = _figures(core, view.parts)
    figures = (int(rows > 0), 0.0, 0.0, rows)
    policies = (database.policy_of(view, policy) for _, policy in _POLICY_COLUMNS[:4])
    return (view.name, database.name, view.folder, view.docstring, *figures, *figures, "", *policies, oldest, newest)


def _figures(core: Core, relation: str) -> tuple[int, datetime | None, datetime | None]:
    with core.cursor() as cursor:
        return storage.figures(cursor, relation)


def _extents(core: Core, database: Database, names: list[str]) -> ResultTable:
    rows: list[tuple[object, ...]] = []
    for table in _tables(database, names):
        count, oldest, newest = _figures(core, table.relation)
        if count:
            identifier = uuid.uuid5(uuid.NAMESPACE_OID, f"{database.name}/{table.relation}/extent")
            rows.append((identifier, database.name, table.name, newest, oldest, 0.0, 0.0, count, ""))
    return answer(_EXTENTS, rows)


def _show_databases(core: Core, current: str, names: list[str], *, is_plural: bool) -> ResultTable:
    return answer(_DATABASES, [_database_row(each, current) for each in _databases(core, current, names, is_plural)])


def _databases(core: Core, current: str, names: list[str], is_plural: bool) -> list[Database]:
    if names:
        return [core.database(name) for name in names]
    return list(core.catalog.databases.values()) if is_plural else [core.database(current)]


def _database_row(database: Database, current: str) -> tuple[object, ...]:
    is_current = database.name == current
    identifier = uuid.uuid5(uuid.NAMESPACE_OID, database.name)
    return (database.name, "", version_text(database), is_current, "ReadWrite", "", None, identifier, "", "")


def _database_details(core: Core, current: str, names: list[str], *, is_plural: bool) -> ResultTable:
    rows: list[tuple[object, ...]] = []
    for database in _databases(core, current, names, is_plural):
        count = sum(_figures(core, table.relation)[0] for table in database.tables.values())
        head = (database.name, "", version_text(database), database.name == current, "ReadWrite", "")
        identifier = uuid.uuid5(uuid.NAMESPACE_OID, database.name)
        rows.append((*head, identifier, 0.0, 0.0, len(database.tables), count))
    return answer(_DATABASE_DETAILS, rows)


def version_text(database: Database) -> str:
    """Return a database's schema version as Kusto writes it."""
    return f"v1.{database.version}"
