"""Parts that several commands share: verbs, kinds of entities, properties."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from emulator.syntax.expressions import DynamicLiteral, Literal, Name
from emulator.text import Span


class DefineVerb(Enum):
    """How a definition treats what exists already."""

    CREATE = "create"
    CREATE_MERGE = "create-merge"
    CREATE_OR_ALTER = "create-or-alter"
    ALTER = "alter"
    ALTER_MERGE = "alter-merge"


class EntityKind(Enum):
    """What a policy, a text or a question can be about."""

    CLUSTER = "cluster"
    DATABASE = "database"
    TABLE = "table"
    COLUMN = "column"
    FUNCTION = "function"
    MATERIALIZED_VIEW = "materialized-view"
    EXTERNAL_TABLE = "external table"


@dataclass(frozen=True, slots=True)
class Property:
    """`name = value` in `with (…)`; names are compared without case."""

    name: str
    value: Literal | DynamicLiteral | Name
    span: Span

    @property
    def text(self) -> str:
        """The value as plain text: a string's content, a name, `true`, `6`, or the JSON of `dynamic(…)`.

        Timespans are ticks; read `value` where the type matters.
        """
        match self.value:
            case Name(text=text) | DynamicLiteral(text=text):
                return text
            case Literal(value=bool() as value):
                return "true" if value else "false"
            case Literal(value=value):
                return "" if value is None else str(value)


Properties: TypeAlias = tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity by kind and name.

    `name` is None for the database of the request, `*` for every entity of the kind. A column's name is
    `Table.Column`, kept in `container` and `name`.
    """

    kind: EntityKind
    name: str | None
    span: Span
    container: str | None = None


def property_text(properties: Properties, name: str) -> str | None:
    """Return the text of a property, None if it is absent; the last one counts."""
    found = (item for item in reversed(properties) if item.name.lower() == name.lower())
    return next((item.text for item in found), None)
