"""The temporary tables of a connection, which transactions fill and leave empty.

Nothing that a batch does may change a catalog, temporary ones included, since that would make all kept plans stale. So
the tables stay, and their rows are removed in the transaction that added them, which leaves no trace in a table.
"""

from collections.abc import Callable

from emulator.engine.session.session import Session
from emulator.sql.build import table
from emulator.sql.render import render
from emulator.sql.statements import Delete


class TemporaryTables:
    """The temporary tables and views that a session has, and those that its transaction has put rows into."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._definitions: dict[str, str] = {}
        self._clearing: dict[str, str] = {}
        self._filled: set[str] = set()
        self._has_defined = False

    def define(self, name: str, definition: str, create: Callable[[], str] | None = None) -> None:
        """Make a temporary relation, unless the session has it already with this definition.

        The definition is a `CREATE OR REPLACE`, or whatever `create` makes one from.
        """
        if self._definitions.get(name) != definition:
            self.session.release_plans()
            self.session.connection.execute(definition if create is None else create())
            self._definitions[name] = definition
            self._clearing[name] = render(Delete(table(name)))
            self._has_defined = True

    def empty(self, name: str) -> None:
        """Remove what the transaction has put into a table that is defined, and count it as filled from now on."""
        if name in self._filled:
            self._clear(name)
        self._filled.add(name)

    def stayed_empty(self, name: str) -> None:
        """Take back that the transaction has filled a table."""
        self._filled.discard(name)

    def clear(self) -> None:
        """Remove all rows, before the transaction that added them commits."""
        for name in sorted(self._filled):
            self._clear(name)
        self._filled.clear()

    def end_transaction(self) -> None:
        """Keep the tables; DuckDB keeps no plan from the transaction that defined one, so those are made anew."""
        if self._has_defined:
            self.session.release_plans()
            self._has_defined = False

    def forget(self) -> None:
        """Define all tables anew: a rollback took them along, or a change of the catalog has made them another's."""
        self._definitions.clear()
        self._filled.clear()
        self._has_defined = False

    def _clear(self, name: str) -> None:
        self.session.execute(self._clearing[name], {}, 0)
