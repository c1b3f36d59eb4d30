"""A session frame by frame, on a wire that keeps what it is given: what each side is told, and how windows count."""

import pytest

from emulator.eventhubs.amqp.errors import AmqpError
from emulator.eventhubs.amqp.performatives import (
    Attach,
    Begin,
    Detach,
    Disposition,
    End,
    Flow,
    Performative,
    Transfer,
    decode_performative,
    error,
)
from emulator.eventhubs.amqp.session import MAX_MESSAGE_SIZE, RESOURCE_LIMIT, Session, link_address
from emulator.eventhubs.amqp.types import Described, Symbol, ULong, Value

LAST = (1 << 32) - 1
MOST = 0x7FFFFFFF


class Wire:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.max_frame_size = 512
        self.sent: list[object] = []
        self.is_full = False

    def send(self, channel: int, performative: Performative) -> None:
        assert channel == 3
        self.sent.append(performative)

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    async def drained(self) -> None:
        self.sent.append("drained")

    def may_link(self) -> bool:
        return not self.is_full

    def hold(self, size: int) -> bool:
        self.sent.append(("hold", size))
        return size < 10

    def release(self, size: int) -> None:
        self.sent.append(("release", size))

    def taken(self) -> list[object]:
        sent, self.sent = self.sent, []
        return sent


