"""What tests of all functions ask: a table with a column of each type."""

from collections.abc import Iterator

import pytest

from emulator.engine.eventhouse import Eventhouse
from tests.emulator.functions.nesting import CREATION, ROW


@pytest.fixture(scope="module")
def all_types() -> Iterator[Eventhouse]:
    """Return an Eventhouse with a table T of one row."""
    opened = Eventhouse.open(None)
    opened.command(CREATION)
    opened.ingest("T", ROW, format="csv")
    yield opened
    opened.close()
