"""Tables whose columns are known when the code is written: those in which an engine keeps its own records."""

from collections.abc import Mapping
from dataclasses import dataclass

from emulator.sql.ast import ColumnRef, Parameter, Sql, TableRef
from emulator.sql.build import and_, equal, table
from emulator.sql.statements import ColumnDefinition, CreateTable, Insert, Values


@dataclass(frozen=True, slots=True)
class RecordTable:
    """A table by its name and the DuckDB types of its columns, in order."""

    name: str
    types: Mapping[str, str]

    @property
    def creation(self) -> CreateTable:
        """The statement that makes the table where it does not exist."""
        columns = tuple(ColumnDefinition(name, type_) for name, type_ in self.types.items())
        return CreateTable(self.name, columns, if_not_exists=True)

    @property
    def insertion(self) -> Insert:
        """The statement that adds a row of parameters, named after the columns."""
        return Insert(self.name, Values((tuple(map(self.given, self.types)),)))

    @property
    def rows(self) -> TableRef:
        """The table, to read or change under its own name."""
        return table(self.name)

    def column(self, name: str) -> ColumnRef:
        """Return a column, or raise KeyError."""
        if name not in self.types:
            raise KeyError(name)
        return ColumnRef(name, self.name)

    def given(self, name: str) -> Parameter:
        """Return a parameter that is named after a column and of its type, or raise KeyError."""
        return Parameter(name, self.types[name])

    def matches(self, *names: str) -> Sql:
        """Return the condition that columns equal the parameters named after them."""
        return and_(equal(self.column(name), self.given(name)) for name in names)
