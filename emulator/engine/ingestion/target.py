"""A table as payloads of one mapping fill it, and the statements that do."""

from collections.abc import Callable, Hashable
from functools import cached_property

from emulator.engine.lru import LruCache
from emulator.engine.session.statement import Statement
from emulator.errors import IngestionFault
from emulator.schema.mapping import FieldMapping, JsonPath, Transform
from emulator.types import Scalar, Schema

# Payloads of one mapping differ in few ways: in how many fields they have, or of which types.
_KEPT_STATEMENTS = 16
# A value takes 8 bytes or more once it is converted, so these are 1 GB.
MOST_VALUES = 1 << 27


class Target:
    """The columns of a table and the fields that fill them; safe to share between threads."""

    def __init__(self, schema: Schema, mapping: tuple[FieldMapping, ...]) -> None:
        self.schema = schema
        self.mapping = mapping
        self._statements: LruCache[Hashable, Statement] = LruCache(_KEPT_STATEMENTS)

    @cached_property
    def datetime_paths(self) -> tuple[JsonPath, ...]:
        """Where in a record the datetimes are; those that are made of numbers have a path that no record has."""
        datetimes = {column.name for column in self.schema if column.type.scalar is Scalar.DATETIME}
        return tuple(
            field.path if field.transform is Transform.NONE else ()
            for field in self.mapping
            if field.column in datetimes and field.path is not None
        )

    def check_size(self, rows: int) -> None:
        """Raise IngestionFault for more rows than are converted at one time.

        Many short rows in a wide table are far larger than the payload that they come from.
        """
        if rows * len(self.schema) > MOST_VALUES:
            raise IngestionFault(
                f"The payload makes {rows} rows of {len(self.schema)} columns, more than {MOST_VALUES} values.",
                "BadRequest_FileTooLarge",
                hint="split it",
            )

    def statement(self, layout: Hashable, sql: Callable[[], str]) -> Statement:
        """Return the statement for payloads of a layout, made when the first one comes."""
        found = self._statements.get(layout)
        if found is None:
            found = Statement(sql())
            self._statements.put(layout, found)
        return found
