"""The catalog as rows of the DuckDB file, so that it commits together with what it describes."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime

import duckdb

from emulator.engine.catalog.records import (
    Catalog,
    Database,
    Record,
    Table,
    View,
)
from emulator.errors import EngineFault
from emulator.schema.entities import Function, IngestionMapping
from emulator.sql.ast import Select
from emulator.sql.build import columns
from emulator.sql.record_table import RecordTable
from emulator.sql.render import render
from emulator.sql.statements import Delete
from emulator.types import Column, KqlType, Scalar, Schema

FORMAT = 1

_CATALOG = RecordTable("$catalog", {"kind": "VARCHAR", "database": "VARCHAR", "name": "VARCHAR", "document": "VARCHAR"})
_KEY = ("kind", "database", "name")
_READ = render(Select(columns(_CATALOG.types), _CATALOG.rows))
_ADD = render(_CATALOG.insertion)
_REMOVE = render(Delete(_CATALOG.rows, where=_CATALOG.matches(*_KEY)))


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the catalog's tables where they do not exist."""
    connection.execute(render(_CATALOG.creation))


def load(connection: duckdb.DuckDBPyConnection) -> Catalog | None:
    """Read the catalog, or return None for a new file."""
    rows: list[tuple[str, str, str, str]] = connection.execute(_READ).fetchall()
    head = next((json.loads(document) for kind, _, _, document in rows if kind == "catalog"), None)
    if head is None:
        return None
    if head["format"] != FORMAT:
        raise EngineFault(
            f"The data folder has catalog format {head['format']}, this version reads format {FORMAT}.",
            code="TH_CatalogFormat",
        )
    databases = {
        name: Database(
            name,
            policies=document["policies"],
            mappings=tuple(IngestionMapping(**each) for each in document["mappings"]),
            version=document["version"],
        )
        for kind, _, name, document in ((kind, database, name, json.loads(text)) for kind, database, name, text in rows)
        if kind == "database"
    }
    for kind, database, _, text in sorted(rows, key=lambda row: row[:3]):
        match kind:
            case "table":
                databases[database] = databases[database].with_table(_table(json.loads(text)))
            case "function":
                databases[database] = databases[database].with_function(Function(**json.loads(text)))
            case "view":
                databases[database] = databases[database].with_view(_view(json.loads(text)))
            case _:
                pass
    return Catalog(databases, head["version"], head["next_relation"])


def save(connection: duckdb.DuckDBPyConnection, before: Catalog, after: Catalog) -> None:
    """Write what differs between two catalogs, inside the caller's transaction."""
    # Records never change and snapshots share them: only those that were replaced have to be written as JSON.
    old, new = dict(_records(before)), dict(_records(after))
    gone = [key for key, record in old.items() if new.get(key) is not record]
    written = [(*key, _document(record)) for key, record in new.items() if old.get(key) is not record]
    if gone:
        connection.executemany(_REMOVE, [dict(zip(_KEY, key, strict=True)) for key in gone])
    if written:
        connection.executemany(_ADD, [dict(zip(_CATALOG.types, row, strict=True)) for row in written])


def _records(catalog: Catalog) -> Iterator[tuple[tuple[str, str, str], Catalog | Database | Record]]:
    if not catalog.databases:
        return
    yield ("catalog", "", ""), catalog
    for database in catalog.databases.values():
        yield ("database", "", database.name), database
        for kind, record in database.records():
            yield (kind, database.name, record.name), record


def _document(record: Catalog | Database | Record) -> str:
    match record:
        case Catalog():
            return json.dumps({"format": FORMAT, "version": record.version, "next_relation": record.next_relation})
        case Database():
            document: dict[str, object] = {
                "policies": dict(record.policies),
                "mappings": [dataclasses.asdict(mapping) for mapping in record.mappings],
                "version": record.version,
            }
        case _:
            document = {each.name: getattr(record, each.name) for each in dataclasses.fields(record)}
    if isinstance(record, Table | View):
        document["schema"] = [[column.name, str(column.type), column.docstring] for column in record.schema]
        document["policies"] = dict(record.policies)
    if isinstance(record, Table):
        document["mappings"] = [dataclasses.asdict(mapping) for mapping in record.mappings]
    return json.dumps(document, default=_json_default)


def _json_default(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no catalog form for {type(value).__name__}")


def _table(document: dict[str, object]) -> Table:
    mappings = tuple(IngestionMapping(**each) for each in document.pop("mappings"))  # type: ignore[attr-defined] # JSON
    return Table(**{**document, "schema": _schema(document["schema"]), "mappings": mappings})  # type: ignore[arg-type] # JSON


def _view(document: dict[str, object]) -> View:
    instants = {
        name: datetime.fromisoformat(text) if isinstance(text := document[name], str) else None
        for name in ("since", "position")
    }
    tables: tuple[str, ...] = tuple(document["dimension_tables"])  # type: ignore[arg-type] # JSON
    lookback = document["lookback"]
    read = {
        "schema": _schema(document["schema"]),
        "dimension_tables": tables,
        "lookback": None if lookback is None else int(str(lookback)),
    }
    return View(**{**document, **read, **instants})  # type: ignore[arg-type] # JSON


def _schema(columns: object) -> Schema:
    assert isinstance(columns, list)  # noqa: S101 - written by this module
    return Schema(tuple(Column(name, KqlType(Scalar(type_)), docstring) for name, type_, docstring in columns))
