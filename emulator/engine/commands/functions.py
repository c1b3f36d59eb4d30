"""Commands on stored functions."""

from emulator.binder.bind import bind_function
from emulator.engine.catalog.entities import Entities, stored_function
from emulator.engine.catalog.records import Database
from emulator.engine.commands.answer import answer, columns
from emulator.engine.storage.transaction import Transaction
from emulator.errors import EntityAlreadyExists, EntityNotFound
from emulator.result import ResultTable
from emulator.schema.changes import defined_function, with_text
from emulator.schema.entities import Function
from emulator.syntax.commands import DefineFunction, DefineVerb, property_text

SHOWN = columns("Name:string, Parameters:string, Body:string, Folder:string, DocString:string")


def define_function(transaction: Transaction, database: str, command: DefineFunction) -> ResultTable:
    """Create or alter a function; its body must bind, unless `skipvalidation` says otherwise."""
    snapshot = transaction.database(database)
    name = command.name.text
    existing = snapshot.functions.get(name)
    if existing is not None and command.verb is DefineVerb.CREATE:
        if command.if_not_exists:
            return answer(SHOWN, [shown(existing)])
        raise EntityAlreadyExists(
            f"Entity '{name}' of kind 'Function' already exists.", "BadRequest_EntityNameAlreadyExists"
        )
    if command.verb is DefineVerb.ALTER:
        find_function(snapshot, name)
    function = defined_function(command, existing)
    changed = snapshot.with_function(function)
    if (property_text(command.properties, "skipvalidation") or "").lower() != "true":
        bind_function(stored_function(function), Entities(changed))
    if function != existing:
        transaction.put(changed)
    return answer(SHOWN, [shown(function)])


def drop_functions(transaction: Transaction, database: str, names: tuple[str, ...], *, if_exists: bool) -> ResultTable:
    """Drop functions; the answer lists those that are left."""
    for name in names:
        snapshot = transaction.database(database)
        if if_exists and name not in snapshot.functions:
            continue
        find_function(snapshot, name)
        transaction.put(snapshot.without_function(name))
    return answer(SHOWN, map(shown, transaction.database(database).functions.values()))


def set_function_text(transaction: Transaction, database: str, name: str, field: str, text: str) -> ResultTable:
    """Set a function's docstring or folder."""
    snapshot = transaction.database(database)
    function = with_text(find_function(snapshot, name), field, text)
    transaction.put(snapshot.with_function(function))
    return answer(SHOWN, [shown(function)])


def find_function(database: Database, name: str) -> Function:
    """Return a function by name, or raise EntityNotFound."""
    function = database.functions.get(name)
    if function is None:
        raise EntityNotFound(f"Entity '{name}' of kind 'Function' was not found.", "BadRequest_EntityNotFound")
    return function


def shown(function: Function) -> tuple[object, ...]:
    """Return a function as `.show functions` lists it."""
    return (function.name, function.parameters, function.body, function.folder, function.docstring)
