"""One filled market database for the tests that only read it."""

import asyncio
from collections.abc import Iterator

import pytest

from kql.registry import Registry, load_registry
from tests.kql.market import Market, Prices, load_prices
from tests.kql.template import open_market


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="session")
def filled(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Market, dict[str, Prices]]]:
    eventhouse = open_market(tmp_path_factory.mktemp("filled"))
    prices = load_prices(eventhouse)
    yield Market(eventhouse, registry), prices
    asyncio.run(eventhouse.close())


@pytest.fixture
def market(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Return an empty market database."""
    eventhouse = open_market(tmp_path_factory.mktemp("market"))
    yield Market(eventhouse, registry)
    asyncio.run(eventhouse.close())
