"""`tickhouse backfill`: fills what is missing, goes on where it ended, and prints what it found."""

import io
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from cli.commands.backfill import print_report
from producer.history.backfill import BackfillPlan, Failure, Report
from producer.history.coverage import CoverageRequest, Gap
from producer.history.reconciliation import Disagreement, Duplicate, Reconciliation, Split, SuspectedSplit
from producer.market_time import load_calendar
from tests.companies import KNOWN
from tests.end_to_end.platform import rows_in, tickhouse

NOVEMBER = ("--source", "simulated", "--interval", "1d")


def days_by_symbol(data: Path) -> dict[object, object]:
    query = "DailyBars | summarize Days = dcount(Timestamp), Bars = count() by Symbol | where Days == Bars"
    return {row["Symbol"]: row["Days"] for row in rows_in(data, query)}


@pytest.mark.slow
def test_a_backfill_fetches_what_is_missing_and_no_more(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    first = tickhouse("backfill", "--from", "2024-11-04", "--to", "2024-11-06", *NOVEMBER, *data)
    assert first.returncode == 0, first.stderr
    assert "15 sessions are missing; simulated is asked for 5 ranges." in first.stderr
    assert "15 bars were new." in first.stdout
    longer = tickhouse("backfill", "--from", "2024-11-04", "--to", "2024-11-08", *NOVEMBER, *data)
    assert "10 sessions are missing" in longer.stderr
    assert "10 bars were new." in longer.stdout
    again = tickhouse("backfill", "--from", "2024-11-04", "--to", "2024-11-08", *NOVEMBER, *data)
    assert "Nothing is missing." in again.stderr
    assert "0 bars were new.\nNo session is missing." in again.stdout
    assert days_by_symbol(tmp_path / "data") == dict.fromkeys(KNOWN, 5)


@pytest.mark.slow
def test_real_prices_do_not_join_simulated_ones_and_providers_are_not_asked_offline(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    assert tickhouse("backfill", "--from", "2024-11-04", "--to", "2024-11-04", *NOVEMBER, *data).returncode == 0
    mixed = tickhouse("backfill", "--from", "2024-11-04", "--source", "yahoo", *data)
    assert mixed.returncode == 1
    assert "network is switched off" in mixed.stderr or "would mix" in mixed.stderr
    offline = tickhouse("backfill", "--from", "2024-11-04", *data)
    assert offline.returncode == 1
    assert "TICKHOUSE_OFFLINE is set" in offline.stderr
    keyless = tickhouse("backfill", "--from", "2024-11-04", "--source", "tiingo", *data)
    assert "set TICKHOUSE_TIINGO_KEY" in keyless.stderr


def test_the_report_tells_every_kind_of_finding() -> None:
    session = next(load_calendar().sessions(date(2024, 6, 10), date(2024, 6, 10)))
    gap = Gap("NVDA", "daily", session, session, 1)
    at = session.opens_at
    report = Report(
        BackfillPlan(CoverageRequest(KNOWN, "daily", session.date, session.date), (gap,), (gap,)),
        bars_written=4,
        actions_written=1,
        failures=(Failure(gap, "quota [/of] the day is used up", retry_after=90.0),),
        gaps=(gap,),
        findings=Reconciliation(
            (Duplicate("AAPL", "yahoo", 2, 3),),
            (Disagreement("MSFT", at, "Close", 100.0, "yahoo", 101.5, "tiingo"),),
            (Split("NVDA", date(2024, 6, 10), (("tiingo", 10.0), ("yahoo", 9.0))),),
            (SuspectedSplit("AMZN", date(2022, 6, 6), 20.1, "alpaca"),),
        ),
    )
    shown = io.StringIO()
    print_report(report, Console(file=shown, width=140))
    text = shown.getvalue()
    for expected in (
        "4 bars, and 1 split or dividend were new.",
        "quota [/of] the day is used up",
        "1 session ",
        "3 more statements of 2 bars by yahoo",
        "Close 100 (yahoo), 101.5 (tiingo)",
        "split, disputed",
        "10:1 (tiingo), 9:1 (yahoo)",
        "20.10:1 by a jump of alpaca",
        "in 90 s at the earliest",
    ):
        assert expected in text, text
    assert "No session is missing." not in text
