"""The API over a real Eventhouse, with the market database and five months of bars in it."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from cli.composition.embedded import EmbeddedEventhouse
from kql.registry import Registry, load_registry
from tests.companies import KNOWN
from tests.kql.template import open_market

FIRST_DAY = datetime(2023, 1, 2, tzinfo=UTC)
DAYS = 150
SPLIT_DAY = FIRST_DAY + timedelta(days=75)


def trading_days() -> list[datetime]:
    days = (FIRST_DAY + timedelta(days=number) for number in range(DAYS))
    return [day for day in days if day.weekday() < 5]


def close_of(symbol: str, day: datetime) -> float:
    """Return a raw close: a wave of its own per symbol; AAPL halves at its split."""
    number = (day - FIRST_DAY).days
    price = 100.0 * (1 + KNOWN.index(symbol)) + 10.0 * math.sin(number / 7.0) + number / 10.0
    return price / 2 if symbol == "AAPL" and day >= SPLIT_DAY else price


def daily_bar(symbol: str, day: datetime) -> dict[str, object]:
    close = close_of(symbol, day)
    return {
        "symbol": symbol,
        "timestamp": day.isoformat(),
        "open": close - 1.0,
        "high": close + 2.0,
        "low": close - 3.0,
        "close": close,
        "volume": 1000.0 + day.day,
        "source": "yahoo",
        "received_at": (day + timedelta(days=1)).isoformat(),
    }


def minute_bar(symbol: str, minute: datetime) -> dict[str, object]:
    return {**daily_bar(symbol, minute.replace(hour=0, minute=0)), "timestamp": minute.isoformat(), "volume": 10.0}


def lines(records: list[dict[str, object]]) -> bytes:
    return "\n".join(json.dumps(record) for record in records).encode()


async def fill(eventhouse: EmbeddedEventhouse) -> None:
    days = trading_days()
    bars = [daily_bar(symbol, day) for symbol in KNOWN for day in days]
    await eventhouse.ingest("DailyBars", lines(bars), format="json", mapping="daily_bars_v1")
    opening = days[-1] + timedelta(hours=14, minutes=30)
    minutes = [minute_bar("MSFT", opening + timedelta(minutes=number)) for number in range(390)]
    await eventhouse.ingest("IntradayBars", lines(minutes), format="json", mapping="intraday_bars_v1")
    split = {"symbol": "AAPL", "ex_date": SPLIT_DAY.isoformat(), "kind": "split", "value": 2.0, "source": "yahoo",
             "received_at": SPLIT_DAY.isoformat()}  # fmt: skip
    await eventhouse.ingest("CorporateActions", lines([split]), format="json", mapping="corporate_actions_v1")


@pytest.fixture(scope="session")
def eventhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEventhouse]:
    eventhouse = open_market(tmp_path_factory.mktemp("market"))
    asyncio.run(fill(eventhouse))
    yield eventhouse
    asyncio.run(eventhouse.close())


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="module")
def app(eventhouse: EmbeddedEventhouse, registry: Registry) -> FastAPI:
    return create_app(registry, eventhouse)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        yield client
