"""What the writer knows of the groups of materialized views, so that a small batch need not search them."""

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

from emulator.engine.relation_names import GROUP_KEY
from emulator.engine.session.session import Session
from emulator.engine.storage.known_keys import Hashes, KnownKeys
from emulator.sql.ast import Item, Select, Star
from emulator.sql.build import call, columns, table
from emulator.sql.render import render

_ROWS = 1 << 20
# To load so many keys takes two seconds, and to hold them 32 MB; a view with more is searched.
_MOST_KEYS = 1 << 23


class KnownGroups:
    """Groups by the relation that holds them, loaded when first asked for.

    What a transaction adds and takes back stays remembered: it may be taken for present, never for absent.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._counts: dict[str, int] = {}
        self._keys: dict[str, KnownKeys] = {}
        self._loaded_now: set[str] = set()

    def count(self, relation: str) -> int:
        """Return how many groups a relation has at most."""
        if relation not in self._counts:
            self._loaded_now.add(relation)
            self._counts[relation] = count_rows(self._session.connection, relation)
        return self._counts[relation]

    def added(self, relation: str, count: int) -> None:
        """Count groups that were added to a relation."""
        if relation in self._counts:
            self._counts[relation] += count

    def merged(self, relation: str) -> None:
        """Count anew, when next asked, a relation to which nobody knows how many groups were added."""
        self._counts.pop(relation, None)

    def may_hold_any(self, relation: str, hashes: Hashes) -> bool:
        """Return False only where a relation certainly has no group of these hashes."""
        if self.count(relation) > _MOST_KEYS:
            self._keys.pop(relation, None)
            return True
        if relation not in self._keys:
            self._loaded_now.add(relation)
            self._keys[relation] = known = KnownKeys()
            for loaded in self._stored(relation):
                known.add(loaded)
        return self._keys[relation].may_hold_any(hashes)

    def remember(self, relation: str, hashes: Hashes) -> None:
        """Hold the hashes of groups that a relation has from now on, if its hashes are held at all."""
        if relation in self._keys:
            self._keys[relation].add(hashes)

    def end_transaction(self) -> None:
        """Keep what was loaded."""
        self._loaded_now.clear()

    def roll_back(self) -> None:
        """Forget what was loaded in a transaction that is gone: its relations may come again as others."""
        for relation in self._loaded_now:
            self._counts.pop(relation, None)
            self._keys.pop(relation, None)
        self._loaded_now.clear()

    def forget(self) -> None:
        """Start anew after a change of the catalog, which may have made or filled relations."""
        self._counts.clear()
        self._keys.clear()
        self._loaded_now.clear()

    def _stored(self, relation: str) -> Iterator[Hashes]:
        query = render(Select(columns((GROUP_KEY,)), table(relation)))
        reader: pa.RecordBatchReader = self._session.connection.execute(query).to_arrow_reader(_ROWS)
        for batch in reader:
            yield np.asarray(batch.column(0), np.uint64)


def count_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Return the number of rows of a relation."""
    query = Select((Item(call("count", Star()), "rows"),), table(relation))
    (row,) = connection.execute(render(query)).fetchall()
    return int(row[0])
