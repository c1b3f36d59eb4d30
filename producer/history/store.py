"""Bulk writes into the landing tables that change nothing when they are repeated.

Before a batch goes out, the rows that the database already holds are left out of it, so that a load which was cut off
continues, and one that was complete writes nothing.
"""

import io
from asyncio import to_thread
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emulator.errors import KustoError
from kql.client import Eventhouse, ParameterValue
from producer.clock import Clock
from producer.landing import Landing
from producer.retry import RetryPolicy, with_retries
from producer.sinks.eventhouse import eventhouse_error

# How a statement came here; the same statement by another way says nothing new.
_PROVENANCE = ("ReceivedAt", "Venue", "Adjustment")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a write has come: rows looked at and rows written, of how many, for which table."""

    table: str
    done: int
    written: int
    total: int


OnProgress = Callable[[Progress], None]


class LandingStore:
    """Writes Arrow tables into landing tables, in Parquet batches.

    Fifty thousand bars make a batch of about two megabytes, below the four that streaming ingestion takes.
    """

    def __init__(
        self,
        eventhouse: Eventhouse,
        clock: Clock,
        *,
        batch_rows: int = 50_000,
        retry: RetryPolicy | None = None,
        random: Random | None = None,
    ) -> None:
        self._eventhouse = eventhouse
        self._clock = clock
        self._batch_rows = batch_rows
        self._retry = retry or RetryPolicy()
        self._random = random or Random()  # noqa: S311 - jitter, not secrets

    async def write(self, landing: Landing, rows: pa.Table, on_progress: OnProgress | None = None) -> int:
        """Write the rows that the landing table does not hold yet; return how many those were."""
        written = 0
        for start in range(0, rows.num_rows, self._batch_rows):
            batch = rows.slice(start, self._batch_rows)

            async def attempt(batch: pa.Table = batch) -> int:
                return await self._write_batch(landing, batch)

            # The look-up is repeated with the write: a batch whose acknowledgement got lost is found to be there.
            written += await with_retries(attempt, self._retry, self._clock, self._random)
            if on_progress:
                on_progress(Progress(landing.table, start + batch.num_rows, written, rows.num_rows))
        return written

    async def _write_batch(self, landing: Landing, batch: pa.Table) -> int:
        try:
            stored = await self._stored(landing, batch)
            fresh = await to_thread(_missing, landing, batch, stored)
            if fresh.num_rows:
                await self._eventhouse.ingest(landing.table, await to_thread(_parquet, fresh), format="parquet")
        except KustoError as error:
            raise eventhouse_error(error) from error
        return int(fresh.num_rows)

    async def _stored(self, landing: Landing, batch: pa.Table) -> pa.Table:
        ranges = batch.group_by("Symbol").aggregate([(landing.time, "min"), (landing.time, "max")]).to_pylist()
        found: list[pa.Table] = []
        for each in ranges:
            parameters: dict[str, ParameterValue] = {
                "_symbol": each["Symbol"],
                "_from": _aware(each[f"{landing.time}_min"]),
                "_to": _aware(each[f"{landing.time}_max"]),
            }
            answer = await self._eventhouse.query(stored_query(landing), parameters=parameters)
            found.append(answer.arrow.select(compared_columns(landing)))
        schema = pa.schema([landing.schema.field(name) for name in compared_columns(landing)])
        return pa.concat_tables([table.cast(schema) for table in found]) if found else schema.empty_table()


def compared_columns(landing: Landing) -> list[str]:
    """Return the columns that tell whether a row says something new."""
    if not landing.restated:
        return list(landing.key)
    return [name for name in landing.schema.names if name not in _PROVENANCE]


def stored_query(landing: Landing) -> str:
    """Return the query for the rows that hold at present in a range of one symbol; its values are parameters."""
    return f"""declare query_parameters(_symbol: string, _from: datetime, _to: datetime);
{landing.stored}(_symbol, _from, _to)
| project {", ".join(compared_columns(landing))}"""


def _missing(landing: Landing, batch: pa.Table, stored: pa.Table) -> pa.Table:
    """Return the rows of the batch that differ from what is stored under their key, or have nothing there."""
    if not stored.num_rows:
        return batch
    keys = list(landing.key)
    values = [name for name in compared_columns(landing) if name not in keys]
    numbered = batch.select(keys + values).append_column("row", pa.array(np.arange(batch.num_rows)))
    right = stored.append_column("is_stored", pa.repeat(True, stored.num_rows))
    joined = numbered.join(right, keys=keys, join_type="left outer", right_suffix=" stored")
    same = pc.fill_null(joined["is_stored"], False)
    for name in values:
        same = pc.and_(same, _is_same(joined[name], joined[f"{name} stored"]))
    missing = joined.filter(pc.invert(same))["row"]
    return batch.take(np.sort(missing.to_numpy()))


def _is_same(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_(pc.and_(pc.is_null(left), pc.is_null(right)), pc.fill_null(pc.equal(left, right), False))


def _parquet(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer)
    return buffer.getvalue()


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)
