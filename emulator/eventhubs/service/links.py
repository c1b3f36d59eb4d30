"""The links of a session: producers into the log, consumers out of it, and requests to the answering nodes."""

import asyncio
from collections.abc import Mapping
from functools import partial

from emulator.eventhubs.amqp.performatives import (
    Attach,
    Flow,
    Transfer,
    accepted,
    error,
    filters,
    rejected,
    symbols,
)
from emulator.eventhubs.amqp.session import MAX_MESSAGE_SIZE, RESOURCE_LIMIT, Session
from emulator.eventhubs.amqp.types import CodecError, Described, Symbol, Timestamp, Value
from emulator.eventhubs.errors import HubError, LogDamaged
from emulator.eventhubs.hubs.hub import Hub, now
from emulator.eventhubs.hubs.messages import Message, parse_messages, parse_request, with_delivery_annotations
from emulator.eventhubs.hubs.partition import Partition
from emulator.eventhubs.hubs.positions import LATEST, By, Position, parse_selector
from emulator.eventhubs.hubs.receivers import Receivers
from emulator.eventhubs.hubs.segment import Record
from emulator.eventhubs.hubs.throttle import Meter
from emulator.eventhubs.service.nodes import Respond

_CREDIT = 1000
_MAX_EVENTS, _MAX_BYTES = 512, 1 << 20
_SELECTOR = "apache.org:selector-filter:string"
_EPOCH = "com.microsoft:epoch"
_METRICS = "com.microsoft:enable-receiver-runtime-metric"
# Of a request to a node, which is a token at most, and of what waits for the client to ask for answers.
_MAX_REQUEST = 64 << 10
_MOST_ANSWERS = 100
_TOO_LARGE = "amqp:link:message-size-exceeded"


class _Inbox:
    """The client's end sends: puts messages together and keeps the client in credit."""

    def __init__(self, session: Session, attach: Attach, largest: int) -> None:
        self._session = session
        self._handle = attach.handle
        self._received = attach.initial_delivery_count or 0
        self._credit = 0
        self._first: Transfer | None = None
        self._parts = bytearray()
        self._size = 0
        self._largest = largest

    def attached(self) -> None:
        """Give the first credit."""
        self._grant()

    def flow(self, flow: Flow) -> None:
        """Take note of nothing: the credit of this direction is granted here."""

    def transfer(self, transfer: Transfer, payload: bytes) -> None:
        """Take a part of a message; handle it when it is whole."""
        first = self._first = self._first or transfer
        self._size += len(payload)
        if transfer.more and not transfer.aborted:
            # What is too large is counted, not kept.
            if self._size <= self._largest and not self._keep(payload):
                self._session.detach(self._handle, error(RESOURCE_LIMIT, "Too many messages have begun, and not ended"))
            return
        # Most messages come in one part, and are not copied.
        size = self._size
        data = payload if size == len(payload) or size > self._largest else bytes(self._parts + payload)
        self._forget()
        self._received += 1
        self._credit -= 1
        if 2 * self._credit < _CREDIT:
            self._grant()
        if not transfer.aborted:
            self._message(first, data, size)

    def detached(self) -> None:
        """Let go of a message that did not come to its end."""
        self._forget()

    def _keep(self, payload: bytes) -> bool:
        if not self._session.hold(len(payload)):
            return False
        self._parts += payload
        return True

    def _forget(self) -> None:
        self._first, self._size = None, 0
        if self._parts:
            self._session.release(len(self._parts))
            self._parts = bytearray()

    def _grant(self) -> None:
        self._credit = _CREDIT
        self._session.flow(self._handle, self._received, _CREDIT)

    def _message(self, first: Transfer, data: bytes, size: int) -> None:
        raise NotImplementedError

    def _settle(self, first: Transfer, outcome: Described) -> None:
        if not first.settled and first.delivery_id is not None:
            self._session.settle(first.delivery_id, outcome)


