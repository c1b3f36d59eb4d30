"""What a definition command changes in one entity; the engine and whoever reads `.kql` files share these rules."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from emulator.errors import KustoError, SemanticFault
from emulator.schema.entities import Entity, Function, IngestionMapping, MaterializedView, Policies, Table
from emulator.schema.user_json import read_user_json
from emulator.syntax.commands import (
    DefineFunction,
    DefineMaterializedView,
    DefineVerb,
    EntityKind,
    Properties,
    Property,
    property_text,
)
from emulator.syntax.expressions import DynamicLiteral, Literal
from emulator.syntax.operators import ColumnDeclaration
from emulator.types import Column, KqlType, Scalar, Schema

T = TypeVar("T", bound=Table)
E = TypeVar("E", bound=Entity)
V = TypeVar("V", bound=MaterializedView)


def declared_schema(declarations: tuple[ColumnDeclaration, ...]) -> Schema:
    """Return the columns of a definition; names must differ."""
    seen: set[str] = set()
    for declaration in declarations:
        if declaration.name.text in seen:
            raise SemanticFault(
                f"Column '{declaration.name.text}' is declared twice.", "BadRequest_DuplicateColumn", declaration.span
            )
        seen.add(declaration.name.text)
    return Schema(tuple(Column(each.name.text, KqlType(each.type)) for each in declarations))


def merged_schema(table: Table, declared: Schema) -> Schema:
    """Append columns that the table lacks; the types of the others must agree."""
    _require_same_types(table, declared)
    added = tuple(column for column in declared if table.schema.find(column.name) is None)
    return Schema((*table.schema.columns, *added))


def altered_schema(table: Table, declared: Schema) -> Schema:
    """Take the declared columns in their order; columns that stay keep their docstrings and types."""
    _require_same_types(table, declared)
    return Schema(tuple(table.schema.find(column.name) or column for column in declared))


def redefined_schema(table: Table, verb: DefineVerb, declared: Schema) -> Schema:
    """Return the columns of a table that exists after `.<verb> table`."""
    match verb:
        case DefineVerb.CREATE:
            # create-table-command.md: an existing table stays as it is, and the command succeeds.
            return table.schema
        case DefineVerb.CREATE_MERGE | DefineVerb.ALTER_MERGE:
            return merged_schema(table, declared)
        case DefineVerb.ALTER | DefineVerb.CREATE_OR_ALTER:
            return altered_schema(table, declared)


def with_texts(table: T, verb: DefineVerb, properties: Properties) -> T:
    """Return a table with the folder and docstring of `.<verb> table`: to create leaves them, to alter resets them."""
    folder, docstring = property_text(properties, "folder"), property_text(properties, "docstring")
    match verb:
        case DefineVerb.CREATE:
            return table
        case DefineVerb.ALTER | DefineVerb.CREATE_OR_ALTER:
            return replace(table, folder=folder or "", docstring=docstring or "")
        case DefineVerb.CREATE_MERGE | DefineVerb.ALTER_MERGE:
            return replace(
                table,
                folder=table.folder if folder is None else folder,
                docstring=table.docstring if docstring is None else docstring,
            )


def with_text(entity: E, field: str, text: str) -> E:
    """Return an entity with another docstring or folder."""
    return replace(entity, docstring=text) if field.lower() == "docstring" else replace(entity, folder=text)


def with_column_docstrings(table: T, docstrings: Mapping[str, str], *, merge: bool) -> T:
    """Return a table with docstrings of columns; without merge, those not named lose theirs."""
    columns = (
        replace(column, docstring=docstrings.get(column.name, column.docstring if merge else ""))
        for column in table.schema
    )
    return replace(table, schema=Schema(tuple(columns)))


def defined_function(command: DefineFunction, before: Function | None) -> Function:
    """Return a function as a command defines it; folder and docstring stay where it does not name them."""
    folder, docstring = property_text(command.properties, "folder"), property_text(command.properties, "docstring")
    kept = ("", "") if before is None else (before.folder, before.docstring)
    return Function(
        command.name.text,
        command.parameters_text,
        command.body_text,
        kept[0] if folder is None else folder,
        kept[1] if docstring is None else docstring,
    )


def defined_view(command: DefineMaterializedView, before: MaterializedView | None) -> MaterializedView:
    """Return a view as a command defines it; properties stay where it does not name them."""
    source, on_view = command.source.name or "", command.source.kind is EntityKind.MATERIALIZED_VIEW
    if before is None:
        view = MaterializedView(command.name.text, source, on_view, command.query_text)
    else:
        view = replace(before, source=source, on_view=on_view, query=command.query_text)
    return with_view_properties(view, command.properties)


def with_view_properties(view: V, properties: Properties) -> V:
    """Return a view with the properties of its definition that a catalog keeps."""
    for each in properties:
        match each.name.lower():
            case "folder":
                view = replace(view, folder=each.text)
            case "docstring":
                view = replace(view, docstring=each.text)
            case "lookback":
                view = replace(view, lookback=_ticks(each))
            case "lookback_column":
                view = replace(view, lookback_column=each.text)
            case "autoupdateschema":
                view = replace(view, auto_update_schema=each.text.lower() == "true")
            case "dimensiontables":
                view = replace(view, dimension_tables=_names(each))
            case _:
                pass
    return view


def with_mapping(mappings: tuple[IngestionMapping, ...], mapping: IngestionMapping) -> tuple[IngestionMapping, ...]:
    """Return mappings with one added or replaced; the new one stands last."""
    others = (each for each in mappings if (each.kind, each.name) != (mapping.kind, mapping.name))
    return (*others, mapping)


def with_policy(policies: Policies, name: str, text: str | None) -> Policies:
    """Return policies with one set, or removed where there is no text."""
    left = {key: value for key, value in policies.items() if key != name}
    return left if text is None else {**left, name: text}


def column_policy(column: str, policy: str) -> str:
    """Return the key of a column's policy among those of its table."""
    return f"column {column} {policy}"


def _require_same_types(table: Table, declared: Schema) -> None:
    for column in declared:
        existing = table.schema.find(column.name)
        if existing is not None and existing.type != column.type:
            raise KustoError(
                f"Table '{table.name}': column '{column.name}' is of type '{existing.type}' and cannot become "
                f"'{column.type}'.",
                "BadRequest_ColumnTypeMismatch",
                hint="`.alter column` changes a type, and loses the column's values",
            )


def _ticks(property_: Property) -> int:
    match property_.value:
        case Literal(Scalar.TIMESPAN, int() as ticks):
            return ticks
        case _:
            raise KustoError(
                f"'{property_.name}' is a timespan.", "BadRequest_InvalidProperty", property_.span, hint="such as 6h"
            )


def _names(property_: Property) -> tuple[str, ...]:
    if isinstance(property_.value, DynamicLiteral):
        try:
            names = read_user_json(property_.value.text)
        except ValueError as error:
            raise _bad_names(property_) from error
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise _bad_names(property_)
        return tuple(names)
    return tuple(name.strip() for name in property_.text.split(",") if name.strip())


def _bad_names(property_: Property) -> KustoError:
    return KustoError(
        f"The property '{property_.name}' takes the names of tables, found {property_.text}",
        "BadRequest_InvalidProperty",
        property_.span,
        hint='write dynamic(["Table1", "Table2"])',
    )
