"""Commands on ingestion mappings of tables and databases."""

from dataclasses import replace

from emulator.engine.catalog.records import Database, Table
from emulator.engine.commands.answer import answer, columns
from emulator.engine.storage.transaction import Transaction, find_table
from emulator.errors import EntityAlreadyExists, EntityNotFound, KustoError
from emulator.result import ResultTable
from emulator.schema.changes import with_mapping
from emulator.schema.entities import IngestionMapping
from emulator.schema.mapping import MAPPING_KINDS, parse_mapping
from emulator.syntax.commands import DefineMapping, DefineVerb, DropMapping, Entity, EntityKind, ShowMappings

_SHOWN = columns("Name:string, Kind:string, Mapping:string, LastUpdatedOn:datetime, Database:string, Table:string")
_KIND_NAMES = {
    "json": "Json",
    "csv": "Csv",
    "parquet": "Parquet",
    "avro": "Avro",
    "orc": "Orc",
    "w3clogfile": "W3CLogFile",
}


def define_mapping(transaction: Transaction, database: str, command: DefineMapping) -> ResultTable:
    """Create or replace a mapping; its columns must exist in the table."""
    snapshot = transaction.database(database)
    if command.kind not in MAPPING_KINDS:
        raise KustoError(
            f"Unknown kind of ingestion mapping '{command.kind}'.",
            "BadRequest_InvalidMapping",
            hint=f"kinds are {', '.join(sorted(MAPPING_KINDS))}",
        )
    table = _table(snapshot, command.entity)
    parse_mapping(command.mapping_text, command.kind, None if table is None else table.schema)
    known = snapshot.mappings if table is None else table.mappings
    existing = _find(known, command.kind, command.name)
    if existing is not None and command.verb is DefineVerb.CREATE:
        raise EntityAlreadyExists(
            f"Entity '{command.name}' of kind 'IngestionMapping' already exists.", "BadRequest_EntityNameAlreadyExists"
        )
    if existing is None and command.verb is DefineVerb.ALTER:
        raise _missing(command.name)
    mapping = IngestionMapping(command.name, command.kind, command.mapping_text.strip())
    if mapping != existing:
        _store(transaction, snapshot, table, with_mapping(known, mapping))
    return answer(_SHOWN, [_row(snapshot, table, mapping)])


def drop_mapping(transaction: Transaction, database: str, command: DropMapping) -> ResultTable:
    """Drop a mapping; the answer lists those that are left."""
    snapshot = transaction.database(database)
    table = _table(snapshot, command.entity)
    known = snapshot.mappings if table is None else table.mappings
    existing = _find(known, command.kind, command.name)
    if existing is None and not command.if_exists:
        raise _missing(command.name)
    left = tuple(each for each in known if each is not existing)
    if existing is not None:
        _store(transaction, snapshot, table, left)
    return answer(_SHOWN, [_row(snapshot, table, each) for each in left])


def show_mappings(database: Database, command: ShowMappings) -> ResultTable:
    """List mappings of a table or a database, of one kind or all."""
    table = _table(database, command.entity)
    known = database.mappings if table is None else table.mappings
    shown = [each for each in known if command.kind in (None, each.kind) and command.name in (None, each.name)]
    if command.name is not None and not shown:
        raise _missing(command.name)
    return answer(_SHOWN, [_row(database, table, each) for each in shown])


def _table(database: Database, entity: Entity) -> Table | None:
    return find_table(database, entity.name or "") if entity.kind is EntityKind.TABLE else None


def _store(
    transaction: Transaction, database: Database, table: Table | None, mappings: tuple[IngestionMapping, ...]
) -> None:
    if table is None:
        transaction.put(replace(database, mappings=mappings))
    else:
        transaction.put(database.with_table(replace(table, mappings=mappings)))


def _find(mappings: tuple[IngestionMapping, ...], kind: str, name: str) -> IngestionMapping | None:
    return next((each for each in mappings if each.kind == kind and each.name == name), None)


def _missing(name: str) -> EntityNotFound:
    return EntityNotFound(f"Entity '{name}' of kind 'IngestionMapping' was not found.", "BadRequest_EntityNotFound")


def _row(database: Database, table: Table | None, mapping: IngestionMapping) -> tuple[object, ...]:
    kind = _KIND_NAMES[mapping.kind]
    return (mapping.name, kind, mapping.text, None, database.name, "" if table is None else table.name)
