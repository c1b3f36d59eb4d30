"""Schemas as commands show them: csl text, and Kusto's JSON documents."""

from emulator.binder.bind import FunctionSignature, bind_function
from emulator.engine.catalog.entities import Entities, stored_function
from emulator.engine.catalog.records import Database, Table, View
from emulator.errors import KustoError
from emulator.schema.entities import Function
from emulator.syntax.statements import Parameter, ScalarParameter, TabularParameter
from emulator.types import Column, KqlType, Scalar, Schema

# .NET's names of the column types, as `.show … schema` prints them.
DOTNET_TYPES: dict[Scalar, str] = {
    Scalar.BOOL: "System.SByte",
    Scalar.INT: "System.Int32",
    Scalar.LONG: "System.Int64",
    Scalar.REAL: "System.Double",
    Scalar.DECIMAL: "System.Data.SqlTypes.SqlDecimal",
    Scalar.STRING: "System.String",
    Scalar.DATETIME: "System.DateTime",
    Scalar.TIMESPAN: "System.TimeSpan",
    Scalar.GUID: "System.Guid",
    Scalar.DYNAMIC: "System.Object",
}


def dotnet_type(type_: KqlType) -> str:
    """Return .NET's name of a column type."""
    return DOTNET_TYPES[type_.scalar]


def ordered_columns(schema: Schema) -> list[dict[str, str]]:
    """Describe columns as Kusto's JSON schemas do."""
    return [_column(column) for column in schema]


def table_document(table: Table | View) -> dict[str, object]:
    """Describe a table, or the columns of a view, as one entry of a database's JSON schema."""
    document: dict[str, object] = {"Name": table.name, "OrderedColumns": ordered_columns(table.schema)}
    if table.folder:
        document["Folder"] = table.folder
    if table.docstring:
        document["DocString"] = table.docstring
    return document


def function_document(database: Database, function: Function, *, resolved: bool) -> dict[str, object]:
    """Describe a function; `resolved` adds its output columns where it binds."""
    signature = signature_of(database, function)
    parameters = [_parameter(parameter) for parameter in stored_function(function).literal.parameters]
    document: dict[str, object] = {
        "Name": function.name,
        "InputParameters": parameters,
        "Body": function.body,
        "Folder": function.folder,
        "DocString": function.docstring,
        "FunctionKind": "Unknown"
        if signature is None
        else "ViewFunction"
        if signature.is_tabular
        else "ScalarFunction",
        "OutputColumns": [],
    }
    if resolved and signature is not None:
        document["OutputColumns"] = [{**_column(column)} for column in signature.result]
    return document


def _parameter(parameter: Parameter) -> dict[str, object]:
    match parameter:
        case ScalarParameter(name, type_):
            return {"Name": name.text, **_type(KqlType(type_))}
        case TabularParameter(name, columns):
            described = [{"Name": each.name.text, **_type(KqlType(each.type))} for each in columns or ()]
            return {"Name": name.text, "Columns": described}


def signature_of(database: Database, function: Function) -> FunctionSignature | None:
    """Bind a function by itself; None where it does not bind now."""
    try:
        return bind_function(stored_function(function), Entities(database))
    except KustoError:
        return None


def _column(column: Column) -> dict[str, str]:
    described = {"Name": column.name, **_type(column.type)}
    if column.docstring:
        described["DocString"] = column.docstring
    return described


def _type(type_: KqlType) -> dict[str, str]:
    return {"Type": dotnet_type(type_), "CslType": str(type_)}
