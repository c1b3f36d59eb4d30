"""The judge of chaos can say no, to each promise, and knows when nothing could be expected."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.chaos.verdict import GENEROUS, STRICT, TURNS, WAYS, Measured, Moment, cores_free, judge, percentile

QUICK = tuple(Moment(100.0 + n, 0.01) for n in range(100))
RIGHT = Measured(
    data=(),
    hub_lost=0,
    hub_doubled=0,
    unexpected={},
    tracebacks=(),
    stored=QUICK,
    prints=QUICK,
    bombs=(Moment(100.0, 0.5),),
    endings=(Moment(150.0, 2.0),),
    idle=(Moment(0.0, 1_000.0, 1.5),),
    disturbed=((300.0, 310.0),),
    crowds=((100.0, 199.0),),
    resident=1 << 30,
    acknowledged=dict.fromkeys(WAYS, 1),
    turns=dict.fromkeys(TURNS, 1),
)
SLOW = (*QUICK[2:], Moment(120.0, 1.5), Moment(121.0, 1.5))
NAMES = (
    "no row lost or doubled, views as recomputed",
    "no event of the hub lost or doubled",
    "no answer that is the platform's own fault",
    "no traceback in a log",
    "a trade is stored, while a core is free, p99 < 1,000 ms",
    "a trade is stored, whatever the cores do",
    "print 1 beside four heavy queries, p99 < 250 ms",
    "a bomb is answered after its time, within 1 s",
    "the process ends after SIGTERM, within 5 s",
    "resident memory",
    "every way was used",
    "every turn was taken",
)


def broken(measured: Measured) -> list[str]:
    return [finding.promise for finding in judge(measured, STRICT) if not finding.holds]


def test_what_keeps_all_promises_holds() -> None:
    findings = judge(RIGHT, STRICT)
    assert [(finding.promise, finding.holds) for finding in findings] == [(name, True) for name in NAMES]
    assert all(finding.holds for finding in judge(RIGHT, GENEROUS))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"data": ("1 acknowledged, and lost: x",)}, 0),
        ({"hub_lost": 1}, 1),
        ({"hub_doubled": 1}, 1),
        ({"unexpected": {"query: 520": 1}}, 2),
        ({"tracebacks": ("Traceback",)}, 3),
        ({"stored": SLOW}, 4),
        ({"stored": QUICK[1:]}, 4),
        ({"prints": SLOW}, 6),
        ({"crowds": ()}, 6),
        ({"bombs": (Moment(1.0, 1.1),)}, 7),
        ({"bombs": ()}, 7),
        ({"endings": (Moment(1.0, 0.1), Moment(1.0, 5.1))}, 8),
        ({"endings": ()}, 8),
        ({"resident": (4 << 30) + 1}, 9),
        ({"resident": 0}, 9),
        ({"acknowledged": {"streamed": 1, "queued": 1}}, 10),
        ({"turns": dict.fromkeys(TURNS[1:], 1)}, 11),
    ],
)
def test_a_broken_promise_is_named(changes: Mapping[str, object], place: int) -> None:
    assert broken(replace(RIGHT, **changes)) == [NAMES[place]]  # type: ignore[arg-type]  # names and values by case


def test_a_run_in_which_nothing_was_stored_does_not_hold() -> None:
    assert broken(replace(RIGHT, stored=())) == [NAMES[4], NAMES[5]]


def test_a_generous_judge_takes_what_could_not_be_measured_and_nothing_that_stood_still() -> None:
    standing = (*QUICK[2:], Moment(100.0, 10.1), Moment(101.0, 10.1))
    assert all(finding.holds for finding in judge(replace(RIGHT, idle=()), GENEROUS))
    assert [finding.promise for finding in judge(replace(RIGHT, stored=standing), GENEROUS) if not finding.holds] == [
        "a trade is stored, while a core is free, p99 < 10,000 ms"
    ]


def test_nothing_is_expected_of_a_process_that_is_disturbed() -> None:
    assert broken(replace(RIGHT, stored=(*QUICK, *(Moment(295.0, 6.0) for _ in range(5))))) == []
    assert broken(replace(RIGHT, stored=(*QUICK, *(Moment(295.0, 4.0) for _ in range(5))))) == [NAMES[4]]


def test_nothing_is_expected_while_no_core_is_free() -> None:
    busy = (Moment(0.0, 119.5, 1.5), Moment(119.5, 4.0, 0.5), Moment(123.5, 100.0, 1.5))
    stored = (*SLOW, *(Moment(130.0, 0.01) for _ in range(10)))
    assert broken(replace(RIGHT, stored=stored, idle=busy)) == []
    assert broken(replace(RIGHT, stored=stored)) == [NAMES[4]]


def test_idle_cores_are_those_of_the_time() -> None:
    idle = (Moment(0.0, 1.0, 2.0), Moment(1.0, 1.0, 0.0), Moment(2.0, 2.0, 1.0))
    assert cores_free(idle, Moment(0.2, 0.1)) == 2.0
    assert cores_free(idle, Moment(1.5, 1.0)) == pytest.approx(2 / 3)
    assert cores_free(idle, Moment(9.0, 1.0)) == 0.0


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(list(map(float, range(1, 101))), 0.99) == 99.0
    assert percentile([5.0], 0.99) == 5.0
