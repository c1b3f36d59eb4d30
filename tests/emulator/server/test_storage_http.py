"""The storage endpoints over HTTP, on queues and statuses that a test gives: answers, headers, and what is refused."""

import base64
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from emulator.engine.queued.access import INGESTION_QUEUE, STATUS_TABLE, Access
from emulator.engine.queued.blobs import BlobLimits, BlobStore
from emulator.engine.queued.message import IngestionMessage
from emulator.engine.queued.store import Report, ReportQueue
from emulator.lanes.lanes import Lanes
from emulator.server.queued.routes import storage_routes
from emulator.server.queued.storage import Storage

ACCESS = Access(b"key")
AT = datetime(2024, 3, 1, 15)  # noqa: DTZ001 - naive UTC, as the engine keeps it
ID, RECEIPT = UUID("74be27de-1e4e-49d9-b579-fe0b331d3642"), "a<b"
BLOBS = "ingestion-blobs"
FAILURES = ReportQueue.FAILED.value


class Queued:
    """Queues of reports and statuses as a test gives them; what is asked of them is kept."""

    def __init__(self, folder: Path) -> None:
        self.blobs = BlobStore(folder, BlobLimits(size=1_000))
        self.asked: list[object] = []
        self.found: list[Report] = []

    def add(self, message: IngestionMessage) -> UUID:
        self.asked.append(message.table)
        return ID

    def peek(self, queue: ReportQueue, limit: int) -> list[Report]:
        self.asked.append(("peek", queue, limit))
        return self.found

    def take(self, queue: ReportQueue, limit: int, hidden: timedelta) -> list[Report]:
        self.asked.append(("take", queue, limit, hidden))
        return self.found

    def remove(self, queue: ReportQueue, id_: UUID, receipt: str) -> bool:
        self.asked.append(("remove", queue, id_, receipt))
        return receipt == RECEIPT

    def status(self, source_id: str) -> dict[str, object] | None:
        return {"Status": "Succeeded"} if source_id == "known" else None


@pytest.fixture
def queued(tmp_path: Path) -> Iterator[Queued]:
    queued = Queued(tmp_path)
    yield queued
    queued.blobs.close()


@pytest.fixture
async def http(queued: Queued) -> AsyncIterator[httpx.AsyncClient]:
    lanes = Lanes("test")
    app = Starlette(routes=storage_routes(queued, Storage(ACCESS), lanes))  # type: ignore[arg-type]  # what they ask of it
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client
    await lanes.close()


def at(resource: str, permissions: str, inside: str = "", more: str = "") -> str:
    """Return the signed address of what is in a resource."""
    path, _, query = ACCESS.signed(resource, permissions).partition("?")
    return f"{path}{inside}?{query}{more}"


def blob(permissions: str, name: str = "a/b.csv", more: str = "") -> str:
    return at(BLOBS, permissions, f"/{name}", more)


def fault(answer: httpx.Response) -> tuple[int, str, str]:
    text = answer.text.partition("<Message>")[2].partition("</Message>")[0]
    assert answer.headers["x-ms-error-code"] in answer.text
    return answer.status_code, answer.headers["x-ms-error-code"], text


