"""Partition keys go where the Azure client's buffered producer sends them."""

import string
from typing import Any

import pytest
from azure.eventhub._buffered_producer._partition_resolver import PartitionResolver
from hypothesis import given
from hypothesis import strategies as st

from emulator.eventhubs.hubs.partition_keys import partition_of


@pytest.mark.slow
@given(st.text(string.printable) | st.text(), st.integers(1, 32))
def test_a_key_has_the_partition_of_the_client(key: str, partitions: int) -> None:
    resolver: Any = PartitionResolver
    expected = resolver(list(range(partitions))).get_partition_id_by_partition_key(key)
    assert partition_of(key, partitions) == expected


def test_keys_spread_over_the_partitions() -> None:
    assert {partition_of(f"S{number}", 4) for number in range(50)} == {0, 1, 2, 3}
