"""One Eventhouse for the tests that want an empty database: to open one takes a tenth of a second of CPU."""

from collections.abc import Iterator
from itertools import count

import pytest

from emulator import Eventhouse
from emulator.engine.catalog.records import Database

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def shared_eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    yield opened
    opened.close()


@pytest.fixture
def empty_database(shared_eventhouse: Eventhouse) -> Eventhouse:
    """An empty database of the test's own, in an Eventhouse that has others."""
    database = Database(f"D{next(_NUMBERS)}")
    shared_eventhouse._core.writer.change(lambda transaction: transaction.put(database))
    return Eventhouse(shared_eventhouse._core, database.name, shared_eventhouse.queued)
