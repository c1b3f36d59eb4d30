"""Commands that define and show ingestion mappings."""

from dataclasses import dataclass

from emulator.syntax.commands.parts import DefineVerb, Entity, Properties
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class DefineMapping:
    """`.create|.create-or-alter|.alter table T ingestion json mapping "name" '[…]'`; `kind` in lower case."""

    verb: DefineVerb
    entity: Entity
    kind: str
    name: str
    mapping_text: str
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class DropMapping:
    """`.drop table T ingestion json mapping "name"`."""

    entity: Entity
    kind: str
    name: str
    if_exists: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ShowMappings:
    """`.show table T ingestion [kind] mappings`, `.show table T ingestion kind mapping "name"`."""

    entity: Entity
    kind: str | None
    name: str | None
    span: Span
