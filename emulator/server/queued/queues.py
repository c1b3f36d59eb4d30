"""Queue endpoints: add to the ingestion queue; peek into, take from and remove from the report queues."""

import base64
import uuid
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from emulator.engine.queued.access import INGESTION_QUEUE
from emulator.engine.queued.ingestion import QueuedIngestion
from emulator.engine.queued.store import REPORT_LIFETIME, Report, ReportQueue
from emulator.errors import KustoError
from emulator.lanes.lanes import Lanes
from emulator.server.queued.messages import MAX_MESSAGE_BODY, message_text, parse_message
from emulator.server.queued.storage import SECONDS, Storage, http_date, number, xml
from emulator.work import Work

_MOST_AT_ONCE = 32
_LONGEST_HIDDEN_SECONDS = 7 * 24 * 3600


class QueueEndpoint:
    """The queues that were handed out."""

    def __init__(self, queued: QueuedIngestion, storage: Storage, lanes: Lanes) -> None:
        self._queued = queued
        self._storage = storage
        self._lanes = lanes

    async def add(self, request: Request) -> Response:
        """Queue one ingestion message; when this answers 201 it is durable."""
        return await self._storage.run(request, self._add)

    async def reports(self, request: Request) -> Response:
        """Answer the oldest reports of a queue, peeked at or taken."""
        return await self._storage.run(request, self._reports)

    async def remove(self, request: Request) -> Response:
        """Remove a report that was taken."""
        return await self._storage.run(request, self._remove)

    async def _add(self, request: Request) -> Response:
        queue = request.path_params["queue"]
        self._storage.check(request, queue, "a")
        if queue != INGESTION_QUEUE:
            raise KustoError(f"Only the Eventhouse itself writes to the queue '{queue}'.", "OperationNotAllowed")
        async with self._storage.body(request, MAX_MESSAGE_BODY, "put the data into a blob") as body:
            message = parse_message(message_text(body), self._storage.own_blob)
        id_ = await self._lanes.ingest(Work(SECONDS), lambda _: self._queued.add(message))
        now = datetime.now(UTC)
        receipt = Report(id_, now, now, str(uuid.uuid4()), 0, "")
        return _messages([_lines(receipt, is_taken=True)], 201)

    async def _reports(self, request: Request) -> Response:
        query = request.query_params
        limit = number(query, "numofmessages", 1, _MOST_AT_ONCE)
        if query.get("peekonly", "").lower() == "true":
            queue = self._report_queue(request, "r")
            found = await self._lanes.ingest(Work(SECONDS), lambda _: self._queued.peek(queue, limit))
        else:
            queue = self._report_queue(request, "p")
            hidden = timedelta(seconds=number(query, "visibilitytimeout", 30, _LONGEST_HIDDEN_SECONDS))
            found = await self._lanes.ingest(Work(SECONDS), lambda _: self._queued.take(queue, limit, hidden))
        return _messages([_lines(each, is_taken=bool(each.receipt)) + _content(each) for each in found])

    async def _remove(self, request: Request) -> Response:
        queue = self._report_queue(request, "p")
        try:
            id_ = uuid.UUID(request.path_params["message"])
        except ValueError:
            id_ = uuid.UUID(int=0)
        receipt = request.query_params.get("popreceipt", "")
        if not await self._lanes.ingest(Work(SECONDS), lambda _: self._queued.remove(queue, id_, receipt)):
            raise KustoError("The message is gone, or was taken by someone else since.", "MessageNotFound")
        return Response(status_code=204)

    def _report_queue(self, request: Request, permission: str) -> ReportQueue:
        name = request.path_params["queue"]
        self._storage.check(request, name, permission)
        return ReportQueue(name)


def _messages(each: list[str], status: int = 200) -> Response:
    inside = "".join(f"<QueueMessage>{lines}</QueueMessage>" for lines in each)
    return xml(f"<QueueMessagesList>{inside}</QueueMessagesList>", status)


def _lines(report: Report, *, is_taken: bool) -> str:
    lines = (
        f"<MessageId>{report.id}</MessageId><InsertionTime>{http_date(report.inserted)}</InsertionTime>"
        f"<ExpirationTime>{http_date(report.inserted + REPORT_LIFETIME)}</ExpirationTime>"
    )
    if is_taken:
        lines += (
            f"<PopReceipt>{escape(report.receipt)}</PopReceipt>"
            f"<TimeNextVisible>{http_date(report.visible)}</TimeNextVisible>"
        )
    return lines


def _content(report: Report) -> str:
    text = base64.b64encode(report.document.encode()).decode()
    return f"<DequeueCount>{report.dequeued}</DequeueCount><MessageText>{text}</MessageText>"
