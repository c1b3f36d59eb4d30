"""A table as payloads of one mapping fill it, and the statements that do."""

from collections.abc import Callable, Hashable

from emulator.engine.lru import LruCache
from emulator.engine.session.statement import Statement
from emulator.schema.mapping import FieldMapping
from emulator.types import Schema

# Payloads of one mapping differ in few ways: in how many fields they have, or of which types.
_KEPT_STATEMENTS = 16


class Target:
    """The columns of a table and the fields that fill them; safe to share between threads."""

    def __init__(self, schema: Schema, mapping: tuple[FieldMapping, ...]) -> None:
        self.schema = schema
        self.mapping = mapping
        self._statements: LruCache[Hashable, Statement] = LruCache(_KEPT_STATEMENTS)

    def statement(self, layout: Hashable, sql: Callable[[], str]) -> Statement:
        """Return the statement for payloads of a layout, made when the first one comes."""
        found = self._statements.get(layout)
        if found is None:
            found = Statement(sql())
            self._statements.put(layout, found)
        return found