class Kept:
    """A link that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def attached(self) -> None:
        self.told.append("attached")

    def flow(self, flow: Flow) -> None:
        self.told.append(flow)

    def transfer(self, transfer: Transfer, payload: bytes) -> None:
        self.told.append((transfer, payload))

    def detached(self) -> None:
        self.told.append("detached")


def begun(begin: Begin | None = None) -> tuple[Session, Wire, dict[int, Kept]]:
    wire = Wire()
    links: dict[int, Kept] = {}

    def open_link(session: Session, attach: Attach) -> Kept:
        if attach.name == "refused":
            raise AmqpError("amqp:not-found", "there is no such node")
        return links.setdefault(attach.handle, Kept())

    session = Session(wire, 3, begin or Begin(None, 7, 5, 9, 200), open_link)
    assert wire.taken() == [Begin(3, 0, MOST, MOST, 200)]
    return session, wire, links


def windows(
    next_incoming_id: int, next_outgoing_id: int, handle: int | None = None, count: int | None = None,
    credit: int | None = None,
) -> Flow:  # fmt: skip
    return Flow(next_incoming_id, MOST, next_outgoing_id, MOST, handle, count, credit)


def test_a_link_is_answered_without_what_belongs_to_the_other_side() -> None:
    session, wire, links = begun()
    source, target = Described(Symbol("s"), []), Described(Symbol("t"), [])
    names: Value = [Symbol("a")]
    session.receive(Attach("n", 1, True, 1, 0, source, target, {"u": 1}, True, 9, 100, names, names, {"p": 1}), b"")
    assert wire.taken() == [
        Attach("n", 1, False, 1, 0, source, target, initial_delivery_count=0, max_message_size=MAX_MESSAGE_SIZE)
    ]
    session.receive(Attach("m", 2, False), b"")
    assert wire.taken() == [Attach("m", 2, True, initial_delivery_count=0, max_message_size=MAX_MESSAGE_SIZE)]
    assert (session.links, links[1].told, links[2].told) == (links, ["attached"], ["attached"])


@pytest.mark.parametrize(
    ("name", "is_full", "condition", "description"),
    [
        ("refused", False, "amqp:not-found", "there is no such node"),
        ("n", True, RESOURCE_LIMIT, "The connection has too many links"),
    ],
)
def test_a_link_that_is_refused_is_answered_and_ended(
    name: str, is_full: bool, condition: str, description: str
) -> None:
    session, wire, _ = begun()
    wire.is_full = is_full
    session.receive(Attach(name, 1, True), b"")
    refusal = Detach(1, closed=True, error=error(condition, description))
    assert wire.taken() == [Attach(name, 1, False, initial_delivery_count=0), refusal]
    assert session.links == {}


def test_a_handle_in_use_ends_the_session_and_all_its_links() -> None:
    session, wire, links = begun()
    session.receive(Attach("n", 1, True), b"")
    wire.taken()
    session.receive(Attach("m", 1, True), b"")
    assert wire.taken() == [End(error("amqp:session:handle-in-use", "the handle 1 is in use"))]
    assert (session.links, links[1].told) == ({}, ["attached", "detached"])
    # From then on nothing of the peer's counts, and nothing is said.
    session.receive(Attach("m", 2, True), b"")
    session.flow(1, 2, 3)
    assert (wire.taken(), session.links) == ([], {})


def test_transfers_and_flows_reach_their_link_and_are_counted() -> None:
    session, wire, links = begun(Begin(None, LAST - 1, 5, 9, 200))
    session.receive(Attach("n", 1, False), b"")
    session.receive(Attach("m", 2, True), b"")
    wire.taken()
    first, lost = Transfer(1, 0), Transfer(9, 1)
    session.receive(first, b"a")
    session.receive(lost, b"b")
    granted, of_all, echoed = Flow(handle=2, link_credit=4), Flow(), Flow(echo=True)
    for flow in (granted, Flow(handle=9), of_all, echoed):
        session.receive(flow, b"")
    assert links[1].told == ["attached", (first, b"a"), of_all, echoed]
    assert links[2].told == ["attached", granted, of_all, echoed]
    # Two transfers on from the last number but one is the first again.
    assert wire.taken() == [windows(next_incoming_id=0, next_outgoing_id=0)]
    session.flow(1, 5, 6)
    assert wire.taken() == [windows(next_incoming_id=0, next_outgoing_id=0, handle=1, count=5, credit=6)]


def test_both_sides_may_end_a_link() -> None:
    session, wire, links = begun()
    for handle in (1, 2):
        session.receive(Attach("n", handle, True), b"")
    wire.taken()
    session.receive(Detach(1, closed=True), b"")
    session.receive(Detach(1, closed=True), b"")
    failure = error("amqp:internal-error", "why")
    session.detach(2, failure)
    session.detach(2, failure)
    assert wire.taken() == [Detach(1, closed=True), Detach(2, closed=True, error=failure)]
    assert (session.links, links[1].told, links[2].told) == ({}, ["attached", "detached"], ["attached", "detached"])
    session.receive(Detach(2), b"")
    session.receive(Disposition(True, 0), b"")
    assert wire.taken() == []


def test_an_outcome_is_told_of_one_delivery() -> None:
    session, wire, _ = begun()
    session.settle(4, outcome := Described(Symbol("accepted"), []))
    assert wire.taken() == [Disposition(True, 4, 4, settled=True, state=outcome)]


def frames(data: object) -> list[tuple[Transfer, bytes]]:
    """Return the transfers that were written, each no larger than agreed."""
    assert isinstance(data, bytes)
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        assert size <= 512
        performative, end = decode_performative(data[8:size])
        assert isinstance(performative, Transfer)
        found.append((performative, data[8 + end : size]))
        data = data[size:]
    return found


def settled(number: int, tag: int, *, more: bool = False) -> Transfer:
    return Transfer(1, number, bytes((tag,)), 0, settled=True, more=more)


def test_messages_go_out_settled_in_frames_of_the_agreed_size() -> None:
    session, wire, _ = begun()
    assert session.room() == 5
    session.deliver(1, [b"a"])
    (sent,) = wire.taken()
    assert isinstance(sent, bytes)
    fitting = b"x" * (512 - len(sent) + 1)
    session.deliver(1, [b"b", fitting])
    assert session.room() == 2
    larger = b"y" * 600
    session.deliver(1, [larger])
    together, parts = map(frames, wire.taken())
    assert (frames(sent), together) == ([(settled(0, 0), b"a")], [(settled(1, 1), b"b"), (settled(2, 2), fitting)])
    (first, begin), (last, end) = parts
    assert (first, last, begin + end) == (settled(3, 3, more=True), settled(3, 3), larger)
    assert session.room() == 0
    session.flow(1, 0, 0)
    assert wire.taken() == [windows(next_incoming_id=7, next_outgoing_id=5, handle=1, count=0, credit=0)]


def test_tags_begin_anew_after_256_deliveries() -> None:
    session, wire, _ = begun()
    session.deliver(1, [b"a"] * 257)
    (sent,) = wire.taken()
    assert [transfer for transfer, _ in frames(sent)] == [settled(each, each % 256) for each in range(257)]


@pytest.mark.parametrize(
    ("next_incoming", "window", "room"),
    [(None, 10, 7), (2, 10, 9), (3, 0, 0), (3, MOST, MOST), (2, 0, 0), (LAST, 5, 1), (3, MOST + 1, 0)],
)
def test_the_window_of_the_peer_is_counted_from_what_it_has(next_incoming: int | None, window: int, room: int) -> None:
    session, wire, _ = begun()
    session.deliver(1, [b"a", b"b", b"c"])
    session.receive(Flow(next_incoming_id=next_incoming, incoming_window=window), b"")
    assert session.room() == room
    assert len(wire.taken()) == 1


async def test_parts_and_waiting_are_the_connections() -> None:
    session, wire, _ = begun()
    assert [session.hold(9), session.hold(10)] == [True, False]
    session.release(9)
    await session.drained()
    assert wire.taken() == [("hold", 9), ("hold", 10), ("release", 9), "drained"]


@pytest.mark.parametrize(("role", "expected"), [(True, "from"), (False, "to")])
def test_a_receiver_is_attached_to_its_source(role: bool, expected: str) -> None:
    source, target = (Described(ULong(0x28), [name]) for name in ("from", "to"))
    assert link_address(Attach("n", 1, role, source=source, target=target)) == expected
    assert link_address(Attach("n", 1, role)) == ""
