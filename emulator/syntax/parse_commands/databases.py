"""Commands on databases, scripts, caches and resources."""

from emulator.syntax.commands import (
    AlterPolicy,
    CreateDatabase,
    DeletePolicy,
    DropDatabase,
    Entity,
    EntityKind,
    ExecuteScript,
    GetResources,
    RefreshCache,
    SimpleCommand,
    UnbuiltCommand,
)
from emulator.syntax.cursor import Cursor
from emulator.syntax.parse_commands.mappings import drop_mapping, parse_mapping
from emulator.syntax.parse_commands.parts import (
    Head,
    expect_entity_name,
    parse_properties,
    take_if_exists,
    take_if_not_exists,
    take_words,
)
from emulator.syntax.parse_commands.policies import alter_policy, delete_policy
from emulator.syntax.tokens import TokenKind
from emulator.text import Span

_DATABASE = "a database's name"
_RESOURCES = (("ingestion", "resources"), ("kusto", "identity", "token"))


def create_database(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.create|.create-or-alter database`."""
    name = expect_entity_name(cursor, _DATABASE)
    if cursor.at("ingestion"):
        return parse_mapping(cursor, head, Entity(EntityKind.DATABASE, name.text, name.span))
    if cursor.take("persist"):
        cursor.expect("(")
        while cursor.token.kind is TokenKind.STRING:
            cursor.string()
            cursor.take(",")
        cursor.expect(")")
    else:
        cursor.take("volatile")
    if_not_exists = head.if_not_exists or take_if_not_exists(cursor)
    return CreateDatabase(name, if_not_exists, cursor.span_from(head.start))


def drop_database(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.drop database`."""
    name = expect_entity_name(cursor, _DATABASE)
    if cursor.at("ingestion"):
        return drop_mapping(cursor, head, Entity(EntityKind.DATABASE, name.text, name.span))
    return DropDatabase(name, take_if_exists(cursor), cursor.span_from(head.start))


def alter_database(cursor: Cursor, head: Head) -> AlterPolicy | UnbuiltCommand:
    """Parse what follows `.alter|.alter-merge database`."""
    entity = _database(cursor)
    if not cursor.at("policy"):
        return unbuilt(cursor, head, "database", cursor.token.text)
    return alter_policy(cursor, head, (entity,))


def delete_from_database(cursor: Cursor, head: Head) -> DeletePolicy:
    """Parse what follows `.delete database`."""
    return delete_policy(cursor, head, _database(cursor))


def alter_cluster(cursor: Cursor, head: Head) -> AlterPolicy:
    """Parse what follows `.alter|.alter-merge cluster`."""
    return alter_policy(cursor, head, (Entity(EntityKind.CLUSTER, None, cursor.span_from(head.start)),))


def delete_from_cluster(cursor: Cursor, head: Head) -> DeletePolicy:
    """Parse what follows `.delete cluster`."""
    return delete_policy(cursor, head, Entity(EntityKind.CLUSTER, None, cursor.span_from(head.start)))


def execute_script(cursor: Cursor, head: Head) -> ExecuteScript:
    """Parse what follows `.execute`; the script itself is split later."""
    cursor.take("database")
    cursor.expect("script", hint="the form is `.execute database script <| commands`")
    properties = parse_properties(cursor)
    pipe = cursor.expect("<|", hint="the form is `.execute database script <| commands`")
    return ExecuteScript(properties, cursor.source[pipe.end :], pipe.end, Span(head.start, len(cursor.source)))


def refresh_cache(cursor: Cursor, head: Head) -> RefreshCache:
    """Parse what follows `.refresh`."""
    cursor.expect("database")
    database = expect_entity_name(cursor, _DATABASE).text
    cursor.expect("table")
    table = expect_entity_name(cursor, "a table's name").text
    cursor.expect("cache")
    cache = cursor.expect_name("the name of a cache").text
    return RefreshCache(database, table, cache, cursor.span_from(head.start))


def get_resources(cursor: Cursor, head: Head) -> GetResources:
    """Parse what follows `.get`."""
    for words in _RESOURCES:
        if take_words(cursor, *words):
            parse_properties(cursor)
            return GetResources(" ".join(words), cursor.span_from(head.start))
    known = ", ".join(f".get {' '.join(words)}" for words in _RESOURCES)
    raise cursor.fault("the name of a resource", hint=f"the commands are {known}")


def unbuilt(cursor: Cursor, head: Head, *words: str) -> UnbuiltCommand:
    """Step over the rest of a command that is known by name alone."""
    while not cursor.at_end():
        cursor.advance()
    return UnbuiltCommand(" ".join((f".{head.verb}", *words)), cursor.span_from(head.start))


def _database(cursor: Cursor) -> Entity:
    if cursor.at("policy"):
        return Entity(EntityKind.DATABASE, None, cursor.token.span)
    if cursor.at("*"):
        return Entity(EntityKind.DATABASE, "*", cursor.advance().span)
    name = expect_entity_name(cursor, _DATABASE)
    return Entity(EntityKind.DATABASE, name.text, name.span)
