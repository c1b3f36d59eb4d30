"""Which days the table of trading dates names, rendered from a schedule of a test's own."""

import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from producer.market_time import generate
from producer.market_time.generate import render
from producer.market_time.session import MARKET, market_instant

HOLIDAYS = (date(2026, 1, 1), date(2026, 12, 31))
HALF_DAY = date(2026, 12, 24)


def schedule(opens: time) -> SimpleNamespace:
    """Return a package whose market trades on all weekdays but holidays, and closes early once."""
    days = [date(2025, 12, 1) + timedelta(number) for number in range(450)]
    rows = [
        SimpleNamespace(
            Index=datetime.combine(day, time()),
            open=market_instant(day, opens if day == HALF_DAY else MARKET.opens),
            close=market_instant(day, time(13) if day == HALF_DAY else MARKET.closes),
        )
        for day in days
        if day.weekday() < 5 and day not in HOLIDAYS
    ]

    def calendar(name: str, *, start: str, end: str) -> SimpleNamespace:
        assert (name, start, end) == ("XNYS", "2026-01-01", "2026-12-31")
        return SimpleNamespace(schedule=SimpleNamespace(itertuples=lambda: rows))

    return SimpleNamespace(get_calendar=calendar)


def test_holidays_and_half_days_are_rows_from_the_first_day_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", schedule(MARKET.opens))
    assert render(2026, 2026) == "date,closes\n2026-01-01,\n2026-12-24,13:00\n2026-12-31,\n"


def test_a_market_that_opens_late_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", schedule(time(10, 15)))
    with pytest.raises(ValueError, match=r"^2026-12-24 opens at 10:15: the table has no place for that$"):
        render(2026, 2026)


@pytest.mark.parametrize(("arguments", "years"), [([], "1980-2035"), (["2001", "2002"], "2001-2002")])
def test_the_table_is_written_for_the_years_that_are_named(
    arguments: list[str], years: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(generate, "render", lambda first, last: f"{first}-{last}")
    monkeypatch.setattr(generate, "TABLE", tmp_path / "table.csv")
    generate.main(arguments)
    assert (tmp_path / "table.csv").read_text() == years
