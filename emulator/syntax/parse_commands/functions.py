"""Commands on stored functions."""

from emulator.syntax.commands import (
    DefineFunction,
    DropEntities,
    Entity,
    EntityKind,
    SimpleCommand,
    property_text,
)
from emulator.syntax.cursor import Cursor
from emulator.syntax.parse_commands.parts import (
    Head,
    expect_entity_name,
    parse_name_list,
    parse_properties,
    take_if_exists,
    take_if_not_exists,
)
from emulator.syntax.parse_commands.policies import alter_policy
from emulator.syntax.parse_commands.tables import set_text
from emulator.syntax.parse_statements import parse_braced_body, parse_parameters
from emulator.syntax.statements import FunctionLiteral

_FUNCTION = "a function's name"


def define_function(cursor: Cursor, head: Head) -> SimpleCommand:
    """Parse what follows `.create|.create-or-alter|.alter function`."""
    if_not_exists = head.if_not_exists or take_if_not_exists(cursor)
    properties = parse_properties(cursor)
    name = expect_entity_name(cursor, _FUNCTION)
    entity = Entity(EntityKind.FUNCTION, name.text, name.span)
    if head.verb == "alter" and cursor.token.text in ("docstring", "folder"):
        return set_text(cursor, head, entity)
    if cursor.at("policy"):
        return alter_policy(cursor, head, (entity,))
    source = cursor.source
    start = cursor.token.start
    parameters = parse_parameters(cursor)
    parameters_text = source[start : cursor.span_from(start).end]
    body_start = cursor.token.start
    body = parse_braced_body(cursor)
    body_text = source[body_start : cursor.span_from(body_start).end]
    literal = FunctionLiteral(parameters, body, property_text(properties, "view") == "true", cursor.span_from(start))
    return DefineFunction(
        head.define_verb,
        if_not_exists,
        name,
        parameters_text,
        body_text,
        literal,
        properties,
        cursor.span_from(head.start),
    )


def drop_function(cursor: Cursor, head: Head) -> DropEntities:
    """Parse what follows `.drop function`."""
    names = (expect_entity_name(cursor, _FUNCTION),)
    return DropEntities(EntityKind.FUNCTION, names, take_if_exists(cursor), cursor.span_from(head.start))


def drop_functions(cursor: Cursor, head: Head) -> DropEntities:
    """Parse what follows `.drop functions`."""
    names = parse_name_list(cursor, _FUNCTION)
    return DropEntities(EntityKind.FUNCTION, names, take_if_exists(cursor), cursor.span_from(head.start))
