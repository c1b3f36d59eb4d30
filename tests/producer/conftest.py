"""A clock and a mocked network for tests of providers."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import respx

from tests.producer.clock import ManualClock

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


@pytest.fixture
def friday() -> ManualClock:
    """A clock of the evening of Friday, 20 November 2026: the market has closed."""
    return ManualClock(NOW)


@pytest.fixture
def provider() -> Iterator[respx.MockRouter]:
    """The network; whatever is not mocked fails."""
    with respx.mock(assert_all_called=False) as router:
        yield router
