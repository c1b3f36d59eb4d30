"""What the tests of queued ingestion share: waiting for outcomes, and addresses of storage resources."""

import time
from collections.abc import Callable
from typing import TypeVar

from azure.kusto.data import KustoClient

T = TypeVar("T")

PATIENCE_SECONDS = 60.0


def eventually(look: Callable[[], T], accept: Callable[[T], bool]) -> T:
    """Look again until what is found is accepted, and return it; after a minute it is what it is."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not accept(found := look()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def resource(client: KustoClient, kind: str) -> str:
    """Return the signed address of a resource of queued ingestion."""
    table = client.execute("NetDefaultDB", ".get ingestion resources").primary_results[0]
    return next(str(row["StorageRoot"]) for row in table if row["ResourceTypeName"] == kind)


def object_in(address: str, name: str) -> str:
    """Return the signed address of an object in a container."""
    root, _, signature = address.partition("?")
    return f"{root}/{name}?{signature}"
