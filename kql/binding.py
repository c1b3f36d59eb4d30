"""Contracts derived from the files: tables, views and functions are parsed and bound, without an Eventhouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from emulator.binder.bind import bind_function, bind_query
from emulator.binder.entities import StoredFunction, StoredTable
from emulator.binder.plan import Stored
from emulator.errors import KustoError
from emulator.schema.subjects import Kind
from emulator.syntax.commands import DefineFunction, DefineMaterializedView
from emulator.syntax.expressions import Literal
from emulator.syntax.parser import parse_function_declaration, parse_query
from emulator.syntax.statements import ScalarParameter
from emulator.types import KqlType, Scalar, Schema
from kql.contracts import FunctionContract, FunctionParameter, ParameterDefault
from kql.errors import DefinitionError
from kql.loader import Header, MarketDatabase, Script, Statement


class DatabaseBinder:
    """The files as a database that the binder can ask; views are bound when they are first named."""

    database = "market"

    def __init__(self, database: MarketDatabase) -> None:
        self._database = database
        self._scripts: dict[str, tuple[Script, Statement]] = {}
        self._tables: dict[str, StoredTable] = {}
        self._functions: dict[str, StoredFunction] = {}
        self._contracts: dict[str, FunctionContract] = {}
        for script in database.scripts:
            for statement in script.entities:
                self._scripts[statement.name] = (script, statement)
        for name, table in database.definitions.tables.items():
            self._tables[name] = _stored(name, table.schema, "table")
        for name, function in database.definitions.functions.items():
            literal = parse_function_declaration(function.parameters, function.body)
            self._functions[name] = StoredFunction(name, literal, function.body, function.docstring, function.folder)

    def table(self, name: str) -> StoredTable | None:
        """Return the table or materialized view of that exact name."""
        if name not in self._tables and name in self._scripts:
            _, statement = self._scripts[name]
            if isinstance(statement.command, DefineMaterializedView):
                self._tables[name] = _stored(name, self._view_schema(statement), "materialized-view")
        return self._tables.get(name)

    def function(self, name: str) -> StoredFunction | None:
        """Return the stored function of that exact name."""
        return self._functions.get(name)

    def table_names(self) -> tuple[str, ...]:
        """Return all table and view names."""
        return tuple(
            name for name, (_, statement) in self._scripts.items() if statement.kind in (Kind.TABLE, Kind.VIEW)
        )

    def function_names(self) -> tuple[str, ...]:
        """Return all stored function names."""
        return tuple(self._functions)

    def contract(self, name: str) -> FunctionContract:
        """Derive the contract of a stored function; a fault in its text is a `DefinitionError` at its line."""
        if name not in self._contracts:
            self._contracts[name] = self._derive(name)
        return self._contracts[name]

    def check(self) -> None:
        """Bind every view and every function, in dependency order."""
        for name, (_, statement) in self._scripts.items():
            match statement.kind:
                case Kind.VIEW:
                    self.table(name)
                case Kind.FUNCTION:
                    self.contract(name)

    def _view_schema(self, statement: Statement) -> Schema:
        command = statement.command
        assert isinstance(command, DefineMaterializedView)  # noqa: S101 - `table` asks only for views
        with _placed(statement, command.query_text):
            return bind_query(parse_query(command.query_text), self).results[0].schema

    def _derive(self, name: str) -> FunctionContract:
        script, statement = self._scripts[name]
        function = self._functions[name]
        command = statement.command
        assert isinstance(command, DefineFunction)  # noqa: S101 - `_functions` holds nothing else
        with _placed(statement, command.body_text):
            signature = bind_function(function, self)
        described = self._described(script)
        parameters = tuple(
            _parameter(parameter, command.parameters_text, described.parameters.get(parameter.name.text, ""))
            for parameter in function.literal.parameters
            if isinstance(parameter, ScalarParameter)
        )
        columns = tuple(
            replace(column, docstring=described.columns.get(column.name, "")) for column in signature.result
        )
        self._check_header(script, {parameter.name for parameter in parameters}, {column.name for column in columns})
        return FunctionContract(name, function.docstring, parameters, Schema(columns))

    def _described(self, script: Script) -> Header:
        """Return the header of a script with what it inherits; its own words come first."""
        parameters: dict[str, str] = {}
        columns: dict[str, str] = {}
        for name in script.header.inherits:
            if name not in self._functions:
                raise DefinitionError(f"no function '{name}' to inherit from", script.file, script.header.lines[name])
            inherited = self._described(self._scripts[name][0])
            parameters |= inherited.parameters
            columns |= inherited.columns
        return Header(parameters | script.header.parameters, columns | script.header.columns)

    def _check_header(self, script: Script, parameters: set[str], columns: set[str]) -> None:
        """Refuse a description of what is not there: it was renamed, or misspelt."""
        for what, described, known in (
            ("parameter", script.header.parameters, parameters),
            ("column", script.header.columns, columns),
        ):
            for name in described:
                if name not in known:
                    raise DefinitionError(
                        f"the header describes a {what} '{name}' that is not there",
                        script.file,
                        script.header.lines[name],
                        f"there are {', '.join(sorted(known)) or 'none'}",
                    )


def check_database(database: MarketDatabase) -> None:
    """Parse and bind every file; the first fault is a `DefinitionError` with its file and line."""
    DatabaseBinder(database).check()


def _stored(name: str, schema: Schema, kind: str) -> StoredTable:
    return StoredTable(Stored(name, name, schema), kind)


def _parameter(parameter: ScalarParameter, text: str, docstring: str) -> FunctionParameter:
    span = parameter.default.span if parameter.default is not None else None
    default_text = text[span.start : span.end] if span is not None else None
    return FunctionParameter(
        parameter.name.text, KqlType(parameter.type), default_text, _default(parameter, default_text), docstring
    )


def _default(parameter: ScalarParameter, text: str | None) -> ParameterDefault:
    match parameter.default:
        case Literal(type=Scalar.TIMESPAN, value=value):
            return None if value is None else text
        case Literal(value=bool() | int() | float() | str() as value):
            return value
        case _:
            return None


@contextmanager
def _placed(statement: Statement, part: str) -> Iterator[None]:
    """Report a fault in a part of a command at its line in the file."""
    try:
        yield
    except KustoError as fault:
        # A fault inside of a called function is reported at the call; the part itself is what this file can mend.
        offset = statement.text.find(part) + fault.span.start if fault.source in ("", part) else 0
        what = f"{statement.kind.value} {statement.name}"
        raise statement.error(f"{what}: {fault.code}: {fault.message}", offset, fault.hint) from fault
