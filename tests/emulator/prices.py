"""A small database for the passes: two tables of prices, and how a query over them is planned and run."""

from datetime import datetime

import duckdb

from emulator.binder.entities import NoEntities, StoredTable
from emulator.binder.plan import Stored
from emulator.context import ParameterValue, RequestProperties
from emulator.engine.running.execute import execute, prepare_connection
from emulator.engine.running.query import CompiledQuery, compile_query
from emulator.sql.ast import From, TableRef
from emulator.types import DATETIME, LONG, REAL, STRING, Column, Schema

NOON = datetime(2026, 1, 5, 12)  # noqa: DTZ001 - the engine's datetimes are naive UTC
COLUMNS = (Column("Symbol", STRING), Column("Timestamp", DATETIME), Column("Price", REAL), Column("Size", LONG))


class Prices(NoEntities):
    """Tables `Days` and `Minutes` with ten rows each, and `None`, which has none."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        prepare_connection(self.connection)
        for name, rows, step in (("Days", 10, "1 DAY"), ("Minutes", 10, "1 MINUTE"), ("None", 0, "1 DAY")):
            self.connection.execute(
                f"CREATE TABLE \"{name}\" AS SELECT CASE WHEN i % 2 = 0 THEN 'A' ELSE 'B' END AS \"Symbol\","  # noqa: S608 - fixed names
                f' TIMESTAMP \'2026-01-01\' + i * INTERVAL {step} AS "Timestamp", i * 1.5e0 AS "Price",'
                f' i AS "Size" FROM range({rows}) AS r(i)'
            )

    def table(self, name: str) -> StoredTable | None:
        known = name in self.table_names()
        return StoredTable(Stored(name, name, Schema(COLUMNS))) if known else None

    def table_names(self) -> tuple[str, ...]:
        return ("Days", "Minutes", "None")

    def relation(self, stored: Stored, alias: str, names: tuple[str, ...]) -> From:
        return TableRef((stored.identity,), alias)

    def compiled(self, text: str) -> CompiledQuery:
        return compile_query(text, self, self)

    def rows(self, query: str | CompiledQuery, **parameters: ParameterValue) -> list[tuple[object, ...]]:
        compiled = self.compiled(query) if isinstance(query, str) else query
        (result,) = execute(compiled, self.connection, RequestProperties(parameters), NOON)
        return list(result.rows())

    def sql(self, text: str) -> str:
        """Return the statement that a text takes."""
        (result,) = self.compiled(text).results
        return result.statement.sql
