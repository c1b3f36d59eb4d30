"""Column names in DuckDB: no two alike for it, and none that the hidden columns use."""

import pytest

from emulator.emit.names import physical_names
from emulator.types import LONG, Column, Schema


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Symbol", "Price"), ("Symbol", "Price")),
        (("a", "A", "b"), ("$column_0", "$column_1", "b")),
        (("$order_0", "x"), ("$column_0", "x")),
        (("", "a b"), ("$column_0", "a b")),
    ],
)
def test_names_stay_unless_duckdb_would_confuse_them(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert physical_names(Schema(tuple(Column(name, LONG) for name in names))) == expected
