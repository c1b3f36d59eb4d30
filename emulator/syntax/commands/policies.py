"""Commands that set and show policies."""

from dataclasses import dataclass
from typing import TypeAlias

from emulator.syntax.commands.parts import Entity, Properties
from emulator.syntax.expressions import DynamicLiteral, Literal, Name
from emulator.syntax.operators import OrderKey
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class PolicyJson:
    """A policy as JSON text."""

    text: str


@dataclass(frozen=True, slots=True)
class PolicySwitch:
    """`enable`, `disable`, `true`, `false`; row level security adds its query."""

    enabled: bool
    query: str = ""


@dataclass(frozen=True, slots=True)
class PolicySetting:
    """`softdelete = 10d`, `hot = 3d`, `hot_window = datetime(a) .. datetime(b)`."""

    name: str
    value: Literal | DynamicLiteral | Name
    upper: Literal | DynamicLiteral | Name | None = None


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The short form of retention, caching and others."""

    settings: tuple[PolicySetting, ...]


@dataclass(frozen=True, slots=True)
class PolicyOrder:
    """`roworder (A asc, B desc)`."""

    keys: tuple[OrderKey, ...]


PolicyValue: TypeAlias = PolicyJson | PolicySwitch | PolicySettings | PolicyOrder


@dataclass(frozen=True, slots=True)
class AlterPolicy:
    """`.alter[-merge] table|database|materialized-view|… X policy name value`; several entities for `.alter tables`."""

    entities: tuple[Entity, ...]
    policy: str
    value: PolicyValue
    merge: bool
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class DeletePolicy:
    """`.delete table|… X policy name`."""

    entity: Entity
    policy: str
    span: Span


@dataclass(frozen=True, slots=True)
class ShowPolicy:
    """`.show table|… X policy name`; the entity's name may be `*`, and so may the policy's."""

    entity: Entity
    policy: str
    span: Span
