"""An Eventhouse that keeps its tables in memory and answers the one kind of query the store asks."""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emulator.context import ParameterValue
from emulator.errors import KustoError
from emulator.result import ResultTable
from emulator.types import Schema
from kql.client import IngestFormat, IngestionResult
from producer.landing import CORPORATE_ACTIONS, DAILY_BARS, INTRADAY_BARS, TRADES

LANDINGS = {landing.table: landing for landing in (TRADES, DAILY_BARS, INTRADAY_BARS, CORPORATE_ACTIONS)}


class MemoryEventhouse:
    """`faults` are raised by the next ingestions, before or after the rows are kept."""

    database = "market"

    def __init__(self) -> None:
        self.tables = {name: landing.schema.empty_table() for name, landing in LANDINGS.items()}
        self.json_batches: list[list[dict[str, object]]] = []
        self.mappings: list[str | None] = []
        self.batches: list[tuple[str, int]] = []
        self.faults_before: list[KustoError] = []
        self.faults_after: list[KustoError] = []

    async def ingest(
        self, table: str, data: bytes, *, format: IngestFormat, mapping: str | None = None
    ) -> IngestionResult:
        if self.faults_before:
            raise self.faults_before.pop(0)
        if format == "json":
            lines = [orjson.loads(line) for line in data.splitlines()]
            self.json_batches.append(lines)
            self.mappings.append(mapping)
            return IngestionResult(len(lines))
        rows = pq.read_table(io.BytesIO(data))
        assert rows.schema.equals(LANDINGS[table].schema)
        self.tables[table] = pa.concat_tables([self.tables[table], rows])
        self.batches.append((table, rows.num_rows))
        if self.faults_after:
            raise self.faults_after.pop(0)
        return IngestionResult(rows.num_rows)

    async def query_all(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> Sequence[ResultTable]:
        return [await self.query(text, parameters=parameters, options=options)]

    async def query(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> ResultTable:
        found = re.search(r"^(\w+)\(_symbol, _from, _to\)$", text, re.MULTILINE)
        assert found
        assert parameters
        (landing,) = (each for each in LANDINGS.values() if each.stored == found[1])
        rows = self.tables[landing.table]
        times = rows[landing.time]
        rows = rows.filter(
            pc.and_(
                pc.equal(rows["Symbol"], parameters["_symbol"]),
                pc.and_(
                    pc.greater_equal(times, _naive(parameters["_from"])),
                    pc.less_equal(times, _naive(parameters["_to"])),
                ),
            )
        )
        latest = {tuple(row[name] for name in landing.key): row for row in rows.to_pylist()}
        return ResultTable(Schema(), pa.Table.from_pylist(list(latest.values()), schema=rows.schema))

    async def command(self, text: str) -> ResultTable:
        raise AssertionError(f"no command is expected, found {text}")

    async def close(self) -> None: ...


def _naive(value: ParameterValue) -> datetime:
    assert isinstance(value, datetime)
    assert value.tzinfo is not None
    return value.replace(tzinfo=None)
