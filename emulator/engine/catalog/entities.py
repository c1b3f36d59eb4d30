"""A database as the binder sees it: names and schemas of one catalog snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from emulator.binder.entities import StoredFunction, StoredTable
from emulator.binder.plan import Stored
from emulator.engine.catalog.records import Database
from emulator.schema.entities import Function
from emulator.syntax.parser import parse_function_declaration


@dataclass(slots=True)
class Entities:
    """The entities of a database; `replaced` puts other relations under the names of tables, such as a batch."""

    snapshot: Database
    replaced: Mapping[str, StoredTable] = field(default_factory=dict)
    database: str = field(init=False)

    def __post_init__(self) -> None:
        self.database = self.snapshot.name

    def table(self, name: str) -> StoredTable | None:
        """Return the table or materialized view of that exact name."""
        if name in self.replaced:
            return self.replaced[name]
        table = self.snapshot.tables.get(name)
        if table is not None:
            return StoredTable(Stored(table.name, table.relation, table.schema))
        view = self.snapshot.views.get(name)
        if view is not None:
            return StoredTable(Stored(view.name, view.relation, view.schema), "materialized-view")
        return None

    def function(self, name: str) -> StoredFunction | None:
        """Return the stored function of that exact name."""
        function = self.snapshot.functions.get(name)
        if function is None:
            return None
        found = self.snapshot.parsed.get(function)
        if found is None:
            found = stored_function(function)
            self.snapshot.parsed.put(function, found)
        return found

    def table_names(self) -> tuple[str, ...]:
        """Return all table and view names."""
        return (*self.snapshot.tables, *self.snapshot.views)

    def function_names(self) -> tuple[str, ...]:
        """Return all stored function names."""
        return tuple(self.snapshot.functions)


def stored_function(function: Function) -> StoredFunction:
    """Return a function with its parsed declaration."""
    literal = parse_function_declaration(function.parameters, function.body)
    return StoredFunction(function.name, literal, function.body, function.docstring, function.folder)
