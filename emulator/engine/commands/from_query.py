"""`.set`, `.append`, `.set-or-append` and `.set-or-replace`: the rows of a query, stored in a table.

The query may take as long as the command, so it runs like any other, beside the writer. The writer's turn is for
storing what it made, in one transaction with all that follows from it.
"""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database, Table
from emulator.engine.commands import tables
from emulator.engine.commands.answer import answer, columns
from emulator.engine.commands.ingest_by import ingest_by
from emulator.engine.core import Core
from emulator.engine.derived.update_policy import policies_from
from emulator.engine.running.stored_query import bind_single, compile_plan
from emulator.engine.session.workload import Workload
from emulator.engine.storage.computed import ComputedRows
from emulator.engine.storage.relations import DuckStorage, clear_table
from emulator.engine.storage.transaction import Transaction, find_database
from emulator.engine.writing.batch import Batch
from emulator.engine.writing.jobs import TableChanged
from emulator.errors import EngineFault, EntityAlreadyExists, EntityNotFound, KustoError, SemanticFault
from emulator.instants import utc_now
from emulator.result import ResultTable
from emulator.schema.changes import merged_schema
from emulator.syntax.commands import IngestFromQuery, IngestVerb, property_text
from emulator.types import Column, Schema
from emulator.work import Work, doing, work_here

# How often a query is run when the table is another one each time.
_ATTEMPTS = 4
_ANSWER = columns(
    "ExtentId:guid, OriginalSize:real, ExtentSize:real, CompressedSize:real, IndexSize:real, RowCount:long"
)


@dataclass(frozen=True, slots=True)
class _Computed:
    """What a command's query made of all that was stored up to `time`, for `table` as it was then, None for none."""

    rows: ComputedRows
    schema: Schema
    table: Table | None
    time: datetime
    reopened: int


def ingest_from_query(core: Core, database: str, command: IngestFromQuery) -> ResultTable:
    """Run the command: columns go by position.

    Raises TableChanged where the table was altered, or emptied to be replaced, again and again while the query ran.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(TableChanged):
            return _attempt(core, database, command)
    return _attempt(core, database, command)


def _attempt(core: Core, database: str, command: IngestFromQuery) -> ResultTable:
    rows = ComputedRows()
    try:
        work = work_here() or Work()
        computed = work.compute(lambda part: _compute(core, database, command, rows, part))
        return core.writer.change(lambda transaction: _store(core, transaction, database, command, computed))
    finally:
        forget(core, rows)


def forget(core: Core, rows: ComputedRows) -> None:
    """Let go of rows, if there are any."""
    # Whatever became of the command, and of the Eventhouse, with whose instance the rows are gone.
    with suppress(KustoError), doing(Work()), core.cursor() as cursor:
        rows.drop(cursor)


def _compute(core: Core, database: str, command: IngestFromQuery, rows: ComputedRows, work: Work) -> _Computed:
    reopened = core.writer.reopened
    try:
        with doing(work), core.cursor() as cursor:
            catalog, time = core.writer.snapshot(cursor)
            snapshot = find_database(catalog, database)
            plan = bind_single(command.query, Entities(snapshot))
            compiled = compile_plan(plan, DuckStorage())
            table = _target(snapshot, command)
            if table is not None:
                # As soon as it can be told; it is asked again when the rows are stored.
                ingest_by(command.properties).check(cursor, table)
                _fitting(table, compiled.schema, command)
            now = max(utc_now(), time)
            with core.fit(Workload.of(plan, compiled.reads)):
                rows.fill(cursor, compiled.sql, {"now": now} if compiled.uses_now else {})
            cursor.commit()
            return _Computed(rows, compiled.schema, table, time, reopened)
    except EngineFault as fault:
        core.writer.settle()
        if core.writer.reopened != reopened:
            raise _changed(command) from fault
        raise


def _store(
    core: Core, transaction: Transaction, database: str, command: IngestFromQuery, computed: _Computed
) -> ResultTable:
    name = command.table.text
    table = transaction.database(database).tables.get(name)
    if core.writer.reopened != computed.reopened or _place(table) != _place(computed.table):
        raise _changed(command)
    once = ingest_by(command.properties)
    if table is None:
        table = tables.create_table(transaction, database, name, computed.schema, command.properties)
    else:
        once.check(transaction.connection, table)
        tables.alter_schema(transaction, database, table, _fitting(table, computed.schema, command))
        table = transaction.database(database).tables[name]
    if command.verb is IngestVerb.SET_OR_REPLACE:
        for each in _with_targets(transaction.database(database), table):
            if core.writer.rewritten.get(each.relation, computed.time) > computed.time:
                raise _changed(command)
            # What has come since the query began is not replaced by what it made: it was acknowledged.
            clear_table(transaction.connection, each.relation, computed.time)
            transaction.rewritten.add(each.relation)
    count = Batch(transaction, core.pipelines, database).add(table, computed.rows.query, {})
    once.keep(transaction)
    return answer(_ANSWER, [(uuid.uuid4(), 0.0, 0.0, 0.0, 0.0, count)] if count else [])


def _target(snapshot: Database, command: IngestFromQuery) -> Table | None:
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
            return table


def _with_targets(snapshot: Database, table: Table) -> list[Table]:
    # update-policy.md: replacing the data of a source replaces that of the tables derived from it.
    found = {table.name: table}
    waiting = [table]
    while waiting:
        for target, _ in policies_from(snapshot, waiting.pop().name):
            if target.name not in found:
                found[target.name] = target
                waiting.append(target)
    return list(found.values())


def _fitting(table: Table, found: Schema, command: IngestFromQuery) -> Schema:
    """Return the columns that the table has for the rows, more than now where the command says so."""
    schema = table.schema
    if (property_text(command.properties, "extend_schema") or "").lower() == "true":
        schema = merged_schema(table, Schema(tuple(Column(column.name, column.type) for column in found)))
    if [column.type for column in found] != [column.type for column in schema]:
        raise SemanticFault(
            f"Query schema does not match table schema. QuerySchema=({found.csl()}), "
            f"TableSchema=({schema.csl()}), Table={table.name}",
            "BadRequest_QuerySchemaDoesNotMatchTableSchema",
            hint="columns are matched by position; only their types count",
        )
    return schema


def _place(table: Table | None) -> tuple[str, Schema] | None:
    return None if table is None else (table.relation, table.schema)


def _changed(command: IngestFromQuery) -> TableChanged:
    return TableChanged(f"Table '{command.table.text}' was altered during the command.", "TH_TableChanged")