class ProducerLink(_Inbox):
    """A client that sends events to a hub, or to one of its partitions."""

    def __init__(self, session: Session, attach: Attach, hub: Hub, partition: Partition | None, meter: Meter) -> None:
        super().__init__(session, attach, MAX_MESSAGE_SIZE)
        self._hub = hub
        self._partition = partition
        self._meter = meter
        self._is_attached = True

    def detached(self) -> None:
        """Events on their way are still stored, though nobody hears of it."""
        super().detached()
        self._is_attached = False

    def _message(self, first: Transfer, data: bytes, size: int) -> None:
        if size > MAX_MESSAGE_SIZE:
            limit = f"The received message of {size} bytes exceeds the limit of {MAX_MESSAGE_SIZE} bytes on the link"
            self._settle(first, rejected(_TOO_LARGE, limit))
            return
        try:
            messages = parse_messages(data, first.message_format or 0)
            target = self._partition or self._hub.route(_common_key(messages))
            pause = self._meter.take(len(messages), size)
        except CodecError as problem:
            self._settle(first, rejected("amqp:decode-error", f"The message cannot be read: {problem}"))
            return
        except HubError as refusal:
            self._session.detach(self._handle, error(refusal.condition, refusal.description))
            return
        if pause:
            asyncio.get_running_loop().call_later(pause, self._append, first, target, messages)
        else:
            self._append(first, target, messages)

    def _append(self, first: Transfer, target: Partition, messages: list[Message]) -> None:
        try:
            target.append(messages).add_done_callback(partial(self._stored, first))
        except HubError as refusal:
            self._session.detach(self._handle, error(refusal.condition, refusal.description))

    def _stored(self, first: Transfer, done: asyncio.Future[None]) -> None:
        failure = done.exception()
        if not self._is_attached:
            return
        if failure is None:
            self._settle(first, accepted())
        elif isinstance(failure, HubError):
            self._session.detach(self._handle, error(failure.condition, failure.description))


class RequestLink(_Inbox):
    """A client that sends requests to a node; the answers go out on a sibling link of the same session."""

    def __init__(self, session: Session, attach: Attach, node: str, answer: Respond) -> None:
        super().__init__(session, attach, _MAX_REQUEST)
        self._node = node
        self._answer = answer

    def _message(self, first: Transfer, data: bytes, size: int) -> None:
        if size > _MAX_REQUEST:
            self._settle(first, rejected(_TOO_LARGE, f"a request of {size} bytes is too large"))
            return
        try:
            request = parse_request(data)
        except CodecError as problem:
            self._settle(first, rejected("amqp:decode-error", f"The request cannot be read: {problem}"))
            return
        outboxes = [link for link in self._session.links.values() if isinstance(link, ResponseLink)]
        named = [link for link in outboxes if link.reply_to == request.reply_to and request.reply_to is not None]
        same = named or [link for link in outboxes if link.node == self._node]
        if not same:
            self._settle(
                first, rejected("amqp:not-allowed", "there is no link for the answer; attach a receiver first")
            )
            return
        if not same[0].has_room:
            self._settle(first, rejected(RESOURCE_LIMIT, "too many answers wait for credit"))
            return
        self._settle(first, accepted())
        same[0].send(self._answer(request))


