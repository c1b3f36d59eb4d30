"""The events of one partition into a table, with the mark that says how far; what is no record, to the dead letters."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from emulator.engine.writing.marks import Stretch
from emulator.errors import KustoError
from emulator.eventhubs.data_connection.dead_letters import DeadLetters, dead_letter
from emulator.eventhubs.data_connection.records import Records, read_records
from emulator.eventhubs.hubs.messages import Event

_UNREADABLE = frozenset({"BadRequest_InvalidJson", "BadRequest_InvalidEncoding"})


class Table(Protocol):
    """An Eventhouse as a data connection needs it: the engine in this process, or `RemoteTable`."""

    def ingest(
        self,
        table: str,
        data: bytes,
        *,
        format: str,
        mapping: str | None = None,
        database: str | None = None,
        marks: Mapping[str, Stretch] | None = None,
    ) -> int:
        """Store rows and marks in one transaction; StaleMark where a mark is not where its stretch begins."""

    def mark(self, name: str) -> int | None:
        """Return a mark, None for a source never read."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the rows go."""

    table: str
    mapping: str | None = None
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What is stored: a partition of a hub, for a connection of a name."""

    connection: str
    hub: str
    identity: str
    partition: str

    def mark(self, destination: Destination) -> str:
        """Return the name of the mark.

        The identity keeps a hub that was made anew from being taken for the one that was read.
        """
        place = f"{destination.database or ''}/{destination.table}"
        return f"{self.connection}/{place}/{self.hub}/{self.identity}/{self.partition}"


class PartitionStore:
    """Stores the events of one partition, each once, in their order."""

    def __init__(self, table: Table, destination: Destination, source: Source, dead_letters: DeadLetters) -> None:
        self.stored = 0
        self.dead_letters = 0
        self._table = table
        self._destination = destination
        self._source = source
        self._mark = source.mark(destination)
        self._letters = dead_letters
        self._kept: int | None = None

    async def ask(self) -> int | None:
        """Return the sequence number to go on from, None where nothing is stored yet."""
        self._kept = await asyncio.to_thread(self._table.mark, self._mark)
        return self._kept

    async def store(self, events: Sequence[Event]) -> None:
        """Store events that follow on the mark. Raises KustoError; what is stored then, only the mark knows."""
        records = [read_records(event) for event in events]
        letters = [
            dead_letter(self._source.hub, self._source.partition, each.event, each.problem)
            for each in records
            if each.problem
        ]
        if letters:
            # Before the rows, whose mark ends the chance to do so.
            await asyncio.to_thread(self._letters.keep, letters)
        try:
            await self._ingest(records)
        except KustoError as error:
            if error.code not in _UNREADABLE:
                raise
            if len(events) > 1:
                await self.store(events[: len(events) // 2])
                await self.store(events[len(events) // 2 :])
                return
            letters.append(dead_letter(self._source.hub, self._source.partition, events[0], error.message))
            await asyncio.to_thread(self._letters.keep, letters[-1:])
            await self._ingest([Records(events[0], ())])
        self.dead_letters += len(letters)

    async def _ingest(self, records: Sequence[Records]) -> None:
        stretch = Stretch(self._kept, records[-1].event.sequence + 1)
        self.stored += await asyncio.to_thread(
            self._table.ingest,
            self._destination.table,
            b"\n".join(line for each in records for line in each.lines),
            format="json",
            mapping=self._destination.mapping,
            database=self._destination.database,
            marks={self._mark: stretch},
        )
        self._kept = stretch.until
