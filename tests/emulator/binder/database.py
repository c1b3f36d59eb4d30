"""A small database for binder tests: tables, a view and stored functions, without rows."""

from emulator.binder.entities import StoredFunction, StoredTable
from emulator.binder.plan import Stored
from emulator.syntax.parser import parse_function_declaration
from emulator.types import ALIASES, Column, KqlType, Schema

TABLES = {
    "Trades": "Symbol:string, Timestamp:datetime, Price:real, Size:long",
    "Companies": "Symbol:string, Name:string, Founded:int",
    "Events": "Id:guid, At:datetime, Length:timespan, Tags:dynamic, Amount:decimal, Done:bool",
}
VIEWS = {"LastTrade": "Symbol:string, Timestamp:datetime, Price:real"}
FUNCTIONS = {
    "TradesOf": (
        "(symbol: string, since: datetime = datetime(null))",
        "Trades | where Symbol == symbol and Timestamp >= since",
    ),
    "Doubled": ("(x: real)", "x * 2"),
    "AllSymbols": ("()", "Trades | distinct Symbol"),
    "Broken": ("()", "Trades\n| where Prise > 1"),
    "Ping": ("(n: long)", "Pong(n)"),
    "Pong": ("(n: long)", "Ping(n)"),
    "Newest": ("(T: (Timestamp: datetime), n: long = 1)", "T | top n by Timestamp"),
    "Everything": ("(T: (*))", "T | count"),
}


class SampleDatabase:
    """The entities above, as the binder asks for them."""

    database = "Sample"

    def table(self, name: str) -> StoredTable | None:
        columns = {**TABLES, **VIEWS}.get(name)
        if columns is None:
            return None
        kind = "materialized-view" if name in VIEWS else "table"
        return StoredTable(Stored(name, f"id-{name}", schema(columns)), kind)

    def function(self, name: str) -> StoredFunction | None:
        if name not in FUNCTIONS:
            return None
        parameters, body = FUNCTIONS[name]
        return StoredFunction(name, parse_function_declaration(parameters, body), body)

    def table_names(self) -> tuple[str, ...]:
        return (*TABLES, *VIEWS)

    def function_names(self) -> tuple[str, ...]:
        return tuple(FUNCTIONS)


def schema(text: str) -> Schema:
    """Read `Name:type, Name:type`."""
    columns = [column.strip().split(":") for column in text.split(",")]
    return Schema(tuple(Column(name, KqlType(ALIASES[type_])) for name, type_ in columns))
