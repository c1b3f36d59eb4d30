"""Parts that commands share: their head, entity names, `with (…)`, `ifexists`, and the query after `<|`."""

from dataclasses import dataclass

from emulator.syntax.commands import DefineVerb, Entity, EntityKind, Properties, Property
from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Name
from emulator.syntax.parse_parts import comma_list, parse_literal_value
from emulator.syntax.parse_statements import parse_statements
from emulator.syntax.statements import Query
from emulator.syntax.tokens import TokenKind
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the noun of a command: `.create async ifnotexists materialized-view …`."""

    start: int
    verb: str
    is_async: bool
    if_not_exists: bool

    @property
    def define_verb(self) -> DefineVerb:
        """The verb of a definition."""
        return DefineVerb(self.verb)


def take_words(cursor: Cursor, *words: str) -> bool:
    """Step over a sequence of plain words if all of it is here."""
    if any(cursor.peek(distance).text != word for distance, word in enumerate(words)):
        return False
    for _ in words:
        cursor.advance()
    return True


def take_hyphenated(cursor: Cursor, *words: str) -> str:
    """Step over one of these hyphenated words; empty when none of them is here."""
    word = cursor.hyphenated_word()
    if word not in words:
        return ""
    cursor.skip_to(cursor.token.start + len(word))
    return word


def expect_entity_name(cursor: Cursor, what: str) -> Name:
    """Read the name of an entity: plain, in brackets, or as a string; a database in front of it is dropped."""
    name = _entity_name(cursor, what)
    while cursor.take("."):
        name = _entity_name(cursor, what)
    return name


def take_if_exists(cursor: Cursor) -> bool:
    """Step over `ifexists`."""
    return cursor.take("ifexists") or take_words(cursor, "if", "exists")


def take_if_not_exists(cursor: Cursor) -> bool:
    """Step over `ifnotexists`."""
    return cursor.take("ifnotexists") or take_words(cursor, "if", "not", "exists")


def parse_properties(cursor: Cursor) -> Properties:
    """Parse `with (a = 1, b = "x")`, empty when it is absent."""
    if not cursor.at("with") or cursor.peek().text != "(":
        return ()
    cursor.advance()
    cursor.advance()
    properties: list[Property] = []
    while not cursor.at(")"):
        properties.append(parse_property(cursor))
        if not cursor.take(","):
            break
    cursor.expect(")", hint="a comma separates properties")
    return tuple(properties)


def parse_property(cursor: Cursor) -> Property:
    """Parse `name = value`."""
    start = cursor.token.start
    name = cursor.string()[0] if cursor.token.kind is TokenKind.STRING else cursor.expect_name("a property").text
    cursor.expect("=", hint="a property is written as `name = value`")
    return Property(name, parse_literal_value(cursor), cursor.span_from(start))


def parse_name_list(cursor: Cursor, what: str) -> tuple[Name, ...]:
    """Parse `(A, B)`, or one or more names separated by commas."""
    if not cursor.take("("):
        return comma_list(cursor, lambda inner: expect_entity_name(inner, what))
    names = comma_list(cursor, lambda inner: expect_entity_name(inner, what))
    cursor.expect(")")
    return names


def parse_column_entity(cursor: Cursor) -> Entity:
    """Parse `Table.Column`, with an optional database in front."""
    start = cursor.token.start
    names = [_entity_name(cursor, "a table's name")]
    while cursor.take("."):
        names.append(_entity_name(cursor, "a column's name"))
    if len(names) < 2:
        raise cursor.fault("'.'", hint="a column is named as `Table.Column`")
    return Entity(EntityKind.COLUMN, names[-1].text, cursor.span_from(start), names[-2].text)


def parse_piped_query(cursor: Cursor) -> tuple[str, Query]:
    """Parse `<| query` to the end; the query's source is the whole command, so that spans point into it."""
    pipe = cursor.expect("<|")
    if cursor.at_end():
        raise cursor.fault("a query after '<|'")
    start = cursor.token.start
    statements = parse_statements(cursor)
    query = Query(statements, cursor.source, Span(start, len(cursor.source)))
    return cursor.source[pipe.end :].strip(), query


def _entity_name(cursor: Cursor, what: str) -> Name:
    if cursor.token.kind is TokenKind.STRING:
        text, span = cursor.string()
        return Name(text, span)
    return cursor.expect_name(what)
