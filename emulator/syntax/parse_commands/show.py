"""`.show` commands."""

from collections.abc import Callable

from emulator.syntax.commands import (
    Entity,
    EntityKind,
    ShowDatabasesEntities,
    ShowEntities,
    ShowOperations,
    ShowQueryPlan,
    ShowSchema,
    ShowTopic,
    SimpleCommand,
)
from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Name
from emulator.syntax.parse_commands.mappings import show_mappings
from emulator.syntax.parse_commands.parts import (
    Head,
    expect_entity_name,
    parse_column_entity,
    parse_name_list,
    parse_piped_query,
    parse_properties,
    take_words,
)
from emulator.syntax.parse_commands.policies import show_policy
from emulator.syntax.tokens import TokenKind

# What may follow the name of an entity, beside its policies, schema and mappings.
_ASPECTS = (
    *("details", "extents", "failures", "identity", "policies", "datastats", "metadata", "principals", "journal"),
    *("statistics", "usage", "volatile"),
)
# Topics without an entity, longest first so that `running queries` is not taken for `running`.
TOPICS = (
    "commands-and-queries",
    "continuous-exports",
    "entity_groups",
    "export containers",
    "external tables",
    "graph_models",
    "ingestion failures",
    "principal access",
    "principal roles",
    "running queries",
    "running commands",
    "stored_query_results",
    "streamingingestion failures",
    "streamingingestion statistics",
    "workload_groups",
    "capacity",
    "cluster",
    "commands",
    "diagnostics",
    "extentcontainers",
    "extents",
    "journal",
    "plugins",
    "principals",
    "queries",
    "rowstores",
    "schema",
    "version",
)
_FORMS = {
    ("as", "json"): "json",
    ("as", "csl", "script"): "csl script",
    ("as", "csl"): "csl",
    ("violations",): "violations",
}


