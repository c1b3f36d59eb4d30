"""`.cancel` commands."""

from emulator.syntax.commands import CancelOperation, CancelQuery
from emulator.syntax.cursor import Cursor
from emulator.syntax.parse_commands.parts import Head, parse_properties
from emulator.syntax.tokens import TokenKind


def cancel_query(cursor: Cursor, head: Head) -> CancelQuery:
    """Parse what follows `.cancel query`."""
    client_id = _id(cursor, "the client's id of a running query, as a string")
    return CancelQuery(client_id, parse_properties(cursor), cursor.span_from(head.start))


def cancel_operation(cursor: Cursor, head: Head) -> CancelOperation:
    """Parse what follows `.cancel operation`."""
    id_ = _id(cursor, "the id of an operation")
    return CancelOperation(id_, parse_properties(cursor), cursor.span_from(head.start))


def _id(cursor: Cursor, what: str) -> str:
    if cursor.token.kind not in (TokenKind.RAW_GUID, TokenKind.STRING, TokenKind.LITERAL):
        raise cursor.fault(what)
    return str(cursor.advance().value)
