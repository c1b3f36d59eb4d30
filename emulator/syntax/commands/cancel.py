"""Commands that end what runs."""

from dataclasses import dataclass

from emulator.syntax.commands.parts import Properties
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class CancelQuery:
    """`.cancel query "client's id" [with (reason = …)]`."""

    client_id: str
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class CancelOperation:
    """`.cancel operation id [with (reason = …)]`."""

    id: str
    properties: Properties
    span: Span
