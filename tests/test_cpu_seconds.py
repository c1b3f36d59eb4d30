"""Which tests `pytest --show-slow` tells to mark."""

import pytest

from tests.cpu_seconds import SLOW, unmarked


def report(test: str, *marks: str, own: float, shared: float = 0.0) -> pytest.TestReport:
    spent = [("cpu_seconds_of_fixture market", shared), ("cpu_seconds", own), ("another property", "text")]
    return pytest.TestReport(
        test, ("", None, ""), dict.fromkeys(marks, 1), "passed", None, "teardown", user_properties=spent
    )


def test_an_unmarked_test_is_named_for_what_its_cases_take_on_average() -> None:
    reports = [
        report("a.py::test_dear[1]", own=3 * SLOW),
        report("a.py::test_dear[2]", own=SLOW),
        report("a.py::test_one_dear_case[1]", own=1.5 * SLOW),
        report("a.py::test_one_dear_case[2]", own=0.25 * SLOW),
        report("a.py::test_marked", "slow", own=9 * SLOW),
        report("a.py::test_first_with_a_fixture", own=0.5 * SLOW, shared=9 * SLOW),
        report("b.py::test_dearest", own=4 * SLOW),
    ]
    assert unmarked(reports) == [(4 * SLOW, "b.py::test_dearest"), (2 * SLOW, "a.py::test_dear")]
