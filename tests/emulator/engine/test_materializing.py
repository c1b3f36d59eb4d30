"""When views that are behind try to catch up, on a clock and with views of a test's own."""

import logging
from types import SimpleNamespace
from typing import cast

import pytest

from emulator.engine.works import Works
from emulator.engine.writing import materializing
from emulator.engine.writing.materializing import Materializing
from emulator.engine.writing.writer import Writer
from emulator.errors import EngineFault


class Clock:
    """Time that passes by waiting and by work alone."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class Views:
    """Views that are behind, and a writer that lets them catch up after so many attempts that take so long."""

    def __init__(self, clock: Clock, attempts: dict[str, int], seconds: float = 0.0) -> None:
        self.catalog = None
        self.clock = clock
        self.left = dict(attempts)
        self.seconds = seconds
        self.tried: list[tuple[str, float]] = []
        self.fault: Exception = EngineFault("not yet")

    def behind(self, _catalog: object) -> dict[str, tuple[str, str]]:
        return {f"D.{name}": ("D", name) for name, left in self.left.items() if left}

    def change(self, call: object) -> None:
        name = cast("SimpleNamespace", call).keywords["name"]
        self.tried.append((name, round(self.clock.now - 1_000.0, 6)))
        self.clock.now += self.seconds
        self.left[name] -= 1
        if self.left[name]:
            raise self.fault


def ran(monkeypatch: pytest.MonkeyPatch, views: Views, clock: Clock) -> Materializing:
    """Let the views catch up, in this thread."""
    monkeypatch.setattr(materializing, "time", clock)
    monkeypatch.setattr(materializing, "views_behind", views.behind)
    found = Materializing(cast("Writer", views), Works())

    def wait(seconds: float | None = None) -> None:
        assert seconds is not None
        clock.now += seconds

    monkeypatch.setattr(found._changed, "wait", wait)
    found._run()
    return found


@pytest.mark.parametrize(
    ("attempts", "seconds", "times"),
    [
        (1, 0.0, [1.0]),
        (5, 0.0, [1.0, 2.0, 4.0, 8.0, 16.0]),
        # No longer than a minute, unless the work takes long: then 19 times as long as that.
        (9, 0.0, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 124.0, 184.0]),
        (3, 0.5, [1.0, 11.0, 21.0]),
        (3, 0.01, [1.0, 2.01, 4.02]),
    ],
)
def test_pauses_grow_with_attempts_and_with_what_they_take(
    monkeypatch: pytest.MonkeyPatch, attempts: int, seconds: float, times: list[float]
) -> None:
    clock = Clock()
    views = Views(clock, {"V": attempts}, seconds)
    ran(monkeypatch, views, clock)
    assert views.tried == [("V", time) for time in times]


def test_the_view_that_is_due_first_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    views = Views(clock, {"A": 3, "B": 1})
    ran(monkeypatch, views, clock)
    assert views.tried == [("A", 1.0), ("B", 1.0), ("A", 2.0), ("A", 4.0)]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (EngineFault("not yet"), "materialized view 'V' of database 'D' is still behind: not yet"),
        (ZeroDivisionError(), "materialized view 'V' of database 'D' cannot catch up"),
    ],
)
def test_what_is_in_the_way_is_logged_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    views = Views(clock, {"V": 2})
    views.fault = fault
    ran(monkeypatch, views, clock)
    assert [record.getMessage() for record in caplog.records] == [told]
    assert len(views.tried) == 2


def test_nothing_begins_where_no_view_is_behind_or_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    views = Views(clock, {"V": 0})
    found = ran(monkeypatch, views, clock)
    found.wake()
    assert found._thread is None
    views.left["V"] = 1
    found.stop()
    found.wake()
    found._run()
    found.join(1.0)
    assert (found._thread, views.tried) == (None, [])


def test_views_are_seen_to_in_a_thread_that_keeps_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views(Clock(), {"V": 1})
    monkeypatch.setattr(materializing, "views_behind", views.behind)
    found = Materializing(cast("Writer", views), Works())
    found.wake()
    thread = found._thread
    assert thread is not None
    assert (thread.daemon, thread.name) == (True, "materialization")
    found.stop()
    found.join(10.0)
    assert (thread.is_alive(), found._thread, views.tried) == (False, None, [])
