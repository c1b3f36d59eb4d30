"""Hubs with their partitions and consumer groups, in a folder or in memory."""

import json
import os
import time
from collections.abc import Collection, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Self

from emulator.errors import KustoError
from emulator.eventhubs.errors import HubError, LogDamaged
from emulator.eventhubs.hubs.log import Log, Retention
from emulator.eventhubs.hubs.partition import Partition
from emulator.eventhubs.hubs.partition_keys import partition_of
from emulator.eventhubs.hubs.receivers import Receivers

DEFAULT_GROUP = "$Default"
MAX_PARTITIONS = 32
_DESCRIPTION = "hub.json"


@dataclass(frozen=True, slots=True)
class Description:
    """What a hub's folder keeps of it; `created_at`, in milliseconds since 1970, tells it from others of its name."""

    name: str
    partitions: int
    created_at: int


class Hub:
    """An event hub."""

    def __init__(self, description: Description, partitions: tuple[Partition, ...], groups: Collection[str]) -> None:
        self.name = description.name
        self.created_at = description.created_at
        self.partitions = partitions
        self._turns = count()
        self._groups = {group.lower() for group in groups}
        self._receivers: dict[tuple[str, str], Receivers] = {}

    @classmethod
    def open(
        cls,
        folder: Path | None,
        name: str,
        partitions: int,
        groups: Collection[str],
        retention: Retention,
        commits: Executor | None = None,
    ) -> Self:
        """Open a hub, made if it is not there; None keeps it in memory. Events are stored in the threads of `commits`.

        Raises KustoError where the folder was made for another number of partitions.
        """
        description = _describe(folder, name, partitions)
        opened = tuple(
            Partition(number, Log.open(None if folder is None else folder / str(number), retention), now, commits)
            for number in range(partitions)
        )
        return cls(description, opened, groups)

    def partition(self, number: int | str) -> Partition:
        """Return a partition by number; raise HubError where there is none."""
        for partition in self.partitions:
            if partition.id == str(number):
                return partition
        raise HubError(
            "com.microsoft:argument-out-of-range",
            f"The partition '{number}' of '{self.name}' is invalid; partitions are 0 to {len(self.partitions) - 1}",
        )

    def route(self, partition_key: str | None) -> Partition:
        """Return the partition of a key, or the next in turn for none."""
        partitions = len(self.partitions)
        if partition_key is not None:
            return self.partitions[partition_of(partition_key, partitions)]
        return self.partitions[next(self._turns) % partitions]

    def receivers(self, group: str, partition: Partition) -> Receivers:
        """Return who receives from a partition in a consumer group; raise HubError where there is no such group."""
        if group.lower() not in self._groups:
            raise HubError(
                "amqp:not-found", f"The messaging entity '{self.name}/ConsumerGroups/{group}' could not be found"
            )
        return self._receivers.setdefault((group.lower(), partition.id), Receivers())

    async def flush(self) -> None:
        """Wait until all that waits is stored."""
        for partition in self.partitions:
            await partition.flush()

    async def close(self) -> None:
        """Store what waits and close."""
        for partition in self.partitions:
            await partition.close()


class Hubs:
    """All hubs of a namespace, found by name without regard to case."""

    def __init__(self, hubs: Mapping[str, Hub]) -> None:
        self._hubs = {name.lower(): hub for name, hub in hubs.items()}

    def find(self, name: str) -> Hub:
        """Return a hub, or raise HubError."""
        hub = self._hubs.get(name.lower())
        if hub is None:
            raise HubError("amqp:not-found", f"The messaging entity '{name}' could not be found")
        return hub

    def all(self) -> tuple[Hub, ...]:
        """Return every hub."""
        return tuple(self._hubs.values())


def now() -> int:
    """Return the milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def _describe(folder: Path | None, name: str, partitions: int) -> Description:
    if not 1 <= partitions <= MAX_PARTITIONS:
        raise KustoError(
            f"The hub '{name}' cannot have {partitions} partitions.",
            "TH_Partitions",
            hint=f"1 to {MAX_PARTITIONS} are possible",
        )
    fresh = Description(name, partitions, now())
    if folder is None:
        return fresh
    path = folder / _DESCRIPTION
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(".new")
        with written.open("w") as file:
            file.write(json.dumps(asdict(fresh)))
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
        return fresh
    try:
        kept = json.loads(path.read_text())
        known = Description(str(kept["name"]), int(kept["partitions"]), int(kept["created_at"]))
    except (LookupError, TypeError, ValueError) as error:
        raise LogDamaged(f"{path} does not describe a hub") from error
    if known.partitions != partitions:
        raise KustoError(
            f"The hub '{name}' in '{folder}' has {known.partitions} partitions, not {partitions}.",
            "TH_Partitions",
            hint="keys would move to other partitions: use another hub, or another data folder",
        )
    return known
