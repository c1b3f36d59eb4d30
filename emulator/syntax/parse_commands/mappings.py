"""Ingestion mappings of a table or a database."""

from emulator.syntax.commands import DefineMapping, DropMapping, Entity, ShowMappings
from emulator.syntax.cursor import Cursor
from emulator.syntax.parse_commands.parts import Head, parse_properties, take_if_exists

# create-ingestion-mapping-command.md, "Supported formats".
_KINDS = ("csv", "json", "avro", "apacheavro", "parquet", "orc", "w3clogfile", "sstream")


def parse_mapping(cursor: Cursor, head: Head, entity: Entity) -> DefineMapping:
    """Parse `ingestion json mapping "name" '[…]'`."""
    cursor.expect("ingestion")
    kind = _kind(cursor)
    cursor.expect("mapping")
    name = cursor.one_string("the name of the mapping as a string")
    text, _ = cursor.string("the mapping as a string of JSON")
    properties = parse_properties(cursor)
    return DefineMapping(head.define_verb, entity, kind, name, text, properties, cursor.span_from(head.start))


def drop_mapping(cursor: Cursor, head: Head, entity: Entity) -> DropMapping:
    """Parse `ingestion json mapping "name"` of a drop."""
    cursor.expect("ingestion")
    kind = _kind(cursor)
    cursor.expect("mapping")
    name = cursor.one_string("the name of the mapping as a string")
    return DropMapping(entity, kind, name, take_if_exists(cursor), cursor.span_from(head.start))


def show_mappings(cursor: Cursor, head: Head, entity: Entity) -> ShowMappings:
    """Parse `ingestion [kind] mappings` or `ingestion kind mapping "name"`."""
    cursor.expect("ingestion")
    kind = None if cursor.at("mappings") or cursor.at("mapping") else _kind(cursor)
    name: str | None = None
    if cursor.take("mapping"):
        name = cursor.one_string("the name of the mapping as a string")
    else:
        cursor.expect("mappings")
    parse_properties(cursor)
    return ShowMappings(entity, kind, name, cursor.span_from(head.start))


def _kind(cursor: Cursor) -> str:
    kind = cursor.token.text.lower()
    if kind not in _KINDS:
        raise cursor.fault("the kind of a mapping", hint=f"the kinds are {', '.join(_KINDS)}")
    cursor.advance()
    return kind
