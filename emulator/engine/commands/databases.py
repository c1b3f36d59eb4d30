"""Commands on databases, and scripts of commands."""

import uuid
from collections.abc import Callable

from emulator.engine.catalog.records import Database
from emulator.engine.commands.answer import answer, columns
from emulator.engine.commands.kinds import command_kind
from emulator.engine.storage.transaction import Transaction, find_database
from emulator.errors import EntityAlreadyExists, KustoError
from emulator.result import ResultTable
from emulator.syntax.commands import CreateDatabase, DropDatabase, ExecuteScript, property_text
from emulator.syntax.parse_command import parse_command
from emulator.syntax.script import split_script

_CREATED = columns("DatabaseName:string, PersistentPath:string, Created:bool, StoresMetadata:bool, StoresData:bool")
_SCRIPT = columns("OperationId:guid, CommandType:string, CommandText:string, Result:string, Reason:string")


def create_database(transaction: Transaction, command: CreateDatabase) -> ResultTable:
    """Make an empty database."""
    name = command.name.text
    exists = any(each.lower() == name.lower() for each in transaction.catalog.databases)
    if exists and not command.if_not_exists:
        raise EntityAlreadyExists(
            f"Entity '{name}' of kind 'Database' already exists.", "BadRequest_EntityNameAlreadyExists"
        )
    if not exists:
        transaction.put(Database(name))
    return answer(_CREATED, [(name, "", not exists, True, True)])


def drop_database(transaction: Transaction, command: DropDatabase) -> ResultTable:
    """Drop a database with all it holds; the answer lists those that are left."""
    name = command.name.text
    listed = columns("DatabaseName:string")
    if not (command.if_exists and name not in transaction.catalog.databases):
        database = find_database(transaction.catalog, name)
        for view in database.views:
            transaction.drop_view(database.name, view)
        for table in database.tables:
            transaction.drop_table(database.name, table)
        transaction.catalog = transaction.catalog.without_database(database.name)
    return answer(listed, [(each,) for each in transaction.catalog.databases])


def execute_script(run: Callable[[str, str], ResultTable], database: str, command: ExecuteScript) -> ResultTable:
    """Run commands one after the other, each for itself; by default the first failure ends the script.

    The answer has one row per command that was tried; with ThrowOnErrors a failure is raised instead.
    """
    continues = _flag(command, "ContinueOnErrors")
    throws = _flag(command, "ThrowOnErrors")
    if continues and throws:
        raise KustoError("ContinueOnErrors and ThrowOnErrors exclude each other.", "BadRequest_InvalidProperty")
    rows: list[tuple[object, ...]] = []
    for part in split_script(command.script):
        kind, result, reason = "", "Completed", ""
        try:
            if not part.is_command:
                raise KustoError("A script holds management commands only.", "BadRequest_InvalidScript")
            kind = command_kind(parse_command(part.text))
            run(part.text, database)
        except KustoError as error:
            if throws:
                raise
            result, reason = "Failed", str(error.with_source(part.text))
        rows.append((uuid.uuid4(), kind, part.text, result, reason))
        if result == "Failed" and not continues:
            break
    return answer(_SCRIPT, rows)


def _flag(command: ExecuteScript, name: str) -> bool:
    return (property_text(command.properties, name) or "").lower() == "true"
