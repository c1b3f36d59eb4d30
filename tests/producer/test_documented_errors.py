"""Every documented error of every provider through its real source: the class, the time to wait and the hint."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
import respx

from producer.errors import BadData, NotEntitled, ProducerError, RateLimited, Transient
from producer.providers import HISTORY_PROVIDERS, LIVE_PROVIDERS, Surroundings, probe
from producer.secret import Secret
from producer.settings import NetworkSettings, ProviderKeys
from producer.sources.alpaca.stream import AlpacaStream
from producer.sources.finnhub.stream import FinnhubStream
from producer.sources.streaming import Dialect
from tests.producer.clock import ManualClock
from tests.producer.documented_errors import ALPACA, COMMON, FINNHUB, FRAMES, RECORDED_ERRORS, ROWS, Row
from tests.producer.shared import SHARED, payload

KEY = Secret("the-s3cret-key")
KEYS = ProviderKeys(*[KEY] * len(fields(ProviderKeys)))
PAYLOADS = SHARED / "data" / "payloads"


def asking(row: Row, clock: ManualClock) -> tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[None]]]:
    """What asks the provider of a row, and what closes it."""
    given = Surroundings(("AAPL",), KEYS, clock, NetworkSettings())
    if row.provider not in HISTORY_PROVIDERS:
        return lambda: probe(row.provider, given), nothing_to_close
    source = HISTORY_PROVIDERS[row.provider](given)
    ask = source.daily if row.asks == "daily" else source.intraday
    end = datetime(2026, 11, 20, tzinfo=UTC)
    return lambda: ask("AAPL", end - timedelta(days=3), end), source.close


async def nothing_to_close() -> None:
    """Leave the closing to `probe`, which opened."""


@pytest.mark.parametrize("row", [*ROWS, *COMMON], ids=str)
async def test_an_error_is_told_apart(row: Row, friday: ManualClock, provider: respx.MockRouter) -> None:
    headers = {"Content-Type": "application/json"} | ({"Retry-After": row.retry_after} if row.retry_after else {})
    provider.get().mock(return_value=httpx.Response(row.status, text=row.text, headers=headers))
    ask, close = asking(row, friday)

    async def refused() -> ProducerError:
        with pytest.raises(ProducerError) as error:
            await ask()
        return error.value

    error = await friday.finish(refused())
    await close()
    assert type(error) is row.kind, str(error)
    assert error.retry_after == row.wait
    assert row.hint in error.hint
    assert error.source == row.provider
    assert KEY.value not in str(error)


@pytest.mark.parametrize("name", RECORDED_ERRORS)
def test_every_recorded_error_has_its_row(name: str) -> None:
    known = {row.recorded for row in ROWS} | FRAMES
    assert [key for key in orjson.loads(payload(name)) if (name, key) not in known] == []


def test_every_file_of_recorded_errors_is_looked_at() -> None:
    payload(ALPACA)
    named = {path.name for path in PAYLOADS.glob("*error*")}
    assert named == set(RECORDED_ERRORS)
    refusing = {path.name for word in ("empty", "unknown") for path in PAYLOADS.glob(f"*_{word}*")}
    assert refusing <= {row.recorded[0] for row in ROWS if row.recorded}


def test_every_provider_has_rows() -> None:
    providers = {row.provider for row in ROWS}
    assert providers == set(HISTORY_PROVIDERS) | {name.partition("-")[0] for name in LIVE_PROVIDERS}


ALPACA_KEYS, ONE_CONNECTION = "check TICKHOUSE_ALPACA_KEY", "end the other producer"


@pytest.mark.parametrize(
    ("code", "message", "kind", "wait", "hint"),
    [
        (400, "invalid syntax", BadData, None, ""),
        (401, "not authenticated", NotEntitled, None, ALPACA_KEYS),
        (402, "auth failed", NotEntitled, None, ALPACA_KEYS),
        (403, "already authenticated", Transient, None, ""),
        (404, "auth timeout", Transient, None, ""),
        (405, "symbol limit exceeded", NotEntitled, None, "30 symbols"),
        (406, "connection limit exceeded", RateLimited, 30.0, ONE_CONNECTION),
        (407, "slow client", Transient, None, ""),
        (409, "insufficient subscription", NotEntitled, None, "IEX feed"),
        (410, "invalid subscribe action for this feed", BadData, None, ""),
        (500, "internal error", Transient, None, ""),
    ],
)
def test_every_code_of_alpacas_stream(
    code: int, message: str, kind: type[ProducerError], wait: float | None, hint: str
) -> None:
    frame = orjson.dumps([{"T": "error", "code": code, "msg": message}]).decode()
    check(AlpacaStream(["AAPL"], KEY, KEY), frame, kind, wait, hint)


def test_every_recorded_frame_of_an_error_is_one_of_those_codes() -> None:
    for (frame,) in orjson.loads(payload(ALPACA))["errors"]:
        error = AlpacaStream(["AAPL"], KEY, KEY).hear(orjson.dumps([frame]).decode(), datetime.now(UTC)).error
        assert error
        assert error.message == f"{frame['code']}: {frame['msg']}"
        assert type(error) is not BadData


@pytest.mark.parametrize(
    ("message", "kind", "wait", "hint"),
    [
        ("...", Transient, None, ""),
        ("Subscription limit reached", RateLimited, 60.0, ""),
        ("Too many requests", RateLimited, 60.0, ""),
        ("Invalid API key", NotEntitled, None, "check TICKHOUSE_FINNHUB_KEY"),
        ("You don't have access to this resource.", NotEntitled, None, "check TICKHOUSE_FINNHUB_KEY"),
    ],
)
def test_errors_of_finnhubs_stream(message: str, kind: type[ProducerError], wait: float | None, hint: str) -> None:
    frame = orjson.dumps(orjson.loads(payload(FINNHUB))["ws_error"] | {"msg": message}).decode()
    check(FinnhubStream(["AAPL"], KEY), frame, kind, wait, hint)


def check(dialect: Dialect, frame: str, kind: type[ProducerError], wait: float | None, hint: str) -> None:
    error = dialect.hear(frame, datetime.now(UTC)).error
    assert type(error) is kind
    assert error.retry_after == wait
    assert hint in error.hint
    assert error.source == dialect.source