def show_tables(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show tables`."""
    return _show_many(cursor, head, EntityKind.TABLE)


def show_table(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show table`."""
    return _show_one(cursor, head, EntityKind.TABLE, "a table's name")


def show_functions(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show functions`."""
    return _show_many(cursor, head, EntityKind.FUNCTION)


def show_function(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show function`."""
    return _show_one(cursor, head, EntityKind.FUNCTION, "a function's name")


def show_views(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show materialized-views`."""
    return _show_many(cursor, head, EntityKind.MATERIALIZED_VIEW)


def show_view(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show materialized-view`."""
    return _show_one(cursor, head, EntityKind.MATERIALIZED_VIEW, "a materialized view's name")


def show_external_table(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show external table`."""
    return _show_one(cursor, head, EntityKind.EXTERNAL_TABLE, "an external table's name")


def show_databases(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show databases`."""
    names = parse_name_list(cursor, "a database's name") if cursor.at("(") else ()
    if cursor.take("entities"):
        return ShowDatabasesEntities(names, parse_properties(cursor), cursor.span_from(head.start))
    if cursor.at("policies") and names == ():
        cursor.advance()
        return ShowEntities(EntityKind.DATABASE, (), True, "policies", (), cursor.span_from(head.start))
    return _entities_or_schema(cursor, head, EntityKind.DATABASE, names, is_plural=True)


def show_database(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show database`; without a name it is the database of the request."""
    entity = Entity(EntityKind.DATABASE, None, cursor.token.span)
    names: tuple[Name, ...] = ()
    if cursor.at("*"):
        entity = Entity(EntityKind.DATABASE, "*", cursor.advance().span)
    elif not _at_clause(cursor):
        name = expect_entity_name(cursor, "a database's name")
        names, entity = (name,), Entity(EntityKind.DATABASE, name.text, name.span)
    if cursor.at("policy"):
        return show_policy(cursor, head, entity)
    if cursor.at("ingestion"):
        return show_mappings(cursor, head, entity)
    return _entities_or_schema(cursor, head, EntityKind.DATABASE, names, is_plural=False)


def show_column(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show column`: a policy."""
    if cursor.at("*"):
        return show_policy(cursor, head, Entity(EntityKind.COLUMN, "*", cursor.advance().span))
    return show_policy(cursor, head, parse_column_entity(cursor))


def show_cluster(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.show cluster`."""
    if cursor.at("policy"):
        return show_policy(cursor, head, Entity(EntityKind.CLUSTER, None, cursor.token.span))
    for word in ("databases", "details", "extents", "journal", "principals"):
        if cursor.take(word):
            return ShowTopic(f"cluster {word}", parse_properties(cursor), cursor.span_from(head.start))
    return ShowTopic("cluster", parse_properties(cursor), cursor.span_from(head.start))


def show_operations(cursor: Cursor, head: Head) -> ShowOperations:
    """Parse what follows `.show operations|operation`."""
    ids: list[str] = []
    bracketed = cursor.take("(")
    while cursor.token.kind in (TokenKind.RAW_GUID, TokenKind.STRING, TokenKind.LITERAL):
        ids.append(str(cursor.advance().value))
        if not cursor.take(","):
            break
    if bracketed:
        cursor.expect(")")
    aspect = "details" if cursor.take("details") else ""
    return ShowOperations(tuple(ids), aspect, cursor.span_from(head.start))


def show_queryplan(cursor: Cursor, head: Head) -> ShowQueryPlan:
    """Parse what follows `.show queryplan`."""
    properties = parse_properties(cursor)
    text, query = parse_piped_query(cursor)
    return ShowQueryPlan(properties, text, query, cursor.span_from(head.start))


def show_topic(cursor: Cursor, head: Head) -> ShowTopic | None:
    """Parse a topic without an entity; None when there is none of that name."""
    rest = cursor.source[cursor.token.start :]
    for topic in TOPICS:
        words = topic.split(" ")
        if not rest.startswith(words[0]):
            continue
        index = cursor.index
        if all(_take_word(cursor, word) for word in words):
            return ShowTopic(topic, parse_properties(cursor), cursor.span_from(head.start))
        cursor.move_to(index)
    return None


def _take_word(cursor: Cursor, word: str) -> bool:
    if cursor.hyphenated_word() != word:
        return False
    cursor.skip_to(cursor.token.start + len(word))
    return True


def _show_many(cursor: Cursor, head: Head, kind: EntityKind) -> SimpleCommand:
    names = parse_name_list(cursor, "a name") if cursor.at("(") else ()
    return _entities_or_schema(cursor, head, kind, names, is_plural=True)


def _show_one(cursor: Cursor, head: Head, kind: EntityKind, what: str) -> SimpleCommand:
    if cursor.at("*"):
        return show_policy(cursor, head, Entity(kind, "*", cursor.advance().span))
    if cursor.at("policy"):
        return show_policy(cursor, head, Entity(kind, "*", cursor.token.span))
    name = expect_entity_name(cursor, what)
    entity = Entity(kind, name.text, name.span)
    if cursor.at("policy"):
        return show_policy(cursor, head, entity)
    if cursor.at("ingestion"):
        return show_mappings(cursor, head, entity)
    return _entities_or_schema(cursor, head, kind, (name,), is_plural=False)


def _entities_or_schema(
    cursor: Cursor, head: Head, kind: EntityKind, names: tuple[Name, ...], *, is_plural: bool
) -> SimpleCommand:
    if cursor.at("schema") or cursor.at("cslschema"):
        return _schema(cursor, head, kind, names, is_plural=is_plural)
    aspect = next((word for word in _ASPECTS if cursor.take(word)), "")
    properties = parse_properties(cursor)
    return ShowEntities(kind, names, is_plural, aspect, properties, cursor.span_from(head.start))


def _schema(cursor: Cursor, head: Head, kind: EntityKind, names: tuple[Name, ...], *, is_plural: bool) -> ShowSchema:
    form = "csl" if cursor.advance().text == "cslschema" else ""
    later_than = _later_than(cursor)
    form = next((name for words, name in _FORMS.items() if take_words(cursor, *words)), form)
    if form == "csl" and cursor.take("script"):
        form = "csl script"
    later_than = later_than or _later_than(cursor)
    properties = parse_properties(cursor)
    return ShowSchema(kind, names, is_plural, form, later_than, properties, cursor.span_from(head.start))


def _later_than(cursor: Cursor) -> str:
    return cursor.string("a version as a string")[0] if cursor.take("if_later_than") else ""


def _at_clause(cursor: Cursor) -> bool:
    """Whether a clause follows `.show database` at once, with no name in between."""
    if cursor.at_end() or cursor.at("|"):
        return True
    return cursor.token.text in ("policy", "schema", "cslschema", "ingestion", "with", *_ASPECTS)


SHOWS: dict[str, Callable[[Cursor, Head], SimpleCommand]] = {
    "tables": show_tables,
    "table": show_table,
    "functions": show_functions,
    "function": show_function,
    "materialized-views": show_views,
    "materialized-view": show_view,
    "databases": show_databases,
    "database": show_database,
    "column": show_column,
    "cluster": show_cluster,
    "operations": show_operations,
    "operation": show_operations,
    "queryplan": show_queryplan,
}
