"""The nodes that answer requests: `$cbs` takes tokens, `$management` tells of hubs and partitions."""

from collections.abc import Callable
from typing import TypeAlias

from emulator.eventhubs.amqp.types import Array, Int, Symbol, Timestamp, Value
from emulator.eventhubs.errors import HubError
from emulator.eventhubs.hubs.hub import Hub, Hubs
from emulator.eventhubs.hubs.messages import Request, encode_response
from emulator.eventhubs.service.access import UNAUTHORIZED, Access

# The first AMQP timestamp, year 1: Azure's word for "never".
_NEVER = -62_135_596_800_000
_STATUS = {UNAUTHORIZED: 401, "amqp:not-found": 404, "com.microsoft:argument-out-of-range": 404}
_BAD_REQUEST = 400

Respond: TypeAlias = Callable[[Request], bytes]


def cbs(access: Access) -> Respond:
    """Return what answers requests to `$cbs` on a connection."""

    def answer(request: Request) -> bytes:
        operation = request.properties.get("operation")
        if operation != "put-token" or not isinstance(request.body, str):
            return _response(request, _BAD_REQUEST, f"the operation {operation!r} is not put-token with a token")
        try:
            access.put(request.body, str(request.properties.get("type")))
        except HubError as error:
            return _refusal(request, error)
        return _response(request, 202, "Accepted")

    return answer


def management(hubs: Hubs, access: Access) -> Respond:
    """Return what answers requests to `$management` on a connection."""

    def answer(request: Request) -> bytes:
        properties = request.properties
        if properties.get("operation") != "READ":
            return _response(request, _BAD_REQUEST, f"the operation {properties.get('operation')!r} is not READ")
        name = str(properties.get("name"))
        try:
            access.check(name)
            hub = hubs.find(name)
            match properties.get("type"):
                case "com.microsoft:eventhub":
                    body = _hub(hub)
                case "com.microsoft:partition":
                    body = _partition(hub, str(properties.get("partition")))
                case other:
                    return _response(request, _BAD_REQUEST, f"the entity type {other!r} is unknown")
        except HubError as error:
            return _refusal(request, error)
        return _response(request, 200, "OK", body)

    return answer


def _hub(hub: Hub) -> Value:
    return {
        "name": hub.name,
        "type": "com.microsoft:eventhub",
        "created_at": Timestamp(hub.created_at),
        "partition_count": Int(len(hub.partitions)),
        "partition_ids": Array(tuple(partition.id for partition in hub.partitions)),
    }


def _partition(hub: Hub, number: str) -> Value:
    log = hub.partition(number).log
    return {
        "name": hub.name,
        "type": "com.microsoft:partition",
        "partition": number,
        "begin_sequence_number": log.begin,
        "last_enqueued_sequence_number": log.end - 1,
        "last_enqueued_offset": str(log.last_offset),
        "last_enqueued_time_utc": Timestamp(log.last_time or _NEVER),
        "is_partition_empty": log.begin == log.end,
    }


def _refusal(request: Request, error: HubError) -> bytes:
    return _response(request, _STATUS.get(error.condition, _BAD_REQUEST), error.description, condition=error.condition)


def _response(request: Request, status: int, description: str, body: Value = None, *, condition: str = "") -> bytes:
    # Two spellings are in use: the Azure client looks for one here and for the other there.
    properties: dict[Value, Value] = {
        "status-code": Int(status),
        "statusCode": Int(status),
        "status-description": description,
        "statusDescription": description,
    }
    if condition:
        properties["errorCondition"] = Symbol(condition)
    return encode_response(request.message_id, properties, body)
