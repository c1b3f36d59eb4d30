"""The trading dates of XNYS, against the package the table was rendered from and against announced dates."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from producer.market_time import MarketCalendar, load_calendar
from producer.market_time.calendar import TABLE
from producer.market_time.generate import FIRST_YEAR, LAST_YEAR, render
from producer.market_time.session import market_instant

# exchange_calendars is a step behind the newest pandas.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray")


@pytest.fixture(scope="module")
def calendar() -> MarketCalendar:
    return load_calendar()


def at(text: str) -> datetime:
    """Read a time of New York as an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)


@pytest.mark.slow
def test_the_table_is_what_the_generator_renders() -> None:
    pytest.importorskip("exchange_calendars")
    assert TABLE.read_text(encoding="utf-8") == render(FIRST_YEAR, LAST_YEAR)


@pytest.mark.slow
def test_every_session_equals_that_of_exchange_calendars(calendar: MarketCalendar) -> None:
    exchange_calendars = pytest.importorskip("exchange_calendars")
    schedule = exchange_calendars.get_calendar(
        "XNYS", start=calendar.first.isoformat(), end=calendar.last.isoformat()
    ).schedule
    expected = [
        (row.Index.date(), row.open.to_pydatetime(), row.close.to_pydatetime()) for row in schedule.itertuples()
    ]
    found = [(each.date, each.opens_at, each.closes_at) for each in calendar.sessions(calendar.first, calendar.last)]
    assert found == expected


def test_the_announced_days_of_2026(calendar: MarketCalendar) -> None:
    # PROVIDERS: 2026 closed on ten weekdays, two half days.
    weekdays = [day for day in (date(2026, 1, 1) + timedelta(n) for n in range(365)) if day.weekday() < 5]
    closed = [f"{day:%m-%d}" for day in weekdays if calendar.session_of(day) is None]
    assert closed == ["01-01", "01-19", "02-16", "04-03", "05-25", "06-19", "07-03", "09-07", "11-26", "12-25"]
    half = [each for each in calendar.sessions(date(2026, 1, 1), date(2026, 12, 31)) if each.minutes < 390]
    assert [(each.date, each.closes_at) for each in half] == [
        (date(2026, 11, 27), at("2026-11-27T13:00")),
        (date(2026, 12, 24), at("2026-12-24T13:00")),
    ]
    assert calendar.session_of(date(2025, 1, 9)) is None, "a day of mourning"


@pytest.mark.parametrize(
    ("instant", "opens"),
    [
        ("2025-11-05T09:29:59.999999", "2025-11-05T09:30"),
        ("2025-11-05T09:30:00", "2025-11-05T09:30"),
        ("2025-11-05T09:30:00.000001", "2025-11-06T09:30"),
        ("2025-11-07T17:00", "2025-11-10T09:30"),  # a weekend
        ("2025-11-26T16:00", "2025-11-28T09:30"),  # Thanksgiving
        ("2025-10-31T20:00", "2025-11-03T09:30"),  # clocks go back
        ("2026-03-06T20:00", "2026-03-09T09:30"),  # clocks go forward
        ("2001-09-10T17:00", "2001-09-17T09:30"),
    ],
)
def test_the_next_opening(calendar: MarketCalendar, instant: str, opens: str) -> None:
    assert calendar.next_open(at(instant)) == at(opens)


def test_the_opening_moves_in_utc_when_new_york_changes_its_clocks(calendar: MarketCalendar) -> None:
    friday, monday = calendar.sessions(date(2025, 10, 31), date(2025, 11, 3))
    assert (friday.opens_at.time(), monday.opens_at.time()) == (time(13, 30), time(14, 30))
    assert friday.minutes == monday.minutes == 390


def test_the_closing_auction_follows_the_bell(calendar: MarketCalendar) -> None:
    states = [
        (calendar.is_open(moment), calendar.makes_prices(moment))
        for moment in map(at, ["2025-11-28T12:59:59", "2025-11-28T13:00", "2025-11-28T13:14:59", "2025-11-28T13:15"])
    ]
    assert states == [(True, True), (False, True), (False, True), (False, False)]


def test_the_minute_of_the_closing_auction_counts_to_the_day(calendar: MarketCalendar) -> None:
    moments = ["2025-11-05T09:29", "2025-11-05T09:30", "2025-11-05T16:00", "2025-11-05T16:01", "2025-11-28T13:00"]
    assert [calendar.holds_bar(at(moment)) for moment in moments] == [False, True, True, False, True]


def test_a_date_is_settled_after_its_closing_auction(calendar: MarketCalendar) -> None:
    day = date(2025, 11, 28)
    assert [calendar.is_settled(day, at(f"2025-11-28T13:{minute}")) for minute in ("14", "15")] == [False, True]
    assert calendar.is_settled(date(2025, 11, 27), at("2025-11-27T00:00")), "a holiday has nothing to settle"
    assert calendar.is_settled(date(1962, 1, 2), at("2025-11-27T00:00")), "nor has the time before the table"


def test_a_session_knows_its_minutes(calendar: MarketCalendar) -> None:
    half_day = calendar.session_of(date(2025, 11, 28))
    assert half_day
    assert half_day.minutes == 210
    assert half_day.opens_at == market_instant(date(2025, 11, 28), time(9, 30))


def test_beyond_the_table_there_is_no_guess(calendar: MarketCalendar) -> None:
    with pytest.raises(LookupError, match=r"1980-01-01 to 2035-12-31, not 2036-01-01"):
        calendar.session_of(date(2036, 1, 1))
