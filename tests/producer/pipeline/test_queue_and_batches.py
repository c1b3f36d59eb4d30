"""The queue between source and sink, and where a batch ends."""

import asyncio

import pytest

from producer.pipeline.batching import Batch, Batcher, BatchLimits
from producer.pipeline.intake import Intake
from tests.producer.clock import settle
from tests.producer.scripted import make_trade

TRADES = [make_trade(number) for number in range(5)]


async def test_a_queue_gives_what_came_first_and_knows_it() -> None:
    queue = Intake(3)
    assert (len(queue), queue.oldest, queue.pop(), queue.exhausted) == (0, None, None, False)
    for trade in TRADES[:3]:
        await queue.put(trade)
    assert (len(queue), queue.oldest) == (3, TRADES[0])
    assert [queue.pop() for _ in range(4)] == [*TRADES[:3], None]


async def test_a_full_queue_lets_its_source_wait() -> None:
    queue = Intake(2)
    for trade in TRADES[:2]:
        await queue.put(trade)
    waiting = asyncio.create_task(queue.put(TRADES[2]))
    await settle()
    assert (waiting.done(), len(queue)) == (False, 2)
    queue.pop()
    await settle()
    assert (waiting.done(), queue.oldest, len(queue)) == (True, TRADES[1], 2)


@pytest.mark.parametrize(("capacity", "count", "needed"), [(5, 1, 1), (5, 3, 3), (2, 3, 2)])
async def test_its_reader_waits_for_so_many_or_until_it_is_full(capacity: int, count: int, needed: int) -> None:
    queue = Intake(capacity)
    waiting = asyncio.create_task(queue.wait(count))
    for trade in TRADES[:needed]:
        await settle()
        assert not waiting.done()
        await queue.put(trade)
    await settle()
    assert waiting.done()
    await queue.wait(count)


async def test_what_is_in_a_closed_queue_is_still_taken_out() -> None:
    queue = Intake(3)
    await queue.put(TRADES[0])
    waiting = asyncio.create_task(queue.wait(2))
    await settle()
    assert not waiting.done()
    queue.close()
    await settle()
    assert (waiting.done(), queue.exhausted) == (True, False)
    assert (queue.pop(), queue.exhausted) == (TRADES[0], True)


def test_a_batch_ends_before_the_trade_that_is_too_much() -> None:
    batcher = Batcher(BatchLimits(size_bytes=10))
    # A line break joins each: two trades of four bytes are ten.
    assert batcher.add(TRADES[0], b"aaaa", 0.0) is None
    assert batcher.add(TRADES[1], b"bbbb", 0.0) is None
    assert batcher.add(TRADES[2], b"", 0.0) == Batch(TRADES[:2], [b"aaaa", b"bbbb"])
    assert batcher.oldest == TRADES[2]
    # One that is too much by itself is a batch of its own.
    assert batcher.add(TRADES[3], b"c" * 50, 0.0) == Batch([TRADES[2]], [b""])
    assert batcher.add(TRADES[4], b"d" * 9, 0.0) == Batch([TRADES[3]], [b"c" * 50])
    assert batcher.seal() == Batch([TRADES[4]], [b"d" * 9])
    assert batcher.seal() == Batch([], [])
    assert batcher.oldest is None


def test_a_batch_has_room_for_its_count_and_is_due_at_its_age() -> None:
    batcher = Batcher(BatchLimits(count=3, age_seconds=2.0))
    assert (batcher.room, batcher.deadline, batcher.is_due(1_000.0)) == (3, None, False)
    batcher.add(TRADES[0], b"a", 100.0)
    batcher.add(TRADES[1], b"b", 101.0)
    assert (batcher.room, batcher.deadline, batcher.is_due(101.9), batcher.is_due(102.0)) == (1, 102.0, False, True)
    batcher.seal()
    batcher.add(TRADES[2], b"c", 200.0)
    assert (batcher.room, batcher.deadline) == (2, 202.0)
