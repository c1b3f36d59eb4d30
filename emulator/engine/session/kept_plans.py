"""Plans that a connection keeps: made once without DuckDB's optimizer, and run by name.

DuckDB keeps such a plan until a catalog it reads from changes, unless a parameter stands in the statement twice, or in
a LIMIT, or gets a value of another type (measured on DuckDB 2.0). A statement that runs a plan takes no bound
parameters. Its arguments are literals of the syntax tree, and texts among them hexadecimal digits, so that nothing in a
value can end the literal it stands in.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from emulator.sql.ast import Sql
from emulator.sql.build import call, cast, lit
from emulator.sql.render import expression, identifier

_CAPACITY = 512
# A longer text takes longer to parse than its statement to be planned.
_LONGEST_TEXT = 1_024


class KeptPlans:
    """The plans of one connection, by their statements; `execute` runs a text on it without the optimizer."""

    def __init__(self, execute: Callable[[str], object]) -> None:
        self._execute = execute
        self._names: dict[str, str] = {}
        self._number = 0

    def execution(self, sql: str, arguments: Mapping[str, Sql]) -> str:
        """Return the text that runs a statement with these arguments; plan it if it is new."""
        given = ", ".join(f"{identifier(name)} := {expression(value)}" for name, value in arguments.items())
        name = identifier(self._name(sql))
        return f"EXECUTE {name}({given})" if given else f"EXECUTE {name}"

    def release(self) -> None:
        """Forget all plans, which may be made anew."""
        for name in self._names.values():
            self._execute(f"DEALLOCATE {identifier(name)}")
        self._names.clear()

    def _name(self, sql: str) -> str:
        found = self._names.get(sql)
        if found is None:
            if len(self._names) >= _CAPACITY:
                self.release()
            self._number += 1
            found = f"$plan{self._number}"
            self._execute(f"PREPARE {identifier(found)} AS {sql}")
            self._names[sql] = found
        return found


def argument(value: object, type_: str) -> Sql | None:
    """Return a value as an argument of a DuckDB type, or None where a bound parameter has to carry it."""
    match value:
        case None | bool() | int() | float() | Decimal():
            return lit(value, type_)
        case datetime(tzinfo=None):
            return lit(value.isoformat(sep=" "), type_)
        case str() if len(value) <= _LONGEST_TEXT:
            # What is no Unicode text (a lone surrogate) is for the bound parameter to refuse.
            with suppress(UnicodeEncodeError):
                return cast(call("decode", call("from_hex", lit(value.encode().hex()))), type_)
    return None
