"""From a parsed management command to what carries it out."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar, assert_never

from emulator.binder.faults import refusing_deep_queries, unsupported
from emulator.context import NO_PROPERTIES, RequestProperties
from emulator.engine.commands import (
    backfill,
    background,
    cancel,
    databases,
    from_query,
    functions,
    ingest,
    mappings,
    piped,
    policies,
    tables,
    views,
)
from emulator.engine.commands.kinds import command_kind
from emulator.engine.commands.shown import entities as show
from emulator.engine.commands.shown import requests, topics
from emulator.engine.commands.shown import schema as show_schema
from emulator.engine.core import Core
from emulator.engine.requests import Request
from emulator.engine.storage.transaction import Transaction
from emulator.errors import KustoError
from emulator.result import ResultTable
from emulator.syntax import commands as syntax
from emulator.syntax.parse_command import parse_command
from emulator.work import Work, work_here

Result = TypeVar("Result")


def run_command(core: Core, text: str, database: str, properties: RequestProperties = NO_PROPERTIES) -> ResultTable:
    """Run one management command in a database and return its table; faults carry the text they point into.

    It is done for the work of this thread.
    """
    work = work_here() or Work()
    request = Request(work, "", text, database, properties.client_request_id, properties.application)
    try:
        with core.requests.begun(request) as listed, refusing_deep_queries():
            command = parse_command(text)
            listed.kind = command_kind(command)
            if isinstance(command, syntax.PipedCommand):
                result = _run(core, command.command, database, listed)
                return piped.pipe(core, database, result, command, text)
            return _run(core, command, database, listed)
    except KustoError as error:
        raise error.with_source(text) from error.__cause__


def _run(core: Core, command: syntax.SimpleCommand, database: str, request: Request) -> ResultTable:
    match command:
        case syntax.IngestFromQuery(is_async=True):
            return background.started(core, request, request.kind, lambda: run_parsed(core, command, database))
        case syntax.DefineMaterializedView(is_async=True):
            kind = "MaterializedViewCreateOrAlter"
            return background.started(core, request, kind, lambda: run_parsed(core, command, database))
        case _:
            return run_parsed(core, command, database)


def run_parsed(core: Core, command: syntax.SimpleCommand, database: str) -> ResultTable:  # noqa: C901 - one case per command
    """Run a parsed command that is not piped."""
    name = core.database(database).name
    change = partial(_change, core, name)
    match command:
        case syntax.DefineTables():
            return change(tables.define_tables, command)
        case syntax.DropEntities():
            return change(_drop, command)
        case syntax.RenameEntities():
            return change(_rename, command)
        case syntax.SetEntityText():
            return change(_set_text, command)
        case syntax.SetColumnDocstrings(table, docstrings, merge):
            texts = {column.text: text for column, text in docstrings}
            return core.writer.change(
                lambda transaction: tables.set_column_docstrings(transaction, name, table.text, texts, merge=merge)
            )
        case syntax.AlterColumnType(table, column, type_):
            return core.writer.change(
                lambda transaction: tables.alter_column_type(transaction, name, table.text, column.text, type_)
            )
        case syntax.DropColumns(table, columns, if_exists):
            dropped = tuple(column.text for column in columns)
            return core.writer.change(
                lambda transaction: tables.drop_columns(transaction, name, table.text, dropped, if_exists=if_exists)
            )
        case syntax.ClearData():
            return change(_clear, command)
        case syntax.DeleteRecords():
            raise unsupported(".delete table records", command.span)
        case syntax.DefineFunction():
            return change(functions.define_function, command)
        case syntax.DefineMaterializedView():
            return backfill.define_view(core, name, command)
        case syntax.SetViewProperty():
            return change(views.set_view_property, command)
        case syntax.SwitchView(view, enabled):
            if enabled:
                return backfill.enable_view(core, name, view.text)
            return core.writer.change(lambda transaction: views.disable_view(transaction, name, view.text))
        case syntax.AlterPolicy():
            return change(policies.alter_policy, command)
        case syntax.DeletePolicy():
            return change(policies.delete_policy, command)
        case syntax.ShowPolicy():
            return policies.show_policy(core.database(_policy_database(command, name)), command)
        case syntax.DefineMapping():
            return change(mappings.define_mapping, command)
        case syntax.DropMapping():
            return change(mappings.drop_mapping, command)
        case syntax.ShowMappings():
            return mappings.show_mappings(core.database(name), command)
        case syntax.IngestInline():
            return ingest.ingest_inline(core, name, command)
        case syntax.IngestFromStorage():
            raise unsupported(".ingest from storage", command.span)
        case syntax.IngestFromQuery():
            return from_query.ingest_from_query(core, name, command)
        case syntax.CreateDatabase():
            return core.writer.change(lambda transaction: databases.create_database(transaction, command))
        case syntax.DropDatabase():
            return core.writer.change(lambda transaction: databases.drop_database(transaction, command))
        case syntax.ExecuteScript():
            return databases.execute_script(partial(run_command, core), name, command)
        case syntax.ClearCache() | syntax.RefreshCache():
            return topics.cache_cleared()
        case syntax.GetResources():
            return topics.get_resources(core, command)
        case syntax.ShowEntities():
            return show.show_entities(core, name, command)
        case syntax.ShowSchema():
            return show_schema.show_schema(core, name, command)
        case syntax.ShowDatabasesEntities():
            return show.show_databases_entities(core, command)
        case syntax.ShowOperations():
            return requests.show_operations(core, command)
        case syntax.CancelQuery():
            return cancel.cancel_query(core, command)
        case syntax.CancelOperation():
            return cancel.cancel_operation(core, command)
        case syntax.ShowQueryPlan():
            return topics.show_query_plan(core, name, command)
        case syntax.ShowTopic():
            return topics.show_topic(core, name, command)
        case syntax.UnbuiltCommand(keyword):
            raise unsupported(f"command '.{keyword.lstrip('.')}'", command.span)
        case _:
            assert_never(command)


def _change(
    core: Core, database: str, action: Callable[[Transaction, str, Result], ResultTable], command: Result
) -> ResultTable:
    return core.writer.change(lambda transaction: action(transaction, database, command))


def _policy_database(command: syntax.ShowPolicy, current: str) -> str:
    entity = command.entity
    is_named = entity.kind is syntax.EntityKind.DATABASE and entity.name not in (None, "*")
    return entity.name or current if is_named else current


def _drop(transaction: Transaction, database: str, command: syntax.DropEntities) -> ResultTable:
    names = tuple(name.text for name in command.names)
    match command.kind:
        case syntax.EntityKind.TABLE:
            return tables.drop_tables(transaction, database, names, if_exists=command.if_exists)
        case syntax.EntityKind.FUNCTION:
            return functions.drop_functions(transaction, database, names, if_exists=command.if_exists)
        case _:
            return views.drop_views(transaction, database, names, if_exists=command.if_exists)


def _rename(transaction: Transaction, database: str, command: syntax.RenameEntities) -> ResultTable:
    pairs = [(old.name or "", new.text) for old, new in command.renames]
    match command.kind:
        case syntax.EntityKind.TABLE:
            return tables.rename_tables(transaction, database, pairs)
        case syntax.EntityKind.COLUMN:
            containers = {old.container or "" for old, _ in command.renames}
            if len(containers) != 1:
                raise KustoError("Columns of several tables cannot be renamed in one command.", span=command.span)
            return tables.rename_columns(transaction, database, containers.pop(), dict(pairs))
        case _:
            return views.rename_view(transaction, database, *pairs[0])


def _set_text(transaction: Transaction, database: str, command: syntax.SetEntityText) -> ResultTable:
    entity, name = command.entity, command.entity.name or ""
    match entity.kind:
        case syntax.EntityKind.TABLE:
            return tables.set_table_text(transaction, database, name, command.field, command.text)
        case syntax.EntityKind.COLUMN:
            texts = {name: command.text}
            return tables.set_column_docstrings(transaction, database, entity.container or "", texts, merge=True)
        case syntax.EntityKind.FUNCTION:
            return functions.set_function_text(transaction, database, name, command.field, command.text)
        case syntax.EntityKind.MATERIALIZED_VIEW:
            return views.set_view_text(transaction, database, name, command.field, command.text)
        case _:
            raise unsupported(f"{command.field} of a {entity.kind.value}", command.span)


def _clear(transaction: Transaction, database: str, command: syntax.ClearData) -> ResultTable:
    name = command.entity.name or ""
    if command.entity.kind is syntax.EntityKind.MATERIALIZED_VIEW:
        return views.clear_view(transaction, database, name)
    return tables.clear_table(transaction, database, name)
