"""One filled market database for the tests that only read it."""

import asyncio
from collections.abc import Iterator

import pytest

from kql.registry import Registry, load_registry
from tests.kql.market import Market, Prices, load_prices, new_eventhouse


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="session")
def filled(registry: Registry) -> Iterator[tuple[Market, dict[str, Prices]]]:
    eventhouse = new_eventhouse()
    prices = load_prices(eventhouse)
    yield Market(eventhouse, registry), prices
    asyncio.run(eventhouse.close())


@pytest.fixture
def market(registry: Registry) -> Iterator[Market]:
    """Return an empty market database."""
    eventhouse = new_eventhouse()
    yield Market(eventhouse, registry)
    asyncio.run(eventhouse.close())
