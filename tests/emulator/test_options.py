"""Request options, in the forms of clients and of `set` statements."""

from datetime import timedelta

import pytest

from emulator.engine.running.limits import MAX_BYTES, MAX_RECORDS, Limits
from emulator.errors import SemanticFault
from emulator.options import LONGEST_TIMEOUT, QUERY_TIMEOUT, count, flag, timeout


def test_flags() -> None:
    sent = (True, "true", "True ", 1, "1", False, "false", 0, "0", "", None, "yes", 2)
    assert [flag(value) for value in sent] == [True] * 5 + [False] * 8


def test_timeouts() -> None:
    forms = (timedelta(seconds=90), "00:01:30", "0:01:30", "1.5m", "90s", "time(90s)", "90000ms", "90 sec", "1.5min")
    assert {timeout({"servertimeout": form}, QUERY_TIMEOUT) for form in forms} == {timedelta(seconds=90)}
    assert timeout({}, QUERY_TIMEOUT) == QUERY_TIMEOUT
    assert timeout({"servertimeout": "1.00:00:00"}, QUERY_TIMEOUT) == LONGEST_TIMEOUT
    assert timeout({"servertimeout": "1s", "norequesttimeout": "true"}, QUERY_TIMEOUT) == LONGEST_TIMEOUT


@pytest.mark.parametrize("text", ["999999999999.00:00:00", "99999999999999999999d", "9" * 5_000 + "d"])
def test_a_timespan_beyond_all_is_the_longest(text: str) -> None:
    assert timeout({"servertimeout": text}, QUERY_TIMEOUT) == LONGEST_TIMEOUT
    with pytest.raises(SemanticFault, match=r"is not (positive|a timespan)"):
        timeout({"servertimeout": f"-{text}"}, QUERY_TIMEOUT)


@pytest.mark.parametrize("text", ["0s", "-00:00:10", "soon", "5", "", "1 fortnight"])
def test_what_is_no_positive_timespan_is_refused(text: str) -> None:
    with pytest.raises(SemanticFault) as caught:
        timeout({"servertimeout": text}, QUERY_TIMEOUT)
    assert caught.value.code == "SEM0052"


def test_counts() -> None:
    assert (count("n", {}, 7), count("n", {"n": 0}, 7), count("n", {"n": " 12 "}, 7)) == (7, 0, 12)
    for bad in ("-1", "1.5", "many", ""):
        with pytest.raises(SemanticFault, match="The option 'n' is not a whole number"):
            count("n", {"n": bad}, 7)


def test_limits_of_a_request() -> None:
    assert Limits.of({}) == Limits(MAX_RECORDS, MAX_BYTES, QUERY_TIMEOUT)
    assert Limits.of({"notruncation": "true", "truncationmaxrecords": "5"}) == Limits(None, None, QUERY_TIMEOUT)
    assert Limits.of({"truncationmaxrecords": 5, "truncationmaxsize": "1000", "servertimeout": "1m"}) == Limits(
        5, 1000, timedelta(minutes=1)
    )
