"""Places: so many at a time, the others in the order of asking, and never more than may wait."""

import asyncio

import pytest

from emulator.errors import CancelFault, LimitFault, ThrottledFault
from emulator.lanes.places import Places
from emulator.work import Work


def places(number: int, waiting: int) -> Places:
    return Places(number, waiting, lambda capacity: ThrottledFault(f"Capacity: {capacity}", "TooManyRequests"))


async def settled(*tasks: "asyncio.Task[None]") -> list[bool]:
    """Let tasks go as far as they can; return which have ended."""
    for _ in range(10):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


async def test_places_are_given_in_the_order_of_asking() -> None:
    few = places(1, 2)
    await few.take(Work())
    first, second = (asyncio.create_task(few.take(Work())) for _ in range(2))
    assert await settled(first, second) == [False, False]
    few.give_back()
    assert await settled(first, second) == [True, False]
    assert not few.take_free()
    few.give_back()
    assert await settled(first, second) == [True, True]
    few.give_back()
    assert few.take_free()


async def test_who_finds_the_queue_full_is_refused_at_once() -> None:
    few = places(2, 1)
    for _ in range(2):
        await few.take(Work())
    waiting = asyncio.create_task(few.take(Work()))
    assert await settled(waiting) == [False]
    with pytest.raises(ThrottledFault) as refused:
        await few.take(Work())
    assert (refused.value.message, refused.value.permanent) == ("Capacity: 3", False)
    few.give_back()
    await waiting


async def test_who_leaves_makes_room_in_the_queue() -> None:
    few = places(1, 1)
    await few.take(Work())
    for _ in range(3):
        leaving = asyncio.create_task(few.take(Work()))
        assert await settled(leaving) == [False]
        leaving.cancel()
        assert await settled(leaving) == [True]
        assert leaving.cancelled()
    few.give_back()
    assert few.take_free()


async def test_a_turn_that_comes_at_the_moment_of_leaving_goes_to_the_next() -> None:
    few = places(1, 2)
    await few.take(Work())
    leaving, next_ = (asyncio.create_task(few.take(Work())) for _ in range(2))
    await settled(leaving, next_)
    few.give_back()
    leaving.cancel()
    assert await settled(leaving, next_) == [True, True]
    assert leaving.cancelled()
    assert not few.take_free()


async def test_work_that_is_canceled_or_overdue_waits_no_longer() -> None:
    few = places(1, 2)
    await few.take(Work())
    canceled = Work()
    waiting = asyncio.create_task(few.take(canceled))
    await settled(waiting)
    # From another thread, as whoever cancels may be.
    await asyncio.to_thread(canceled.cancel, "enough")
    with pytest.raises(CancelFault, match="enough"):
        await waiting
    with pytest.raises(ThrottledFault):
        await few.take(Work(0.01))
    with pytest.raises(LimitFault):
        await few.take(Work(0.0))
    few.give_back()
    assert few.take_free()
