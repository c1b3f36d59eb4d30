"""Commands that add rows: inline data and the results of queries."""

import uuid
from dataclasses import replace
from datetime import datetime
from time import monotonic

from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Table
from emulator.engine.commands import tables
from emulator.engine.commands.answer import answer, columns
from emulator.engine.commands.ingest_by import ingest_by
from emulator.engine.commands.tables import create_table
from emulator.engine.core import Core
from emulator.engine.derived.update_policy import policies_from
from emulator.engine.ingestion.payload import Payload
from emulator.engine.running.stored_query import bind_single, compile_plan
from emulator.engine.storage.relations import DuckStorage, clear_table
from emulator.engine.storage.transaction import Transaction, find_table
from emulator.engine.writing.batch import Batch
from emulator.errors import EntityAlreadyExists, EntityNotFound, SemanticFault
from emulator.result import ResultTable
from emulator.schema.changes import merged_schema
from emulator.sql.ast import Rendered, Select, Star, TableRef
from emulator.sql.render import render
from emulator.sql.statements import CreateTableAs
from emulator.syntax.commands import IngestFromQuery, IngestInline, IngestVerb, property_text
from emulator.types import TICKS_PER_SECOND, Column, Schema

_REPLACEMENT = "$replacement"
_INLINE = columns("ExtentId:guid, ItemLoaded:string, Duration:timespan, HasErrors:bool, OperationId:guid")
_FROM_QUERY = columns(
    "ExtentId:guid, OriginalSize:real, ExtentSize:real, CompressedSize:real, IndexSize:real, RowCount:long"
)


def ingest_inline(core: Core, database: str, command: IngestInline) -> ResultTable:
    """Store the text after `<|`; its format is csv unless told otherwise."""
    started = monotonic()
    format_ = property_text(command.properties, "format") or "csv"
    mapping = property_text(command.properties, "ingestionMappingReference")
    skips = (property_text(command.properties, "ignoreFirstRecord") or "").lower() == "true"
    payload = Payload(command.data.encode(), format_, mapping, ignore_first_record=skips)
    once = ingest_by(command.properties)

    def tag(transaction: Transaction) -> None:
        once.check(transaction, find_table(transaction.database(database), command.table.text))
        once.keep(transaction)

    core.ingest(database, command.table.text, payload, also=tag if once.tags or once.if_not_exists else None)
    ticks = int((monotonic() - started) * TICKS_PER_SECOND)
    return answer(_INLINE, [(uuid.uuid4(), "inproc:inline", ticks, False, uuid.uuid4())])


def ingest_from_query(core: Core, transaction: Transaction, database: str, command: IngestFromQuery) -> ResultTable:
    """Run `.set`, `.append`, `.set-or-append` or `.set-or-replace`: by position, in the transaction of the command."""
    snapshot = transaction.database(database)
    plan = bind_single(command.query, Entities(snapshot))
    compiled = compile_plan(plan, DuckStorage())
    name = command.table.text
    table = snapshot.tables.get(name)
    match command.verb:
        case IngestVerb.SET if table is not None:
            raise EntityAlreadyExists(
                f"Entity '{name}' of kind 'Table' already exists.", "BadRequest_EntityNameAlreadyExists"
            )
        case IngestVerb.APPEND if table is None:
            raise EntityNotFound(f"Entity '{name}' of kind 'Table' was not found.", "BadRequest_EntityNotFound")
        case _:
            pass
    once = ingest_by(command.properties)
    if table is not None:
        once.check(transaction, table)
    rows_query = compiled.sql
    values: dict[str, datetime] = {"now": transaction.time} if compiled.uses_now else {}
    if table is None:
        table = create_table(transaction, database, name, compiled.schema, command.properties)
    else:
        table = _fitting(transaction, database, table, compiled.schema, command)
    if command.verb is IngestVerb.SET_OR_REPLACE:
        # The query may read the table it replaces, so its rows are taken first.
        taken = CreateTableAs(_REPLACEMENT, Rendered(rows_query), temporary=True, or_replace=True)
        transaction.connection.execute(render(taken), values or None)
        _clear_with_targets(transaction, database, table, frozenset())
        rows_query, values = render(Select((Star(),), TableRef((_REPLACEMENT,), "r"))), {}
    count = Batch(transaction, core.pipelines, database).add(table, rows_query, values)
    once.keep(transaction)
    return answer(_FROM_QUERY, [(uuid.uuid4(), 0.0, 0.0, 0.0, 0.0, count)] if count else [])


def _clear_with_targets(transaction: Transaction, database: str, table: Table, cleared: frozenset[str]) -> None:
    # update-policy.md: replacing the data of a source replaces that of the tables derived from it.
    clear_table(transaction.connection, table.relation)
    for target, _ in policies_from(transaction.database(database), table.name):
        if target.name not in cleared and target.name != table.name:
            _clear_with_targets(transaction, database, target, cleared | {table.name})


def _fitting(transaction: Transaction, database: str, table: Table, found: Schema, command: IngestFromQuery) -> Table:
    if (property_text(command.properties, "extend_schema") or "").lower() == "true":
        added = Schema(tuple(Column(column.name, column.type) for column in found))
        tables.alter_schema(transaction, database, table, merged_schema(table, added))
        table = transaction.database(database).tables[table.name]
    expected = [column.type for column in table.schema]
    if [column.type for column in found] != expected:
        raise SemanticFault(
            f"Query schema does not match table schema. QuerySchema=({found.csl()}), "
            f"TableSchema=({table.schema.csl()}), Table={table.name}",
            "BadRequest_QuerySchemaDoesNotMatchTableSchema",
            hint="columns are matched by position; only their types count",
        )
    return replace(table)
