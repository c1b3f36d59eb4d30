"""Commands that bring data in: from the command's own text, from storage, from a query."""

from emulator.syntax.commands import IngestFromQuery, IngestFromStorage, IngestInline, IngestVerb
from emulator.syntax.cursor import Cursor
from emulator.syntax.parse_commands.parts import Head, expect_entity_name, parse_piped_query, parse_properties
from emulator.text import Span

_TABLE = "a table's name"


def parse_ingest(cursor: Cursor, head: Head) -> IngestInline | IngestFromStorage:
    """Parse what follows `.ingest`; the data after `<|` is never read as KQL."""
    if cursor.take("inline"):
        cursor.expect("into", hint="the form is `.ingest inline into table T <| data`")
        cursor.take("table")
        table = expect_entity_name(cursor, _TABLE)
        properties = parse_properties(cursor)
        pipe = cursor.expect("<|", hint="the form is `.ingest inline into table T <| data`")
        data = cursor.source[pipe.end :].lstrip(" \t").removeprefix("\r").removeprefix("\n")
        return IngestInline(table, properties, data, Span(head.start, len(cursor.source)))
    cursor.expect("into", hint="the forms are `.ingest inline into table T <| data` and `.ingest into table T (uri)`")
    cursor.take("table")
    table = expect_entity_name(cursor, _TABLE)
    sources: list[str] = []
    bracketed = cursor.take("(")
    while True:
        sources.append(cursor.string("the address of a blob as a string")[0])
        if not cursor.take(","):
            break
    if bracketed:
        cursor.expect(")")
    properties = parse_properties(cursor)
    return IngestFromStorage(table, head.is_async, tuple(sources), properties, cursor.span_from(head.start))


def parse_set_or_append(cursor: Cursor, head: Head) -> IngestFromQuery:
    """Parse what follows `.set|.append|.set-or-append|.set-or-replace`."""
    table = expect_entity_name(cursor, _TABLE)
    properties = parse_properties(cursor)
    text, query = parse_piped_query(cursor)
    return IngestFromQuery(
        IngestVerb(head.verb), head.is_async, table, properties, text, query, cursor.span_from(head.start)
    )
