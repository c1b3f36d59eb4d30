"""What a management command is about: the one thing that it makes or changes, by kind, name and owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from emulator.syntax.commands import (
    AlterColumnType,
    AlterPolicy,
    ClearCache,
    ClearData,
    Command,
    CreateDatabase,
    DefineFunction,
    DefineMapping,
    DefineMaterializedView,
    DefineTables,
    DeletePolicy,
    DeleteRecords,
    DropColumns,
    DropDatabase,
    DropEntities,
    DropMapping,
    Entity,
    EntityKind,
    IngestFromQuery,
    IngestFromStorage,
    IngestInline,
    SetColumnDocstrings,
    SetEntityText,
    SetViewProperty,
    SwitchView,
)

T = TypeVar("T")


class Kind(Enum):
    """What a command is about; the value is its name in messages."""

    CLUSTER = "cluster"
    DATABASE = "database"
    TABLE = "table"
    COLUMN = "column"
    FUNCTION = "function"
    VIEW = "materialized view"
    EXTERNAL_TABLE = "external table"
    MAPPING = "ingestion mapping"
    POLICY = "policy"
    TEXT = "text"
    OTHER = "command"


_KINDS = {
    EntityKind.CLUSTER: Kind.CLUSTER,
    EntityKind.DATABASE: Kind.DATABASE,
    EntityKind.TABLE: Kind.TABLE,
    EntityKind.COLUMN: Kind.COLUMN,
    EntityKind.FUNCTION: Kind.FUNCTION,
    EntityKind.MATERIALIZED_VIEW: Kind.VIEW,
    EntityKind.EXTERNAL_TABLE: Kind.EXTERNAL_TABLE,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing in a database; mappings, policies, texts and columns have an owner that they belong to.

    The name of the database of the request is empty. A command that defines nothing is a subject of its own: its name
    are its first words (`.show tables`), its owner is the entity it is about, if it is about one.
    """

    kind: Kind
    name: str
    owner: "Subject | None" = None

    def __str__(self) -> str:
        named = f"{self.kind.value} {self.name}".strip()
        return named if self.owner is None else f"{named} of {self.owner}"


class SeveralSubjects(ValueError):
    """A command is about several things at once."""


def subject_of(command: Command, text: str) -> Subject:
    """Return what a command is about, given its text; raise SeveralSubjects where it is about more than one thing."""
    match command:
        case DefineTables(tables=tables):
            return Subject(Kind.TABLE, _one([table.name.text for table in tables]))
        case DefineFunction(name=name):
            return Subject(Kind.FUNCTION, name.text)
        case DefineMaterializedView(name=name):
            return Subject(Kind.VIEW, name.text)
        case DefineMapping(entity=entity, kind=kind, name=mapping) | DropMapping(entity, kind, mapping):
            return Subject(Kind.MAPPING, f"{kind} {mapping}", entity_subject(entity))
        case AlterPolicy(entities=entities, policy=policy):
            return Subject(Kind.POLICY, policy, _one([entity_subject(entity) for entity in entities]))
        case DeletePolicy(entity, policy):
            return Subject(Kind.POLICY, policy, entity_subject(entity))
        case SetEntityText(entity, field):
            return Subject(Kind.TEXT, field, entity_subject(entity))
        case SetColumnDocstrings(table=name):
            return Subject(Kind.TEXT, "column-docstrings", Subject(Kind.TABLE, name.text))
        case SetViewProperty(name=name, property=property_):
            return Subject(Kind.TEXT, property_.name, Subject(Kind.VIEW, name.text))
        case _:
            return Subject(Kind.OTHER, _words(text), _about(command))


def entity_subject(entity: Entity) -> Subject:
    """Return an entity that a command names; a column belongs to its table."""
    owner = None if entity.container is None else Subject(Kind.TABLE, entity.container)
    return Subject(_KINDS[entity.kind], entity.name or "", owner)


def _about(command: Command) -> Subject | None:
    match command:
        case IngestInline(table=name) | IngestFromStorage(table=name) | IngestFromQuery(table=name):
            return Subject(Kind.TABLE, name.text)
        case DropColumns(table=name):
            return Subject(Kind.TABLE, name.text)
        case AlterColumnType(table=table, column=column):
            return Subject(Kind.COLUMN, column.text, Subject(Kind.TABLE, table.text))
        case ClearData(entity=entity) | DeleteRecords(entity=entity) | ClearCache(entity=entity):
            return entity_subject(entity)
        case SwitchView(name=name):
            return Subject(Kind.VIEW, name.text)
        case DropEntities(kind=kind, names=(name,)):
            return Subject(_KINDS[kind], name.text)
        case CreateDatabase(name=name) | DropDatabase(name=name):
            return Subject(Kind.DATABASE, name.text)
        case _:
            return None


def _one(items: Sequence[T]) -> T:
    if len(items) != 1:
        raise SeveralSubjects
    return items[0]


def _words(text: str) -> str:
    """Return the first two words of a command, as `.show tables`."""
    return " ".join(text.split(maxsplit=2)[:2])
