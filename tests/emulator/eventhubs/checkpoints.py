"""Checkpoints and ownerships in memory: what several consumers of a group share in Azure by way of blobs."""

import time
import uuid
from collections.abc import Iterable
from typing import Any

from azure.eventhub.aio import CheckpointStore

Facts = dict[str, Any]
_PLACE = ("fully_qualified_namespace", "eventhub_name", "consumer_group")


class MemoryCheckpoints(CheckpointStore):
    """A claim counts where nobody has claimed since the claimant looked; `etag` tells."""

    def __init__(self) -> None:
        self.ownerships: dict[str, Facts] = {}
        self.checkpoints: dict[str, Facts] = {}

    async def list_ownership(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: Any
    ) -> Iterable[Facts]:
        return _of(self.ownerships, fully_qualified_namespace, eventhub_name, consumer_group)

    async def claim_ownership(self, ownership_list: Iterable[Facts], **_: Any) -> Iterable[Facts]:
        claimed = []
        for wanted in ownership_list:
            partition = wanted["partition_id"]
            if self.ownerships.get(partition, {}).get("etag") == wanted.get("etag"):
                self.ownerships[partition] = {**wanted, "etag": str(uuid.uuid4()), "last_modified_time": time.time()}
                claimed.append(dict(self.ownerships[partition]))
        return claimed

    async def update_checkpoint(self, checkpoint: Facts, **_: Any) -> None:
        self.checkpoints[checkpoint["partition_id"]] = dict(checkpoint)

    async def list_checkpoints(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: Any
    ) -> Iterable[Facts]:
        return _of(self.checkpoints, fully_qualified_namespace, eventhub_name, consumer_group)


def _of(kept: dict[str, Facts], *place: str) -> list[Facts]:
    return [dict(facts) for facts in kept.values() if tuple(facts[name] for name in _PLACE) == place]
