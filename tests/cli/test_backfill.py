"""`tickhouse backfill`: fills what is missing, goes on where it ended, and prints what it found."""

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from cli.commands import backfill as command
from cli.commands.backfill import BackfillOrder, describe_plan, print_report, run_backfill_command
from cli.errors import CliError
from cli.settings.target import TargetSettings
from producer.history.backfill import BackfillPlan, Failure, Report
from producer.history.coverage import CoverageRequest, Gap
from producer.history.reconciliation import Disagreement, Duplicate, Reconciliation, Split, SuspectedSplit
from producer.market_time import Session, load_calendar
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource
from tests.companies import KNOWN
from tests.end_to_end.platform import rows_in, tickhouse
from tests.producer.clock import ManualClock

TODAY, DAY = date(2026, 3, 2), timedelta(days=1)
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


def session(day: int) -> Session:
    """Return a session of June 2024."""
    return next(load_calendar().sessions(date(2024, 6, day), date(2024, 6, day)))


FIRST, LAST = session(10), session(12)
ONE, SEVERAL = Gap("NVDA", "daily", FIRST, FIRST, 1), Gap("AAPL", "daily", FIRST, LAST, 3)
PLAN = BackfillPlan(CoverageRequest(KNOWN, "daily", FIRST.date, LAST.date), (ONE, SEVERAL), (ONE, SEVERAL))
NOTHING = Reconciliation((), (), (), ())


def printed(report: Report) -> list[str]:
    """Return the lines of a report; of a table its rows alone, their cells between bars."""
    shown = io.StringIO()
    print_report(report, Console(file=shown, width=140))
    lines = [line.strip("┃│ ") for line in shown.getvalue().splitlines() if line[0] not in "┏┡└"]
    return [" | ".join(cell.strip() for cell in re.split("[┃│]", line)) for line in lines]


def test_the_report_tells_every_kind_of_finding() -> None:
    report = Report(
        PLAN,
        bars_written=4,
        actions_written=1,
        failures=(
            Failure(ONE, "quota [/of] the day is used up", retry_after=1_090.0),
            Failure(SEVERAL, "late", retry_after=2_000.0),
            Failure(Gap("AAPL", "daily", LAST, LAST, 1), "late"),
        ),
        gaps=(ONE, SEVERAL),
        findings=Reconciliation(
            (Duplicate("AAPL", "yahoo", 2_000, 3_000),),
            (Disagreement("MSFT", FIRST.opens_at, "Close", 100.0, "yahoo", 1_012.5, "tiingo"),),
            (
                Split("NVDA", date(2024, 6, 10), (("tiingo", 10.0), ("yahoo", 9.0))),
                Split("AMZN", date(2022, 6, 6), (("tiingo", 20.0), ("yahoo", 20.0))),
            ),
            (SuspectedSplit("AMZN", date(2022, 6, 6), 20.1, "alpaca"),),
        ),
    )
    assert printed(report) == [
        "4 bars, and 1 split or dividend were new.",
        "finding | symbol | when | what",
        "not served | NVDA | 2024-06-10 | quota [/of] the day is used up",
        "not served | AAPL | 2024-06-10 to 2024-06-12 | late",
        "gap | NVDA | 2024-06-10 | 1 session",
        "gap | AAPL | 2024-06-10 to 2024-06-12 | 3 sessions",
        "duplicates | AAPL |  | 3,000 more statements of 2,000 bars by yahoo",
        "disagreement | MSFT | 2024-06-10 13:30 | Close 100 (yahoo), 1,012.5 (tiingo)",
        "split, disputed | NVDA | 2024-06-10 | 10:1 (tiingo), 9:1 (yahoo)",
        "split | AMZN | 2022-06-06 | 20:1 (tiingo), 20:1 (yahoo)",
        "suspected split | AMZN | 2022-06-06 | 20.10:1 by a jump of alpaca",
        "The same command goes on where this one ended, in 1,090 s at the earliest.",
    ]


@pytest.mark.parametrize(
    ("bars", "actions", "text"),
    [
        (0, 0, "0 bars were new."),
        (1, 0, "1 bar was new."),
        (1, 1, "1 bar, and 1 split or dividend were new."),
        (1_000, 2, "1,000 bars, and 2 splits and dividends were new."),
    ],
)
def test_a_report_without_findings_counts_what_was_new(bars: int, actions: int, text: str) -> None:
    report = Report(PLAN, bars_written=bars, actions_written=actions, failures=(), gaps=(), findings=NOTHING)
    assert printed(report) == [text, "No session is missing."]


def test_sessions_that_nobody_serves_for_now_are_no_complete_report() -> None:
    report = Report(PLAN, 0, 0, failures=(Failure(ONE, "never"),), gaps=(ONE,), findings=NOTHING)
    assert printed(report)[-1] == "gap | NVDA | 2024-06-10 | 1 session"


@pytest.mark.parametrize(("count", "shown", "rest"), [(20, 20, []), (22, 20, ["gap |  |  | … and 2 more"])])
def test_of_a_kind_of_finding_the_first_are_shown(count: int, shown: int, rest: list[str]) -> None:
    duplicate = Duplicate("AAPL", "yahoo", 2, 3)
    report = Report(PLAN, 0, 0, failures=(), gaps=(ONE,) * count, findings=Reconciliation((duplicate,), (), (), ()))
    assert printed(report)[2:] == [
        *["gap | NVDA | 2024-06-10 | 1 session"] * shown,
        *rest,
        "duplicates | AAPL |  | 3 more statements of 2 bars by yahoo",
    ]


def test_a_plan_says_how_much_is_missing_and_who_is_asked() -> None:
    source = SimulatedSource(ManualClock(), SimulatedSettings())
    assert describe_plan(PLAN, source) == "4 sessions are missing; simulated is asked for 2 ranges."
    assert describe_plan(replace(PLAN, ranges=(ONE,)), source) == (
        "4 sessions are missing; simulated is asked for 1 range."
    )
    assert describe_plan(replace(PLAN, missing=(), ranges=()), source) == "Nothing is missing."


@pytest.mark.parametrize(
    ("first", "last", "message", "hint"),
    [
        (TODAY + DAY, None, f"--from {TODAY + DAY} lies in the future", f"today is {TODAY} in UTC"),
        (TODAY, TODAY - DAY, f"--to {TODAY - DAY} lies before --from {TODAY}", ""),
    ],
)
def test_a_range_that_cannot_be_is_refused(
    first: date, last: date | None, message: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(datetime.combine(TODAY, time(), UTC))
    monkeypatch.setattr(command, "SystemClock", lambda: clock)
    with pytest.raises(CliError) as caught:
        run_backfill_command(BackfillOrder("nobody", first, last, "daily", TargetSettings()))
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(("first", "last"), [(TODAY, None), (TODAY, TODAY)])
def test_today_is_a_range(first: date, last: date | None, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(datetime.combine(TODAY, time(), UTC))
    monkeypatch.setattr(command, "SystemClock", lambda: clock)
    with pytest.raises(CliError) as caught:
        run_backfill_command(BackfillOrder("nobody", first, last, "daily", TargetSettings()))
    assert caught.value.message == "no source is named 'nobody'", "it gets as far as that"
