"""What the writer knows of the groups of materialized views, so that a small batch need not search them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emulator.engine.relation_names import GROUP_KEY, INGESTION_TIME
from emulator.engine.session.session import Session
from emulator.engine.storage.known_keys import Hashes, KnownKeys, Span
from emulator.sql.ast import ColumnRef, Item, Select, Star
from emulator.sql.build import call, columns, lit, op, table
from emulator.sql.render import render

_ROWS = 1 << 17
# So many groups are known, by 64 MB, however long ago they came: those of a month, if 100 trades come in a second of
# the market. Of more a lookback lets go.
_KEPT_KEYS = 1 << 24


class KnownGroups:
    """Groups by the relation that holds them, loaded when first asked for.

    What a transaction adds and takes back stays remembered: it may be taken for present, never for absent.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._counts: dict[str, int] = {}
        self._keys: dict[str, KnownKeys] = {}

    def count(self, relation: str) -> int:
        """Return how many groups a relation has at most."""
        if relation not in self._counts:
            self._counts[relation] = count_rows(self._session.connection, relation)
        return self._counts[relation]

    def added(self, relation: str, count: int) -> None:
        """Count groups that were added to a relation."""
        if relation in self._counts:
            self._counts[relation] += count

    def merged(self, relation: str) -> None:
        """Count anew, when next asked, a relation to which nobody knows how many groups were added."""
        self._counts.pop(relation, None)

    def has_keys(self, relation: str, since: datetime | None) -> bool:
        """Tell whether the hashes of a relation are known, of all groups that came since a time (None: of all)."""
        known = self._keys.get(relation)
        if known is None or known.forgotten is None:
            return known is not None
        return since is not None and known.forgotten < since

    def load_keys(self, relation: str, since: datetime | None) -> None:
        """Read the hashes of a relation, 60 to 240 ns for each.

        Where there are too many, those of groups that came before `since` (None: all count) are left out.
        """
        # Until it is whole it must not be asked.
        known = KnownKeys()
        first = self._first_kept(relation, since)
        if first is not None:
            known.forgotten = first - timedelta(microseconds=1)
        for hashes, span in self._stored(relation, first):
            known.add(hashes, span)
        self._keys[relation] = known

    def spans(self, relation: str, hashes: Hashes) -> Sequence[Span]:
        """Return the ingestion times among which a relation, whose hashes are known, may have groups of these."""
        return self._keys[relation].spans(hashes)

    def remember(self, relation: str, hashes: Hashes, time: datetime, since: datetime | None) -> None:
        """Hold the hashes of groups that a relation, whose hashes are known, has from now on."""
        known = self._keys[relation]
        known.add(hashes, Span(time, time))
        if since is not None:
            known.forget(since, _KEPT_KEYS)

    def keep(self, relations: Collection[str]) -> None:
        """Forget all but the hashes of these relations.

        They are those of the views that stay after a change of the catalog, or were there before what was taken back.
        Nothing but upkeep adds to them, and none ever comes again as another.
        """
        self._counts.clear()
        self._keys = {relation: known for relation, known in self._keys.items() if relation in relations}

    def _first_kept(self, relation: str, since: datetime | None) -> datetime | None:
        connection = self._session.connection
        surplus = count_rows(connection, relation) - _KEPT_KEYS
        if since is None or surplus <= 0:
            return None
        query = Select(columns((INGESTION_TIME,)), table(relation), limit=lit(1), offset=lit(surplus))
        first: datetime
        ((first,),) = connection.execute(render(query)).fetchall()
        return min(since, first)

    def _stored(self, relation: str, first: datetime | None) -> Iterator[tuple[Hashes, Span]]:
        condition = (
            None if first is None else op(">=", ColumnRef(INGESTION_TIME), lit(first.isoformat(sep=" "), "TIMESTAMP"))
        )
        query = render(Select(columns((GROUP_KEY, INGESTION_TIME)), table(relation), condition))
        reader: pa.RecordBatchReader = self._session.connection.execute(query).to_arrow_reader(_ROWS)
        for batch in reader:
            times = pc.min_max(batch.column(1)).as_py()
            yield np.asarray(batch.column(0), np.uint64), Span(times["min"], times["max"])


def count_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Return the number of rows of a relation."""
    query = Select((Item(call("count", Star()), "rows"),), table(relation))
    (row,) = connection.execute(render(query)).fetchall()
    return int(row[0])