class ResponseLink:
    """A client that receives the answers of a node."""

    def __init__(self, session: Session, attach: Attach, node: str, reply_to: str | None) -> None:
        self.node = node
        self.reply_to = reply_to
        self._session = session
        self._handle = attach.handle
        self._sent = 0
        self._credit = 0
        self._waiting: list[bytes] = []

    @property
    def has_room(self) -> bool:
        """Whether another answer may wait for credit."""
        return len(self._waiting) < _MOST_ANSWERS and sum(map(len, self._waiting)) < _MAX_REQUEST

    def attached(self) -> None:
        """Wait for credit."""

    def flow(self, flow: Flow) -> None:
        """Take new credit and send what waits for it."""
        if flow.link_credit is not None:
            self._credit = (flow.delivery_count or 0) + flow.link_credit - self._sent
            self._flush()

    def transfer(self, transfer: Transfer, payload: bytes) -> None:
        """A receiver sends nothing."""

    def send(self, message: bytes) -> None:
        """Send an answer, as soon as there is credit for it."""
        self._waiting.append(message)
        self._flush()

    def detached(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def _flush(self) -> None:
        while self._waiting and self._credit > 0:
            self._session.deliver(self._handle, [self._waiting.pop(0)])
            self._sent += 1
            self._credit -= 1


class ConsumerLink:
    """A client that receives the events of a partition, from a position on."""

    def __init__(self, session: Session, attach: Attach, partition: Partition, receivers: Receivers) -> None:
        self.epoch = _epoch(attach.properties)
        self._session = session
        self._handle = attach.handle
        self._partition = partition
        self._receivers = receivers
        self._position = _position(filters(attach.source))
        self._next = self._position.sequence(partition.log)
        # A time may be ahead of the clock: events before it are still to come, and to be left out.
        self._is_waiting_for_time = self._position.by is By.TIME
        self._has_metrics = _METRICS in symbols(attach.desired_capabilities)
        self._sent = 0
        self._credit = 0
        self._may_send = asyncio.Event()
        self._pumping: asyncio.Task[None] | None = None
        receivers.admit(self)

    def attached(self) -> None:
        """Begin to send."""
        self._pumping = asyncio.create_task(self._pump())

    def flow(self, flow: Flow) -> None:
        """Take new credit."""
        if flow.link_credit is not None:
            self._credit = (flow.delivery_count or 0) + flow.link_credit - self._sent
            if flow.drain and self._partition.end <= self._next:
                self._sent += max(0, self._credit)
                self._credit = 0
            if flow.drain or flow.echo:
                self._session.flow(self._handle, self._sent, self._credit)
        self._may_send.set()

    def transfer(self, transfer: Transfer, payload: bytes) -> None:
        """A receiver sends nothing."""

    def detached(self) -> None:
        """Stop sending."""
        self._receivers.leave(self)
        if self._pumping is not None:
            self._pumping.cancel()

    def displace(self, condition: str, description: str) -> None:
        """End the link with an error."""
        self._session.detach(self._handle, error(condition, description))

    async def _pump(self) -> None:
        try:
            while True:
                room = min(self._credit, self._session.room(), _MAX_EVENTS)
                if room <= 0:
                    self._may_send.clear()
                    await self._may_send.wait()
                    continue
                # Events that retention has removed while the client was slow are left out, as in Azure.
                self._next = max(self._next, self._partition.begin)
                records = self._partition.records(self._next, room, _MAX_BYTES)
                if not records:
                    await self._partition.wait_for(self._next)
                    continue
                self._next = records[-1].sequence + 1
                self._send(records)
                await self._session.drained()
        except (HubError, LogDamaged, OSError) as failure:
            self._pumping = None
            self.displace("amqp:internal-error", f"The partition cannot be read: {failure}")
        except ConnectionError:
            return

    def _send(self, records: list[Record]) -> None:
        if self._is_waiting_for_time:
            records = [record for record in records if self._position.admits(record.time)]
            self._is_waiting_for_time = not records
        payloads = [record.payload for record in records]
        if self._has_metrics:
            metrics = self._metrics()
            payloads = [with_delivery_annotations(payload, metrics) for payload in payloads]
        if payloads:
            self._session.deliver(self._handle, payloads)
            self._sent += len(payloads)
            self._credit -= len(payloads)

    def _metrics(self) -> dict[Value, Value]:
        log = self._partition.log
        return {
            Symbol("last_enqueued_sequence_number"): log.end - 1,
            Symbol("last_enqueued_offset"): str(log.last_offset),
            Symbol("last_enqueued_time_utc"): Timestamp(log.last_time),
            Symbol("runtime_info_retrieval_time_utc"): Timestamp(now()),
        }


def _epoch(properties: Mapping[Value, Value] | None) -> int | None:
    value = (properties or {}).get(_EPOCH)
    return value if isinstance(value, int) else None


def _position(filter_set: Mapping[Value, Value]) -> Position:
    for name, value in filter_set.items():
        if name != _SELECTOR:
            raise HubError("amqp:not-implemented", f"The filter {name!r} is not supported")
        match value:
            case Described(_, str() as selector) | (str() as selector):
                return parse_selector(selector)
            case _:
                raise HubError("amqp:invalid-field", "The selector filter is not a string")
    return LATEST


def _common_key(messages: list[Message]) -> str | None:
    keys = {message.partition_key for message in messages}
    if len(keys) > 1:
        raise CodecError("the events of a batch have different partition keys")
    return keys.pop() if keys else None
