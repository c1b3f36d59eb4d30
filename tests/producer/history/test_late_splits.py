"""Splits that providers tell when the bars are there already: adjusted answers change, stored rows do not."""

from datetime import date

import httpx
import pytest

from api.app import create_app
from cli.composition.embedded import EmbeddedEventhouse
from kql.registry import load_registry
from producer.errors import RateLimited
from producer.model import CorporateAction
from tests.producer.history.test_backfill import FIRST, NOW, Provider, planned, ran, request


@pytest.mark.slow
async def test_a_split_that_is_told_late_changes_adjusted_answers_and_no_stored_row(
    eventhouse: EmbeddedEventhouse,
) -> None:
    provider = Provider()
    await ran(eventhouse, await planned(eventhouse, request()), provider)
    stored = list((await eventhouse.query("DailyBars | sort by Timestamp asc")).rows())
    assert len(stored) == 7
    assert await closes(eventhouse, adjusted=True) == [100.0] * 7
    # The days around it are there already: nothing but the split is new.
    provider.told_actions = (CorporateAction("AAPL", date(2025, 11, 26), "split", 4.0, "test", NOW),)
    plan = await planned(eventhouse, request())
    assert plan.missing == ()
    report = await ran(eventhouse, plan, provider)
    assert (report.bars_written, report.actions_written) == (0, 1)
    assert [split.ratios for split in report.findings.splits] == [(("test", 4.0),)]
    assert await closes(eventhouse, adjusted=True) == [25.0] * 4 + [100.0] * 3
    assert await closes(eventhouse, adjusted=False) == [100.0] * 7
    assert list((await eventhouse.query("DailyBars | sort by Timestamp asc")).rows()) == stored


@pytest.mark.slow
async def test_splits_that_cannot_be_had_are_reported_and_leave_the_bars(eventhouse: EmbeddedEventhouse) -> None:
    provider = Provider()
    await ran(eventhouse, await planned(eventhouse, request()), provider)
    provider.errors = [RateLimited("for today", retry_after=3600.0)]
    report = await ran(eventhouse, await planned(eventhouse, request()), provider)
    assert report.is_complete
    assert [(each.reason, each.retry_after) for each in report.failures] == [
        ("splits and dividends: for today", 3600.0)
    ]


async def closes(eventhouse: EmbeddedEventhouse, *, adjusted: bool) -> list[float]:
    """The closing prices as a caller of the API sees them, which are those of PriceHistory_v1."""
    app = create_app(load_registry(), eventhouse)
    parameters = {"interval": "1d", "from": f"{FIRST}", "to": "2025-12-02", "adjusted": str(adjusted).lower()}
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        answer = await client.get("/v1/prices/AAPL/history", params=parameters)
    assert answer.status_code == httpx.codes.OK, answer.text
    query = f"PriceHistory_v1('AAPL', 1d, datetime({FIRST}), datetime(2025-12-02), {str(adjusted).lower()})"
    told = [float(row["close"]) for row in answer.json()["data"]]
    assert told == [
        row[0] for row in (await eventhouse.query(f"{query} | sort by Timestamp asc | project Close")).rows()
    ]
    return told
