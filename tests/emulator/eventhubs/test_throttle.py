"""Throttling: a pace that is waited for, and a refusal that the Azure client takes as a reason to try again."""

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import ConnectError

from emulator.eventhubs import EventHubs, Options
from emulator.eventhubs.errors import HubError
from emulator.eventhubs.hubs.throttle import SERVER_BUSY, Meter, Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_second_of_events_comes_at_once_then_they_are_paced() -> None:
    clock = Clock()
    meter = Meter(Throttle(100, patience=2), clock)
    assert meter.take(100, 0) == 0
    assert meter.take(50, 0) == pytest.approx(0.5)
    assert meter.take(50, 0) == pytest.approx(1.0)
    clock.now += 10
    assert meter.take(100, 0) == 0


def test_bytes_count_as_well() -> None:
    meter = Meter(Throttle(1000, bytes_per_second=10_000), Clock())
    meter.take(1, 10_000)
    assert meter.take(1, 20_000) == pytest.approx(2.0)


def test_after_silence_one_delivery_of_any_size_is_taken() -> None:
    clock = Clock()
    meter = Meter(Throttle(10, patience=1), clock)
    assert meter.take(1000, 0) == 0
    clock.now += 99
    with pytest.raises(HubError, match=r"wait for 100\.0 s"):
        meter.take(1000, 0)
    clock.now += 1
    assert meter.take(1000, 0) == 0


def test_beyond_patience_the_server_is_busy_until_the_refused_would_be_taken() -> None:
    clock = Clock()
    meter = Meter(Throttle(100, patience=1), clock)
    meter.take(200, 0)
    meter.check()
    with pytest.raises(HubError, match="throttled") as busy:
        meter.take(50, 0)
    assert busy.value.condition == SERVER_BUSY
    with pytest.raises(HubError, match="throttled"):
        meter.check()
    clock.now += 0.5
    meter.check()
    assert meter.take(50, 0) == pytest.approx(1.0)


def test_without_a_throttle_there_is_no_limit() -> None:
    meter = Meter(None)
    meter.check()
    assert meter.take(10**9, 10**12) == 0


@pytest.mark.slow
async def test_the_client_waits_and_tries_again() -> None:
    throttled = Options(throttle=Throttle(20, patience=0))
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=throttled)
    try:
        async with EventHubProducerClient.from_connection_string(served.connection_string("trades")) as producer:
            for _ in range(3):
                await producer.send_batch([EventData(b"x")] * 15, partition_id="0")
        assert served.hub("trades").partition(0).end == 45
    finally:
        await served.close()


@pytest.mark.slow
async def test_a_client_that_does_not_try_again_is_told_why() -> None:
    throttled = Options(throttle=Throttle(0.1, patience=0))
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=throttled)
    try:
        connection = served.connection_string("trades")
        async with EventHubProducerClient.from_connection_string(connection, retry_total=0) as producer:
            await producer.send_batch([EventData(b"taken")], partition_id="0")
            with pytest.raises(ConnectError, match=r"(?s)throttled.*com.microsoft:server-busy"):
                await producer.send_batch([EventData(b"refused")], partition_id="0")
        assert [event.body for event in served.hub("trades").partition(0).read(0, 10)] == [b"taken"]
    finally:
        await served.close()
