"""Commands on materialized views."""

from emulator.syntax.commands import (
    ClearData,
    DefineMaterializedView,
    DropEntities,
    Entity,
    EntityKind,
    Property,
    RenameEntities,
    SetViewProperty,
    SimpleCommand,
    SwitchView,
)
from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Name
from emulator.syntax.parse_commands.parts import (
    Head,
    expect_entity_name,
    parse_name_list,
    parse_properties,
    take_hyphenated,
    take_if_exists,
    take_if_not_exists,
)
from emulator.syntax.parse_commands.policies import alter_policy, delete_policy
from emulator.syntax.parse_commands.tables import set_text
from emulator.syntax.parse_parts import parse_literal_value
from emulator.syntax.parse_statements import parse_braced_body

_VIEW = "a materialized view's name"
_VIEW_PROPERTIES = ("lookback", "lookback_column", "autoUpdateSchema", "dimensionTables")


def define_view(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.create|.create-or-alter|.alter materialized-view`."""
    if_not_exists = head.if_not_exists or take_if_not_exists(cursor)
    properties = parse_properties(cursor)
    name = expect_entity_name(cursor, _VIEW)
    entity = Entity(EntityKind.MATERIALIZED_VIEW, name.text, name.span)
    if cursor.at("policy"):
        return alter_policy(cursor, head, (entity,))
    if cursor.token.text in ("docstring", "folder"):
        return set_text(cursor, head, entity)
    if cursor.token.text in _VIEW_PROPERTIES:
        return _set_property(cursor, head, name)
    cursor.expect("on", hint="the form is `.create materialized-view V on table T { query }`")
    source = _source(cursor)
    start = cursor.token.start
    body = parse_braced_body(cursor)
    text = cursor.source[start : cursor.span_from(start).end][1:-1].strip()
    return DefineMaterializedView(
        head.define_verb,
        head.is_async,
        if_not_exists,
        name,
        source,
        text,
        body,
        properties,
        cursor.span_from(head.start),
    )


def drop_view(cursor: Cursor, head: Head) -> DropEntities:
    """Parse what follows `.drop materialized-view`."""
    names = (expect_entity_name(cursor, _VIEW),)
    return DropEntities(EntityKind.MATERIALIZED_VIEW, names, take_if_exists(cursor), cursor.span_from(head.start))


def drop_views(cursor: Cursor, head: Head) -> DropEntities:
    """Parse what follows `.drop materialized-views`."""
    names = parse_name_list(cursor, _VIEW)
    return DropEntities(EntityKind.MATERIALIZED_VIEW, names, take_if_exists(cursor), cursor.span_from(head.start))


def rename_view(cursor: Cursor, head: Head) -> RenameEntities:
    """Parse what follows `.rename materialized-view`: `A to B`."""
    old = expect_entity_name(cursor, _VIEW)
    cursor.expect("to", hint="the form is `.rename materialized-view Old to New`")
    new = expect_entity_name(cursor, _VIEW)
    renames = ((Entity(EntityKind.MATERIALIZED_VIEW, old.text, old.span), new),)
    return RenameEntities(EntityKind.MATERIALIZED_VIEW, renames, (), cursor.span_from(head.start))


def switch_view(cursor: Cursor, head: Head) -> SwitchView:
    """Parse what follows `.enable|.disable materialized-view`."""
    name = expect_entity_name(cursor, _VIEW)
    return SwitchView(name, head.verb == "enable", cursor.span_from(head.start))


def clear_view(cursor: Cursor, head: Head) -> ClearData:
    """Parse what follows `.clear materialized-view`."""
    name = expect_entity_name(cursor, _VIEW)
    cursor.expect("data", hint="the form is `.clear materialized-view V data`")
    return ClearData(Entity(EntityKind.MATERIALIZED_VIEW, name.text, name.span), cursor.span_from(head.start))


def delete_from_view(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.delete materialized-view`: a policy."""
    name = expect_entity_name(cursor, _VIEW)
    return delete_policy(cursor, head, Entity(EntityKind.MATERIALIZED_VIEW, name.text, name.span))


def _source(cursor: Cursor) -> Entity:
    if take_hyphenated(cursor, "materialized-view"):
        name = expect_entity_name(cursor, _VIEW)
        return Entity(EntityKind.MATERIALIZED_VIEW, name.text, name.span)
    cursor.expect("table", hint="a view is built `on table T` or `on materialized-view V`")
    name = expect_entity_name(cursor, "a table's name")
    return Entity(EntityKind.TABLE, name.text, name.span)


def _set_property(cursor: Cursor, head: Head, name: Name) -> SetViewProperty:
    start = cursor.token.start
    field = cursor.advance().text
    cursor.take("=")
    value = parse_literal_value(cursor)
    return SetViewProperty(name, Property(field, value, cursor.span_from(start)), cursor.span_from(head.start))
