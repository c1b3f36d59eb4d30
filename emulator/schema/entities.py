"""Tables, functions, materialized views and ingestion mappings as their definitions say, whatever keeps their rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from emulator.types import Schema

Policies: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class IngestionMapping:
    """A named ingestion mapping: `kind` is the format family (`json`, `csv`, …), `text` its JSON array."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; policies are JSON texts by kind, those of a column by `column <name> <kind>`."""

    name: str
    schema: Schema
    folder: str = ""
    docstring: str = ""
    policies: Policies = field(default_factory=dict)
    mappings: tuple[IngestionMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A stored function; `parameters` is `(x: long = 1)` and `body` is `{ … }`, both as written."""

    name: str
    parameters: str
    body: str
    folder: str = ""
    docstring: str = ""


@dataclass(frozen=True, slots=True)
class MaterializedView:
    """A materialized view over a table, or over another view (`on_view`); `lookback` is in ticks of 100 ns."""

    name: str
    source: str
    on_view: bool
    query: str
    folder: str = ""
    docstring: str = ""
    lookback: int | None = None
    lookback_column: str | None = None
    auto_update_schema: bool = False
    dimension_tables: tuple[str, ...] = ()
    policies: Policies = field(default_factory=dict)


Entity: TypeAlias = Table | Function | MaterializedView
