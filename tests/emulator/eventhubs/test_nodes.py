"""What the nodes of a hub answer to requests: `$cbs` takes tokens, `$management` tells of hubs and partitions."""

from types import SimpleNamespace
from typing import cast

import pytest

from emulator.eventhubs.amqp.types import Array, Int, Timestamp, Value
from emulator.eventhubs.errors import HubError
from emulator.eventhubs.hubs.hub import Hubs
from emulator.eventhubs.hubs.messages import Request
from emulator.eventhubs.service import nodes
from emulator.eventhubs.service.access import UNAUTHORIZED, Access


class _Door:
    """Lets everyone in but to one hub, and keeps the tokens that it was given."""

    def __init__(self) -> None:
        self.tokens: list[tuple[str, str]] = []

    def put(self, token: str, kind: str) -> None:
        if token == "wrong":  # noqa: S105 - a token of this test only
            raise HubError(UNAUTHORIZED, "the token is wrong")
        self.tokens.append((token, kind))

    def check(self, name: str) -> None:
        if name == "closed":
            raise HubError(UNAUTHORIZED, "no token for 'closed'")


def _log(begin: int, end: int, last_time: int, last_offset: int) -> SimpleNamespace:
    return SimpleNamespace(begin=begin, end=end, last_time=last_time, last_offset=last_offset)


class _Hub:
    name = "trades"
    created_at = 1_700_000_000_000

    def __init__(self) -> None:
        logs = {"0": _log(0, 0, 0, -1), "1": _log(3, 7, 1_700_000_000_123, 99)}
        self.partitions = [SimpleNamespace(id=id_, log=log) for id_, log in logs.items()]

    def partition(self, number: str) -> SimpleNamespace:
        found = [each for each in self.partitions if each.id == number]
        if not found:
            raise HubError("com.microsoft:argument-out-of-range", f"no partition '{number}'")
        return found[0]


class _Hubs:
    def find(self, name: str) -> _Hub:
        if name != "trades":
            raise HubError("amqp:not-found", f"no hub '{name}'")
        return _Hub()


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, dict[Value, Value], Value]]:
    """Return what is answered, before it is written."""
    found: list[tuple[object, dict[Value, Value], Value]] = []

    def keep(id_: Value, properties: dict[Value, Value], body: Value) -> bytes:
        found.append((id_, properties, body))
        return b"written"

    monkeypatch.setattr(nodes, "encode_response", keep)
    return found


def asked(
    properties: dict[str, Value], body: Value = None, *, is_token: bool = False, door: _Door | None = None
) -> None:
    access = cast("Access", door or _Door())
    respond = nodes.cbs(access) if is_token else nodes.management(cast("Hubs", _Hubs()), access)
    assert respond(Request("id", "me", properties, body)) == b"written"


def status(code: int, text: str, condition: str = "") -> dict[Value, Value]:
    found: dict[Value, Value] = {"status-code": Int(code), "statusCode": Int(code)}
    found |= {"status-description": text, "statusDescription": text}
    return found | ({"errorCondition": condition} if condition else {})


READ = {"operation": "READ", "name": "trades"}
HUB, PARTITION = {**READ, "type": "com.microsoft:eventhub"}, {**READ, "type": "com.microsoft:partition"}


@pytest.mark.parametrize(
    ("properties", "expected", "body"),
    [
        (
            HUB,
            status(200, "OK"),
            {
                "name": "trades",
                "type": "com.microsoft:eventhub",
                "created_at": Timestamp(1_700_000_000_000),
                "partition_count": Int(2),
                "partition_ids": Array(("0", "1")),
            },
        ),
        (
            {**PARTITION, "partition": "1"},
            status(200, "OK"),
            {
                "name": "trades",
                "type": "com.microsoft:partition",
                "partition": "1",
                "begin_sequence_number": 3,
                "last_enqueued_sequence_number": 6,
                "last_enqueued_offset": "99",
                "last_enqueued_time_utc": Timestamp(1_700_000_000_123),
                "is_partition_empty": False,
            },
        ),
        (
            {**PARTITION, "partition": "0"},
            status(200, "OK"),
            {
                "name": "trades",
                "type": "com.microsoft:partition",
                "partition": "0",
                "begin_sequence_number": 0,
                "last_enqueued_sequence_number": -1,
                "last_enqueued_offset": "-1",
                "last_enqueued_time_utc": Timestamp(-62_135_596_800_000),
                "is_partition_empty": True,
            },
        ),
        ({**HUB, "operation": "WRITE"}, status(400, "the operation 'WRITE' is not READ"), None),
        ({"name": "trades"}, status(400, "the operation None is not READ"), None),
        ({**READ, "type": "queue"}, status(400, "the entity type 'queue' is unknown"), None),
        ({**HUB, "name": "other"}, status(404, "no hub 'other'", "amqp:not-found"), None),
        ({**HUB, "name": "closed"}, status(401, "no token for 'closed'", UNAUTHORIZED), None),
        (
            {**PARTITION, "partition": "9"},
            status(404, "no partition '9'", "com.microsoft:argument-out-of-range"),
            None,
        ),
    ],
)
def test_what_is_told_of_hubs_and_partitions(
    properties: dict[str, Value],
    expected: dict[Value, Value],
    body: Value,
    answers: list[tuple[object, dict[Value, Value], Value]],
) -> None:
    asked(properties)
    assert answers == [("id", expected, body)]


@pytest.mark.parametrize(
    ("properties", "body", "expected", "tokens"),
    [
        ({"operation": "put-token", "type": "jwt"}, "t", status(202, "Accepted"), [("t", "jwt")]),
        ({"operation": "put-token", "type": "jwt"}, "wrong", status(401, "the token is wrong", UNAUTHORIZED), []),
        ({"operation": "put-token"}, b"t", status(400, "the operation 'put-token' is not put-token with a token"), []),
        ({"operation": "take"}, "t", status(400, "the operation 'take' is not put-token with a token"), []),
    ],
)
def test_tokens_are_taken_or_refused(
    properties: dict[str, Value],
    body: Value,
    expected: dict[Value, Value],
    tokens: list[tuple[str, str]],
    answers: list[tuple[object, dict[Value, Value], Value]],
) -> None:
    door = _Door()
    asked(properties, body, is_token=True, door=door)
    assert (answers, door.tokens) == ([("id", expected, None)], tokens)
