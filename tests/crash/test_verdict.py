"""The judge of crashes can say no, to each kind of loss."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.crash.verdict import Found, Sizes, Told, judge

SIZES = Sizes(batch=4, large=2, generation=3)
LINES = """ready
try streamed/1/0
done streamed/1/0
try marked/1
done marked/1
try marked/2
try generation 1
done generation 1
try generation 2
try no view
done no view
try view
done view"""
BATCHES = {"streamed/1/0": (4, 4), "marked/1": (4, 4)}
LARGE = {"streamed/1/0": 2, "marked/1": 2}
VIEWS = {"Unique": 0, "Backfilled": 0}
RIGHT = Found(BATCHES, LARGE, mark=1, generations={1: 3}, views=VIEWS)
UNHEARD = {"batches": BATCHES | {"marked/2": (4, 4)}, "large": LARGE | {"marked/2": 2}, "mark": 2}


def told(lines: str = LINES) -> Told:
    heard = Told()
    heard.hear(lines.splitlines())
    return heard


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # What was tried and never acknowledged may be there, as a whole.
        UNHEARD,
        {"generations": {2: 3}},
    ],
)
def test_what_was_acknowledged_and_perhaps_more_holds(changes: Mapping[str, object]) -> None:
    assert judge(told(), replace(RIGHT, **changes), SIZES) == []  # type: ignore[arg-type]  # names and values by case


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"batches": {"marked/1": (4, 4)}, "large": {"marked/1": 2}},
            "1 acknowledged, and lost: streamed/1/0",
        ),
        ({"batches": BATCHES | {"streamed/1/0": (3, 3)}}, "1 stored in part: streamed/1/0"),
        ({"batches": BATCHES | {"streamed/1/0": (8, 4)}}, "1 stored twice: streamed/1/0"),
        (
            {"batches": BATCHES | {"x": (4, 4)}, "large": LARGE | {"x": 2}},
            "1 never sent: x",
        ),
        ({"large": {"marked/1": 2}}, "1 not passed on by the policy as it was: streamed/1/0"),
        ({"large": LARGE | {"gone": 2}}, "1 not passed on by the policy as it was: gone"),
        ({"mark": 2}, "1 marked up to another place than stored: 2"),
        ({"mark": None}, "1 marked up to another place than stored: None"),
        ({"generations": {1: 2}}, "1 not one whole generation: (1, 2)"),
        ({"generations": {1: 3, 2: 3}}, "2 not one whole generation: (1, 3), (2, 3)"),
        ({"generations": {}}, "1 another generation than acknowledged: 0"),
        ({"generations": {3: 3}}, "1 another generation than acknowledged: 3"),
        ({"views": VIEWS | {"Unique": 2}}, "1 views that differ from their queries: Unique: 2 rows"),
        (
            {"views": {"Unique": 0}},
            "1 a view that is there, or not, against what was acknowledged: Backfilled",
        ),
    ],
)
def test_a_fault_is_named(changes: Mapping[str, object], fault: str) -> None:
    assert judge(told(), replace(RIGHT, **changes), SIZES) == [fault]  # type: ignore[arg-type]  # as above


def test_a_gap_in_what_is_marked_is_a_fault() -> None:
    found = replace(
        RIGHT,
        batches={"streamed/1/0": (4, 4), "marked/2": (4, 4)},
        large={"streamed/1/0": 2, "marked/2": 2},
    )
    assert judge(told(), found, SIZES) == [
        "1 acknowledged, and lost: marked/1",
        "2 a gap in what is marked: 1, 2",
    ]


@pytest.mark.parametrize(("last", "is_there"), [("done view", False), ("done no view", True)])
def test_a_view_is_as_the_last_acknowledgement_says(last: str, is_there: bool) -> None:
    found = replace(RIGHT, views={"Unique": 0} | ({"Backfilled": 0} if is_there else {}))
    assert judge(told(f"{LINES}\n{last}"), found, SIZES) != []
    assert judge(told(f"{LINES}\n{last}\ntry view\ntry no view"), found, SIZES) == []
