"""When a session is due, how gaps are cut, and from when to when a provider is asked."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from producer.history.coverage import Gap, _due, split_gaps
from producer.market_time.session import Session

OPENS = datetime(2026, 2, 3, 14, 30, tzinfo=UTC)
SESSION = Session(date(2026, 2, 3), OPENS, OPENS + timedelta(hours=6, minutes=30))


class Dates:
    """Every day has a session; it is settled a day later."""

    def sessions(self, first: date, last: date) -> Iterator[Session]:
        days = [first + timedelta(number) for number in range((last - first).days + 1)]
        for day in days:
            move = day - SESSION.date
            yield Session(day, OPENS + move, SESSION.closes_at + move)

    def is_settled(self, day: date, now: datetime) -> bool:
        return now.date() > day


def gap(first: int, last: int, symbol: str = "A") -> Gap:
    begin, end = (next(Dates().sessions(date(2026, 2, day), date(2026, 2, day))) for day in (first, last))
    return Gap(symbol, "daily", begin, end, last - first + 1)


@pytest.mark.parametrize(
    ("after", "is_due"),
    [(timedelta(seconds=59), False), (timedelta(minutes=1), True), (timedelta(minutes=2), True)],
)
def test_minutes_are_due_when_the_first_is_over(after: timedelta, is_due: bool) -> None:
    assert _due("intraday", SESSION, Dates(), OPENS + after) is is_due


def test_a_day_is_due_when_it_is_settled() -> None:
    assert [_due("daily", SESSION, Dates(), OPENS + timedelta(days)) for days in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    ("gaps", "most", "pieces"),
    [
        ([gap(2, 6)], 2, [gap(2, 3), gap(4, 5), gap(6, 6)]),
        ([gap(2, 6)], 5, [gap(2, 6)]),
        ([gap(2, 6)], 1, [gap(day, day) for day in range(2, 7)]),
        ([gap(2, 2), gap(3, 3, "B")], 9, [gap(2, 2), gap(3, 3, "B")]),
    ],
)
def test_gaps_are_cut_into_pieces(gaps: list[Gap], most: int, pieces: list[Gap]) -> None:
    assert list(split_gaps(gaps, Dates(), most)) == pieces


def test_gaps_that_fit_into_one_request_are_joined() -> None:
    both = split_gaps([gap(2, 2), gap(4, 4)], Dates(), 3)
    apart = split_gaps([gap(2, 2), gap(5, 5)], Dates(), 3)
    joined = Gap("A", "daily", gap(2, 2).first, gap(4, 4).last, 2)
    assert [list(both), list(apart)] == [[joined], [gap(2, 2), gap(5, 5)]]


def test_from_when_to_when_a_provider_is_asked() -> None:
    days = gap(2, 3)
    minutes = Gap("A", "intraday", days.first, days.last, 2)
    assert (days.end - days.start, days.start.date(), str(days)) == (
        timedelta(2),
        date(2026, 2, 2),
        "A daily 2026-02-02 to 2026-02-03",
    )
    assert (minutes.start, minutes.end) == (days.first.opens_at, days.last.closes_at + timedelta(minutes=1))
    assert str(gap(2, 2)) == "A daily 2026-02-02"
