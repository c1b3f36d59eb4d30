"""The events of one partition into a table, with the mark that says how far; what is refused, to the dead letters."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from emulator.engine.writing.marks import IMMOVABLE, IMMOVABLE_CODE, Stretch
from emulator.errors import EngineFault, KustoError
from emulator.eventhubs.data_connection.dead_letters import DeadLetters, dead_letter
from emulator.eventhubs.data_connection.left_threads import call_in_thread
from emulator.eventhubs.data_connection.records import Records, read_records
from emulator.eventhubs.data_connection.refusals import INTERNAL, Alone, is_heavy, is_refusal
from emulator.eventhubs.hubs.messages import Event

_LOGGER = logging.getLogger(__name__)


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


@dataclass(slots=True)
class _Trials:
    """How many requests may still look for what of an event can be stored."""

    left: int = 200


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
        self._alone = Alone()

    async def ask(self) -> int | None:
        """Return the sequence number to go on from, None where nothing is stored yet."""
        self._kept = await call_in_thread(lambda: self._table.mark(self._mark))
        return self._kept

    async def store(self, events: Sequence[Event]) -> None:
        """Store events that follow on the mark. Raises KustoError; what is stored then, only the mark knows."""
        records = [read_records(event) for event in events]
        await self._keep([each for each in records if each.problem])
        await self._store(records)

    async def _store(self, records: Sequence[Records]) -> None:
        """Store records; those that are refused for good are found by halves, and go to the dead letters."""
        try:
            await self._ingest(records)
        except KustoError as error:
            if not is_refusal(error) and not is_heavy(error):
                raise
            if (standing := await self._refusal(())) is not None:
                # Not even nothing can be stored: it is not for the events.
                raise standing from error
            if len(records) > 1:
                middle = len(records) // 2
                await self._store(records[:middle])
                await self._store(records[middle:])
            elif is_refusal(error):
                await self._refuse(records[0], error)
            elif self._alone.is_hopeless(records[0].event.sequence):
                await self._give_up(records[0], error)
            else:
                raise

    async def _refuse(self, records: Records, error: KustoError) -> None:
        """Store what can be stored of an event, and keep the whole as a dead letter."""
        left = await self._storable(records.lines, _Trials()) if len(records.lines) > 1 else ()
        if left:
            refused = len(records.lines) - len(left)
            reason = f"{refused} of {len(records.lines)} records are refused: {error.message}"
            problem = f"{records.problem}, {reason}" if records.problem else reason
            await self._keep([replace(records, problem=problem)])
            try:
                await self._ingest([replace(records, lines=left, problem=problem)])
            except KustoError as again:
                # Each of them can be stored, but not together.
                if not is_refusal(again):
                    raise
            else:
                return
        await self._give_up(records, error)

    async def _give_up(self, records: Records, error: KustoError) -> None:
        letter = Records(records.event, (), error.message)
        await self._keep([letter])
        await self._ingest([letter])

    async def _storable(self, lines: tuple[bytes, ...], trials: _Trials) -> tuple[bytes, ...]:
        """Return the lines that are not refused, found by halves; none where that would take too many trials."""
        if not lines or trials.left == 0:
            return ()
        trials.left -= 1
        if await self._refusal(lines) is None:
            return lines
        if len(lines) == 1:
            return ()
        middle = len(lines) // 2
        return (*await self._storable(lines[:middle], trials), *await self._storable(lines[middle:], trials))

    async def _refusal(self, lines: Sequence[bytes]) -> KustoError | None:
        """Return why lines are refused, None if they would be stored. Raises KustoError where nobody knows.

        Nothing is stored: they are sent with a mark that cannot move, which is told when all else has been computed.
        """
        try:
            await self._call(b"\n".join(lines), {self._mark: IMMOVABLE})
        except KustoError as error:
            if error.code == IMMOVABLE_CODE:
                return None
            if is_refusal(error):
                return error
            raise
        return None

    async def _keep(self, records: Sequence[Records]) -> None:
        """Keep dead letters, before the rows, whose mark ends the chance to do so."""
        if records:
            hub, partition = self._source.hub, self._source.partition
            letters = [dead_letter(hub, partition, each.event, each.problem) for each in records]
            await asyncio.to_thread(self._letters.keep, letters)

    async def _ingest(self, records: Sequence[Records]) -> None:
        stretch = Stretch(self._kept, records[-1].event.sequence + 1)
        lines = b"\n".join(line for each in records for line in each.lines)
        self.stored += await self._call(lines, {self._mark: stretch})
        self._kept = stretch.until
        self.dead_letters += sum(bool(each.problem) for each in records)

    async def _call(self, data: bytes, marks: Mapping[str, Stretch]) -> int:
        try:
            return await call_in_thread(
                lambda: self._table.ingest(
                    self._destination.table,
                    data,
                    format="json",
                    mapping=self._destination.mapping,
                    database=self._destination.database,
                    marks=marks,
                )
            )
        except (KustoError, OSError):
            raise
        except Exception as error:
            _LOGGER.exception("the Eventhouse failed on %d bytes of events", len(data))
            raise EngineFault(f"the Eventhouse failed: {type(error).__name__}", INTERNAL) from error
