"""Plans that a connection keeps: made once without DuckDB's optimizer, and run by name.

DuckDB keeps such a plan until a catalog it reads from changes, unless a parameter stands in the statement twice, or in
a LIMIT, or gets a value of another type (measured on DuckDB 2.0). A statement that runs a plan takes no bound
parameters: its arguments are literals of the syntax tree.
"""

from collections.abc import Callable, Mapping

from emulator.sql.ast import Rendered, Sql
from emulator.sql.render import render
from emulator.sql.statements import Deallocate, Execute, Prepare

# Bounds what plans of databases that come and go take; to store trades takes about 20.
_CAPACITY = 512


class KeptPlans:
    """The plans of one connection, by their statements; `execute` runs a text on it without the optimizer."""

    def __init__(self, execute: Callable[[str], object]) -> None:
        self._execute = execute
        self._names: dict[str, str] = {}
        self._number = 0

    def execution(self, sql: str, arguments: Mapping[str, Sql]) -> str:
        """Return the text that runs a statement with these arguments; plan it if it is new."""
        return render(Execute(self._name(sql), tuple(arguments.items())))

    def release(self) -> None:
        """Forget all plans, which may be made anew."""
        for name in self._names.values():
            self._execute(render(Deallocate(name)))
        self._names.clear()

    def _name(self, sql: str) -> str:
        found = self._names.get(sql)
        if found is None:
            if len(self._names) >= _CAPACITY:
                self.release()
            self._number += 1
            found = f"$plan{self._number}"
            self._execute(render(Prepare(found, Rendered(sql))))
            self._names[sql] = found
        return found
