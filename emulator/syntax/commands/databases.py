"""Commands for whole databases: create, drop, run a script, caches."""

from dataclasses import dataclass

from emulator.syntax.commands.parts import Entity, Properties
from emulator.syntax.expressions import Name
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """`.create database D [ifnotexists]`; where it is kept (`persist`, `volatile`) is not recorded."""

    name: Name
    if_not_exists: bool
    span: Span


@dataclass(frozen=True, slots=True)
class DropDatabase:
    """`.drop database D [ifexists]`."""

    name: Name
    if_exists: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ExecuteScript:
    """`.execute database script [with (…)] <| commands`; `script` is for `script.split_script`."""

    properties: Properties
    script: str
    script_start: int
    span: Span


@dataclass(frozen=True, slots=True)
class ClearCache:
    """`.clear database cache streamingingestion schema`, `.clear table T cache streamingingestion schema`."""

    entity: Entity
    cache: str
    span: Span


@dataclass(frozen=True, slots=True)
class RefreshCache:
    """`.refresh database 'd' table 't' cache ingestionbatchingpolicy`."""

    database: str
    table: str
    cache: str
    span: Span
