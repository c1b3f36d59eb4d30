"""What the binder asks of a database: it knows names and schemas, never rows."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from emulator.binder.plan import Stored
from emulator.syntax.statements import FunctionLiteral


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table or a materialized view: `kind` is `table` or `materialized-view`."""

    stored: Stored
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class StoredFunction:
    """A stored function, parsed; spans point into `source`."""

    name: str
    literal: FunctionLiteral
    source: str
    docstring: str = ""
    folder: str = ""


Entity: TypeAlias = StoredTable | StoredFunction


class EntityProvider(Protocol):
    """The catalogue of one database. A function hides a table of the same name (as on a real Eventhouse)."""

    @property
    def database(self) -> str:
        """Name of the database."""
        ...

    def table(self, name: str) -> StoredTable | None:
        """Return the table or materialized view of that exact name."""
        ...

    def function(self, name: str) -> StoredFunction | None:
        """Return the stored function of that exact name."""
        ...

    def table_names(self) -> tuple[str, ...]:
        """Return all table and view names, for wildcards and hints."""
        ...

    def function_names(self) -> tuple[str, ...]:
        """Return all stored function names, for hints."""
        ...


class NoEntities:
    """An empty database, for expressions and queries that need none."""

    database = "NetDefaultDB"

    def table(self, name: str) -> StoredTable | None:  # noqa: ARG002 - the protocol names it
        """Return None."""
        return None

    def function(self, name: str) -> StoredFunction | None:  # noqa: ARG002 - the protocol names it
        """Return None."""
        return None

    def table_names(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def function_names(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()
