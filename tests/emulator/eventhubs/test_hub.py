"""A hub by itself: which partition an event goes to, and what it does not have."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from emulator.eventhubs.errors import HubError
from emulator.eventhubs.hubs.hub import Description, Hub, Hubs
from emulator.eventhubs.hubs.partition import Partition


def hub(partitions: int) -> Hub:
    described = cast(Description, SimpleNamespace(name="trades", created_at=datetime(2026, 1, 5, tzinfo=UTC)))
    made = tuple(cast(Partition, SimpleNamespace(id=str(number))) for number in range(partitions))
    return Hub(described, made, ["$Default"])


def test_events_without_a_key_take_turns_and_those_of_one_key_stay_together() -> None:
    made = hub(3)
    assert [made.route(None).id for _ in range(7)] == ["0", "1", "2", "0", "1", "2", "0"]
    assert len({made.route("AAPL").id for _ in range(5)}) == 1
    assert made.route(None).id == "1"


def test_partitions_are_numbered_from_0() -> None:
    made = hub(3)
    assert [made.partition(number).id for number in (0, 2)] == ["0", "2"]
    with pytest.raises(HubError) as caught:
        made.partition(3)
    assert (caught.value.condition, caught.value.description) == (
        "com.microsoft:argument-out-of-range", "The partition '3' of 'trades' is invalid; partitions are 0 to 2"
    )  # fmt: skip


def test_hubs_are_found_by_name_in_any_case() -> None:
    made = hub(1)
    hubs = Hubs({"Trades": made})
    assert (hubs.find("TRADES"), hubs.all()) == (made, (made,))
    with pytest.raises(HubError) as caught:
        hubs.find("quotes")
    assert caught.value.description == "The messaging entity 'quotes' could not be found"
