"""Commands on tables and columns."""

from emulator.syntax.commands import (
    AlterColumnType,
    ClearCache,
    ClearData,
    DefineTables,
    DeleteRecords,
    DropColumns,
    DropEntities,
    Entity,
    EntityKind,
    RenameEntities,
    SetColumnDocstrings,
    SetEntityText,
    SimpleCommand,
    TableDefinition,
)
from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Name
from emulator.syntax.operators import ColumnDeclaration
from emulator.syntax.parse_commands.mappings import drop_mapping, parse_mapping
from emulator.syntax.parse_commands.parts import (
    Head,
    expect_entity_name,
    parse_column_entity,
    parse_name_list,
    parse_piped_query,
    parse_properties,
    take_hyphenated,
    take_if_exists,
)
from emulator.syntax.parse_commands.policies import alter_policy, delete_policy
from emulator.syntax.parse_parts import comma_list, parse_type

_TABLE = "a table's name"


def define_table(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.create|.create-merge|.create-or-alter table`."""
    name = expect_entity_name(cursor, _TABLE)
    if cursor.at("ingestion"):
        return parse_mapping(cursor, head, Entity(EntityKind.TABLE, name.text, name.span))
    table = _definition(cursor, name)
    return DefineTables(head.define_verb, (table,), parse_properties(cursor), cursor.span_from(head.start))


def define_tables(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.create|.create-merge tables`."""
    tables = comma_list(cursor, lambda inner: _definition(inner, expect_entity_name(inner, _TABLE)))
    return DefineTables(head.define_verb, tables, parse_properties(cursor), cursor.span_from(head.start))


def alter_table(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.alter|.alter-merge table`."""
    if cursor.at("*"):
        star = cursor.advance()
        return alter_policy(cursor, head, (Entity(EntityKind.TABLE, "*", star.span),))
    name = expect_entity_name(cursor, _TABLE)
    entity = Entity(EntityKind.TABLE, name.text, name.span)
    if cursor.at("policy"):
        return alter_policy(cursor, head, (entity,))
    if cursor.at("ingestion"):
        return parse_mapping(cursor, head, entity)
    if cursor.at("docstring") or cursor.at("folder"):
        return set_text(cursor, head, entity)
    if take_hyphenated(cursor, "column-docstrings"):
        return _column_docstrings(cursor, head, name)
    return define_table_columns(cursor, head, name)


def define_table_columns(cursor: Cursor, head: Head, name: Name) -> DefineTables:
    """Parse the columns and properties of one table."""
    table = _definition(cursor, name)
    return DefineTables(head.define_verb, (table,), parse_properties(cursor), cursor.span_from(head.start))


def alter_tables(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.alter|.alter-merge tables`: a policy on several tables."""
    names = parse_name_list(cursor, _TABLE)
    return alter_policy(cursor, head, tuple(Entity(EntityKind.TABLE, name.text, name.span) for name in names))


def set_text(cursor: Cursor, head: Head, entity: Entity) -> SetEntityText:
    """Parse `docstring "…"` or `folder "…"`."""
    field = cursor.advance().text
    cursor.take("=")
    text, _ = cursor.string()
    return SetEntityText(entity, field, text, cursor.span_from(head.start))


def alter_column(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.alter column`."""
    entity = parse_column_entity(cursor)
    if cursor.at("policy"):
        return alter_policy(cursor, head, (entity,))
    if cursor.at("docstring"):
        return set_text(cursor, head, entity)
    cursor.expect("type", hint="the form is `.alter column Table.Column type = long`")
    cursor.expect("=")
    scalar = parse_type(cursor)
    table, column = Name(entity.container or "", entity.span), Name(entity.name or "", entity.span)
    return AlterColumnType(table, column, scalar, cursor.span_from(head.start))


def drop_table(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.drop table`."""
    name = expect_entity_name(cursor, _TABLE)
    if cursor.at("ingestion"):
        return drop_mapping(cursor, head, Entity(EntityKind.TABLE, name.text, name.span))
    if cursor.take("columns"):
        columns = parse_name_list(cursor, "a column's name")
        return DropColumns(name, columns, take_if_exists(cursor), cursor.span_from(head.start))
    return DropEntities(EntityKind.TABLE, (name,), take_if_exists(cursor), cursor.span_from(head.start))


def drop_tables(cursor: Cursor, head: Head) -> DropEntities:
    """Parse what follows `.drop tables`."""
    names = parse_name_list(cursor, _TABLE)
    return DropEntities(EntityKind.TABLE, names, take_if_exists(cursor), cursor.span_from(head.start))


def drop_column(cursor: Cursor, head: Head) -> DropColumns:
    """Parse what follows `.drop column`."""
    entity = parse_column_entity(cursor)
    table, column = Name(entity.container or "", entity.span), Name(entity.name or "", entity.span)
    return DropColumns(table, (column,), take_if_exists(cursor), cursor.span_from(head.start))


def rename_table(cursor: Cursor, head: Head) -> RenameEntities:
    """Parse what follows `.rename table`: `A to B`."""
    old = expect_entity_name(cursor, _TABLE)
    cursor.expect("to", hint="the form is `.rename table Old to New`")
    new = expect_entity_name(cursor, _TABLE)
    renames = ((Entity(EntityKind.TABLE, old.text, old.span), new),)
    return RenameEntities(EntityKind.TABLE, renames, parse_properties(cursor), cursor.span_from(head.start))


def rename_tables(cursor: Cursor, head: Head) -> RenameEntities:
    """Parse what follows `.rename tables`: `New = Old, …`."""
    renames = comma_list(cursor, _table_swap)
    return RenameEntities(EntityKind.TABLE, renames, parse_properties(cursor), cursor.span_from(head.start))


def rename_column(cursor: Cursor, head: Head) -> RenameEntities:
    """Parse what follows `.rename column`: `T.A to B`."""
    old = parse_column_entity(cursor)
    cursor.expect("to", hint="the form is `.rename column Table.Old to New`")
    new = expect_entity_name(cursor, "a column's name")
    return RenameEntities(EntityKind.COLUMN, ((old, new),), (), cursor.span_from(head.start))


def rename_columns(cursor: Cursor, head: Head) -> RenameEntities:
    """Parse what follows `.rename columns`: `New = T.Old, …`."""
    return RenameEntities(EntityKind.COLUMN, comma_list(cursor, _column_swap), (), cursor.span_from(head.start))


def clear_table(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.clear table`."""
    cursor.take("async")
    name = expect_entity_name(cursor, _TABLE)
    entity = Entity(EntityKind.TABLE, name.text, name.span)
    if cursor.at("cache"):
        return clear_cache(cursor, head, entity)
    cursor.expect("data", hint="the form is `.clear table T data`")
    return ClearData(entity, cursor.span_from(head.start))


def clear_database(cursor: Cursor, head: Head) -> ClearCache:
    """Parse what follows `.clear database`."""
    name = None if cursor.at("cache") else expect_entity_name(cursor, "a database's name").text
    return clear_cache(cursor, head, Entity(EntityKind.DATABASE, name, cursor.span_from(head.start)))


def clear_cache(cursor: Cursor, head: Head, entity: Entity) -> ClearCache:
    """Parse `cache streamingingestion schema`."""
    cursor.expect("cache")
    words = [cursor.expect_name("the name of a cache").text]
    while (name := cursor.take_name()) is not None:
        words.append(name.text)
    return ClearCache(entity, " ".join(words), cursor.span_from(head.start))


def delete_from_table(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.delete table`: records or a policy."""
    name = expect_entity_name(cursor, _TABLE)
    entity = Entity(EntityKind.TABLE, name.text, name.span)
    if cursor.at("policy"):
        return delete_policy(cursor, head, entity)
    cursor.expect("records", hint="the forms are `.delete table T records <| query` and `.delete table T policy name`")
    properties = parse_properties(cursor)
    _, query = parse_piped_query(cursor)
    return DeleteRecords(entity, properties, query, cursor.span_from(head.start))


def _definition(cursor: Cursor, name: Name) -> TableDefinition:
    if not cursor.at("("):
        raise cursor.fault("'(' with the columns of the table", hint="the form is `T (Column: type, …)`")
    cursor.expect("(")
    columns = comma_list(cursor, _column)
    cursor.expect(")", hint="a comma separates columns")
    return TableDefinition(name, columns, cursor.span_from(name.span.start))


def _column(cursor: Cursor) -> ColumnDeclaration:
    name = expect_entity_name(cursor, "a column's name")
    cursor.expect(":", hint="a column is declared as `Name: type`")
    scalar = parse_type(cursor)
    return ColumnDeclaration(name, scalar, cursor.span_from(name.span.start))


def _column_docstrings(cursor: Cursor, head: Head, table: Name) -> SetColumnDocstrings:
    cursor.expect("(")
    docstrings: list[tuple[Name, str]] = []
    while not cursor.at(")"):
        column = cursor.expect_name("a column's name")
        cursor.expect(":", hint='a docstring is written as `Column: "text"`')
        docstrings.append((column, cursor.string()[0]))
        if not cursor.take(","):
            break
    cursor.expect(")")
    merge = head.verb == "alter-merge"
    return SetColumnDocstrings(table, tuple(docstrings), merge, cursor.span_from(head.start))


def _table_swap(cursor: Cursor) -> tuple[Entity, Name]:
    new = expect_entity_name(cursor, _TABLE)
    cursor.expect("=", hint="the form is `.rename tables New = Old, …`")
    old = expect_entity_name(cursor, _TABLE)
    return Entity(EntityKind.TABLE, old.text, old.span), new


def _column_swap(cursor: Cursor) -> tuple[Entity, Name]:
    new = expect_entity_name(cursor, "a column's name")
    cursor.expect("=", hint="the form is `.rename columns New = Table.Old, …`")
    return parse_column_entity(cursor), new
