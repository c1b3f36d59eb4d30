"""A clock and a mocked network for tests of providers, and an Eventhouse to write to."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
import respx

from cli.composition.embedded import EmbeddedEventhouse
from tests.kql.template import open_market
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


@pytest.fixture
async def eventhouse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedEventhouse]:
    """The empty market database."""
    eventhouse = open_market(tmp_path_factory.mktemp("market"))
    yield eventhouse
    await eventhouse.close()
