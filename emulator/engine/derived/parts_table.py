"""The table that holds the groups of a materialized view, and the statements that change it.

`t` is a row of the table, `x` one that is brought into it; `$time` is the ingestion time of what changes.
"""

from dataclasses import dataclass

from emulator.engine.derived.contribution import Contribution
from emulator.engine.relation_names import GROUP_KEY, INGESTION_TIME
from emulator.sql.ast import (
    ColumnRef,
    From,
    IsNull,
    Item,
    JoinRef,
    Parameter,
    Select,
    Sql,
    Star,
    SubqueryRef,
)
from emulator.sql.build import FALSE, TRUE, and_, case, columns, equal, op, table
from emulator.sql.render import render
from emulator.sql.statements import Assignment, Delete, Insert, Merge, Update

TIME = "time"
FIRST, LAST = "first", "last"
_TIME, _FIRST, _LAST = (Parameter(name, "TIMESTAMP") for name in (TIME, FIRST, LAST))


@dataclass(frozen=True, slots=True)
class PartsTable:
    """A table of groups, as the rows that some contribution adds to it see it."""

    name: str
    added: Contribution

    def append(self, rows: From) -> str:
        """Return the statement that adds rows as groups of their own."""
        items = (*columns(self.added.columns), Item(_TIME, INGESTION_TIME))
        return render(Insert(self.name, Select(items, rows), (*self.added.columns, INGESTION_TIME)))

    def update(self, rows: From) -> str:
        """Return the statement that merges rows, as `x`, into the groups that are there."""
        return render(Update(table(self.name, "t"), self._changes, rows, self._same_group))

    def insert_missing(self, rows: From) -> str:
        """Return the statement that adds those rows, as `x`, whose groups are not there."""
        # With the new groups on the right DuckDB builds its hash table of them, also without the optimizer.
        found = JoinRef("RIGHT", table(self.name, "t"), rows, self._same_group)
        missing = Select((Star("x"),), found, IsNull(ColumnRef(GROUP_KEY, "t")))
        return self.append(SubqueryRef(missing, "m"))

    def merge(self, rows: From) -> str:
        """Return the statement that does both, for any number of rows."""
        added = (*(Assignment(name, ColumnRef(name, "x")) for name in self.added.columns), _changed_now())
        return render(Merge(table(self.name, "t"), rows, self._same_group, self._changes, added))

    def discard_known(self, staged: str) -> str:
        """Return the statement that removes from a table of new groups those that came from `$first` to `$last`."""
        # DuckDB reads no row group that is of other times: 2.6 ms for one hash in a million, 11 for a thousand.
        time = ColumnRef(INGESTION_TIME)
        then = and_((op(">=", time, _FIRST), op("<=", time, _LAST)))
        known = SubqueryRef(Select((Star(),), table(self.name), then), "t")
        return render(Delete(table(staged, "x"), known, self._same_group))

    def delete(self, groups: From) -> str:
        """Return the statement that removes groups."""
        return render(Delete(table(self.name, "t"), groups, self._same_group))

    @property
    def _same_group(self) -> Sql:
        by_hash = equal(ColumnRef(GROUP_KEY, "t"), ColumnRef(GROUP_KEY, "x"))
        keys = tuple(op("IS NOT DISTINCT FROM", ColumnRef(key, "t"), ColumnRef(key, "x")) for key in self.added.keys)
        if not keys:
            return by_hash
        # Only the hash may look like a join key to DuckDB: with it alone it probes the index in place of a scan.
        return and_((by_hash, case((and_(keys), TRUE), otherwise=FALSE)))

    @property
    def _changes(self) -> tuple[Assignment, ...]:
        parts = tuple(Assignment(part.name, part.merged) for part in self.added.parts if part.merged is not None)
        return (*parts, _changed_now())


def new_groups(parts: str) -> str:
    """Return the temporary table that stages rows on their way into a table of groups."""
    return f"$new_{parts}"


def _changed_now() -> Assignment:
    return Assignment(INGESTION_TIME, _TIME)
