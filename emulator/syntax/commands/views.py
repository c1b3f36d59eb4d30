"""Commands that define and change materialized views."""

from dataclasses import dataclass

from emulator.syntax.commands.parts import DefineVerb, Entity, Properties, Property
from emulator.syntax.expressions import Name
from emulator.syntax.statements import FunctionBody
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class DefineMaterializedView:
    """`.create`, `.create-or-alter` and `.alter materialized-view V on table T { query }`.

    `query_text` is what stands between the braces, without the blanks around it.
    """

    verb: DefineVerb
    is_async: bool
    if_not_exists: bool
    name: Name
    source: Entity
    query_text: str
    body: FunctionBody
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class SetViewProperty:
    """`.alter materialized-view V lookback 6h`, `… autoUpdateSchema true`, `… dimensionTables …`."""

    name: Name
    property: Property
    span: Span


@dataclass(frozen=True, slots=True)
class SwitchView:
    """`.enable materialized-view V`, `.disable materialized-view V`."""

    name: Name
    enabled: bool
    span: Span