async def test_a_blob_is_read_as_it_was_written_and_in_parts(http: httpx.AsyncClient, queued: Queued) -> None:
    written = await http.put(blob("w"), content=b"0123456789", headers={"x-ms-blob-type": "BlockBlob"})
    found = queued.blobs.find(f"{BLOBS}/a/b.csv")
    assert (written.status_code, written.content, found.size) == (201, b"", 10)
    read = await http.get(blob("r"))
    assert (read.status_code, read.content) == (200, b"0123456789")
    shared = {
        "etag": found.tag,
        "x-ms-request-server-encrypted": "false",
        "x-ms-version": "2021-08-06",
    }
    assert {name: written.headers[name] for name in shared} == shared
    shared |= {"x-ms-blob-type": "BlockBlob", "accept-ranges": "bytes", "content-type": "application/octet-stream"}
    assert {name: read.headers[name] for name in shared} == shared
    assert "x-ms-request-id" in read.headers
    head = await http.head(blob("r"))
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")
    for asked, expected, place in (
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=9-9", b"9", "bytes 9-9/10"),
        ("bytes=8-20", b"89", "bytes 8-9/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
    ):
        for header in ("Range", "x-ms-range"):
            part = await http.get(blob("r"), headers={header: asked})
            assert (part.status_code, part.content, part.headers["content-range"]) == (206, expected, place)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=11-12", "bytes=-3", "rows=0-1"])
async def test_a_range_beyond_a_blob_is_refused(http: httpx.AsyncClient, asked: str) -> None:
    await http.put(blob("w"), content=b"0123456789")
    answer = await http.get(blob("r"), headers={"Range": asked})
    assert fault(answer) == (416, "InvalidRange", f"The range '{asked}' is not within the 10 bytes of the blob.")


async def test_a_blob_is_made_of_the_blocks_that_a_list_names(http: httpx.AsyncClient) -> None:
    for name in ("one", "two", "three"):
        sent = await http.put(blob("w", more=f"&comp=block&blockid={name}"), content=f"<{name}>".encode())
        assert sent.status_code == 201
    names = "<BlockList><Latest>two</Latest><Other>three</Other><Uncommitted>one</Uncommitted></BlockList>"
    made = await http.put(blob("w", more="&comp=blocklist"), content=names.encode())
    assert (made.status_code, "etag" in made.headers) == (201, True)
    assert (await http.get(blob("r"))).content == b"<two><one>"


@pytest.mark.parametrize(
    ("more", "content", "headers", "expected"),
    [
        ("", b"x", {"x-ms-blob-type": "AppendBlob"}, (400, "InvalidBlobType", "Only block blobs are kept.")),
        ("&comp=lease", b"", {}, (400, "UnsupportedQueryParameter", "'comp=lease' of a blob is not built here.")),
        (
            "&comp=blocklist",
            b"<BlockList><Latest>none</Latest></BlockList>",
            {},
            (400, "InvalidBlockList", "The block 'none' was not uploaded."),
        ),
        ("", b"x" * 1_001, {}, (400, "RequestBodyTooLarge", "The blob is larger than 1000 bytes. Hint: split it")),
    ],
)
async def test_what_is_no_blob_is_refused(
    http: httpx.AsyncClient, more: str, content: bytes, headers: dict[str, str], expected: tuple[int, str, str]
) -> None:
    assert fault(await http.put(blob("w", more=more), content=content, headers=headers)) == expected


async def test_a_list_that_cannot_be_read_and_a_blob_that_is_not_there(http: httpx.AsyncClient) -> None:
    code, name, text = fault(await http.put(blob("w", more="&comp=blocklist"), content=b"<"))
    assert (code, name, text.startswith("The list of blocks ")) == (400, "InvalidXmlDocument", True)
    assert fault(await http.get(blob("r", "none"))) == (
        404,
        "BlobNotFound",
        f"The blob does not exist. Hint: its name is '{BLOBS}/none'",
    )


async def test_each_request_needs_a_signature_for_what_it_does(http: httpx.AsyncClient) -> None:
    message = f"/{ID}"
    for method, address, permission in (
        ("PUT", blob("r"), "w"),
        ("GET", blob("w"), "r"),
        ("POST", at(INGESTION_QUEUE, "r", "/messages"), "a"),
        ("GET", at(FAILURES, "p", "/messages", "&peekonly=true"), "r"),
        ("GET", at(FAILURES, "r", "/messages"), "p"),
        ("DELETE", at(FAILURES, "r", f"/messages{message}"), "p"),
        ("GET", at(STATUS_TABLE, "a", "(PartitionKey='known',RowKey='known')"), "r"),
    ):
        answer = await http.request(method, address)
        assert fault(answer) == (
            403,
            "AuthorizationPermissionMismatch",
            f"The signature does not permit '{permission}'.",
        ), address
        unsigned = await http.request(method, address.partition("?")[0])
        assert (unsigned.status_code, unsigned.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")


def queue_message(text: bytes) -> bytes:
    return b"<QueueMessage><MessageText>" + base64.b64encode(text) + b"</MessageText></QueueMessage>"


async def test_a_message_is_acknowledged_with_its_id(http: httpx.AsyncClient, queued: Queued) -> None:
    written = await http.put(blob("w"), content=b"1")
    assert written.status_code == 201
    message = {
        "BlobPath": f"https://x{blob('r')}",
        "DatabaseName": "D",
        "TableName": "T",
        "AdditionalProperties": {"format": "csv"},
    }
    sent = await http.post(at(INGESTION_QUEUE, "a", "/messages"), content=queue_message(orjson.dumps(message)))
    assert (sent.status_code, queued.asked) == (201, ["T"])
    assert sent.text.startswith(
        '<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage>'
        f"<MessageId>{ID}</MessageId><InsertionTime>"
    )
    assert sent.text.endswith("</TimeNextVisible></QueueMessage></QueueMessagesList>")
    other = await http.post(at(FAILURES, "a", "/messages"), content=queue_message(orjson.dumps(message)))
    assert fault(other) == (
        400,
        "OperationNotAllowed",
        f"Only the Eventhouse itself writes to the queue '{FAILURES}'.",
    )


PEEKED = (
    f"<QueueMessage><MessageId>{ID}</MessageId><InsertionTime>Fri, 01 Mar 2024 15:00:00 GMT</InsertionTime>"
    "<ExpirationTime>Fri, 08 Mar 2024 15:00:00 GMT</ExpirationTime>{}<DequeueCount>2</DequeueCount>"
    "<MessageText>eyJhIjoxfQ==</MessageText></QueueMessage>"
)
TAKEN = "<PopReceipt>a&lt;b</PopReceipt><TimeNextVisible>Fri, 01 Mar 2024 15:00:30 GMT</TimeNextVisible>"


@pytest.mark.parametrize(
    ("more", "receipt", "asked"),
    [
        ("&peekonly=TRUE", "", ("peek", ReportQueue.FAILED, 1)),
        ("&peekonly=true&numofmessages=32", "", ("peek", ReportQueue.FAILED, 32)),
        ("", RECEIPT, ("take", ReportQueue.FAILED, 1, timedelta(seconds=30))),
        (
            "&numofmessages=5&visibilitytimeout=604800",
            RECEIPT,
            ("take", ReportQueue.FAILED, 5, timedelta(days=7)),
        ),
    ],
)
async def test_reports_are_peeked_at_or_taken(
    http: httpx.AsyncClient, queued: Queued, more: str, receipt: str, asked: tuple[object, ...]
) -> None:
    queued.found = [Report(ID, AT, AT + timedelta(seconds=30), receipt, 2, '{"a":1}')] * 2
    answer = await http.get(at(FAILURES, "rp", "/messages", more))
    inside = PEEKED.format(TAKEN if receipt else "")
    assert answer.text == (
        f'<?xml version="1.0" encoding="utf-8"?><QueueMessagesList>{inside}{inside}</QueueMessagesList>'
    )
    assert (answer.status_code, answer.headers["content-type"], queued.asked) == (200, "application/xml", [asked])


@pytest.mark.parametrize(("name", "most"), [("numofmessages", 32), ("visibilitytimeout", 604_800)])
async def test_reports_are_taken_by_so_many_for_so_long(http: httpx.AsyncClient, name: str, most: int) -> None:
    answer = await http.get(at(FAILURES, "rp", "/messages", f"&{name}={most + 1}"))
    assert fault(answer) == (
        400,
        "OutOfRangeQueryParameterValue",
        f"'{name}' is a number from 1 to {most}, found '{most + 1}'.",
    )


async def test_a_report_is_removed_by_who_took_it(http: httpx.AsyncClient, queued: Queued) -> None:
    done = await http.delete(at(FAILURES, "p", f"/messages/{ID}", "&popreceipt=a%3Cb"))
    assert (done.status_code, done.content) == (204, b"")
    gone = (404, "MessageNotFound", "The message is gone, or was taken by someone else since.")
    assert fault(await http.delete(at(FAILURES, "p", "/messages/odd"))) == gone
    assert queued.asked == [
        ("remove", ReportQueue.FAILED, ID, RECEIPT),
        ("remove", ReportQueue.FAILED, UUID(int=0), ""),
    ]


async def test_the_status_of_a_source_is_an_entity(http: httpx.AsyncClient) -> None:
    known = await http.get(at(STATUS_TABLE, "r", "(PartitionKey='p', RowKey='known')"))
    assert (known.status_code, known.headers["content-type"], known.json()) == (
        200,
        "application/json;odata=nometadata",
        {"PartitionKey": "p", "RowKey": "known", "Status": "Succeeded"},
    )
    assert fault(await http.get(at(STATUS_TABLE, "r", "(PartitionKey='p',RowKey='other')"))) == (
        404,
        "ResourceNotFound",
        "Nothing is known of the source 'other'.",
    )
    assert fault(await http.get(at(STATUS_TABLE, "r", "()"))) == (
        400,
        "UnsupportedOperation",
        "The status table answers single entities."
        " Hint: ingestionstatuses(PartitionKey='&lt;source id&gt;',RowKey='&lt;source id&gt;')",
    )


async def test_what_is_not_built_says_so(http: httpx.AsyncClient) -> None:
    assert fault(await http.put("/storage/one")) == (
        400,
        "UnsupportedHttpVerb",
        "'PUT /storage/one' is not built here.",
    )


def test_a_signature_lasts_a_day_to_the_second() -> None:
    now = datetime(2024, 3, 1, 15, tzinfo=UTC)
    query = dict(each.split("=") for each in ACCESS.signed("q", "r", now).partition("?")[2].split("&"))
    assert query["se"] == "2024-03-02T15%3A00%3A00Z"
