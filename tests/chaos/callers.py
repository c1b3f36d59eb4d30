"""Those who use the platform all the time, each in a thread, by the clients that users have."""

import io
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
from azure.core.exceptions import AzureError
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError
from azure.kusto.data import KustoClient
from azure.kusto.data.data_format import DataFormat
from azure.kusto.data.exceptions import KustoError, KustoServiceError
from azure.kusto.ingest import IngestionProperties, KustoStreamingIngestClient, QueuedIngestClient
from requests import RequestException

from emulator.eventhubs.service.access import OPEN_KEY, POLICY
from tests.chaos.notes import Notes
from tests.chaos.verdict import Moment
from tests.crash.worker import payload
from tests.emulator.server.sdk import request_properties, status_of

DATABASE = "Market"
# What is asked of a platform that may be gone for the moment.
_SECONDS = 20.0
_PATHS = (
    "/v1/prices/latest?symbols=AAPL,MSFT",
    "/v1/prices/AAPL/latest",
    "/healthz",
)


@dataclass(frozen=True)
class Places:
    """Where the platform listens."""

    api: int
    wire: int
    hub: int

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api}"

    @property
    def wire_url(self) -> str:
        return f"http://127.0.0.1:{self.wire}"

    @property
    def hub_connection(self) -> str:
        return (
            f"Endpoint=sb://127.0.0.1:{self.hub};SharedAccessKeyName={POLICY};SharedAccessKey={OPEN_KEY};"
            "UseDevelopmentEmulator=true;EntityPath=trades"
        )


class Refused(Exception):
    """The platform refused what a run needs."""


def start(places: Places, notes: Notes, ended: threading.Event) -> list[threading.Thread]:
    """Start all callers; they end soon after `ended` is set."""
    callers = [
        *(threading.Thread(target=stream, args=(places, notes, ended, n), daemon=True) for n in range(2)),
        threading.Thread(target=queue, args=(places, notes, ended), daemon=True),
        threading.Thread(target=send, args=(places, notes, ended), daemon=True),
        threading.Thread(target=read, args=(places, notes, ended), daemon=True),
        threading.Thread(target=ask, args=(places, notes, ended), daemon=True),
    ]
    for caller in callers:
        caller.start()
    return callers


def properties(table: str, format: DataFormat = DataFormat.CSV) -> IngestionProperties:
    """Return where rows go."""
    return IngestionProperties(DATABASE, table, data_format=format, flush_immediately=True)


@contextmanager
def noting(notes: Notes, caller: str) -> Iterator[None]:
    """Note the answer to what is done in the block; what the clients raise ends there."""
    try:
        yield
    except KustoServiceError as error:
        notes.answer(caller, status_of(error), str(error))
    except (KustoError, RequestException, httpx.HTTPError, EventHubError, AzureError, OSError) as error:
        notes.answer(caller, 0, type(error).__name__)
    else:
        notes.answer(caller, 200)


def stream(places: Places, notes: Notes, ended: threading.Event, writer: int) -> None:
    """Stream batches with Microsoft's client, and look whether they are there once they are acknowledged."""
    with closing(KustoStreamingIngestClient(places.wire_url)) as client, KustoClient(places.wire_url) as reader:
        for number in count():
            batch, at = f"streamed/{writer}/{number}", time.time()
            notes.tell("try", batch)
            with noting(notes, "stream"):
                client.ingest_from_stream(io.BytesIO(payload(batch)), properties("Rows"))
                notes.tell("done", batch)
                notes.ingestions.append(Moment(at, time.time() - at))
                if number % 5 == 0:
                    text = f"Rows | where Batch == '{batch}' | count"
                    if _value(reader, text) != payload(batch).count(b"\n"):
                        notes.wrong("a batch is not to be seen once it is acknowledged")
            if ended.wait(0.1):
                return


def queue(places: Places, notes: Notes, ended: threading.Event) -> None:
    """Hand batches to queued ingestion with Microsoft's client."""
    for number in count():
        batch = f"queued/0/{number}"
        notes.tell("try", batch)
        # The client keeps the addresses of storage for an hour; one of its own for each batch asks for them as well.
        with noting(notes, "queue"), closing(QueuedIngestClient(places.wire_url)) as client:
            client.ingest_from_stream(io.BytesIO(payload(batch)), properties("Rows"))
            notes.tell("done", batch)
        if ended.wait(0.5):
            return


def send(places: Places, notes: Notes, ended: threading.Event) -> None:
    """Send trades to the hub with Microsoft's client, each with an id of its own."""
    for number in count():
        name, now = f"hub/{number}", datetime.now(UTC).isoformat()
        trade = {"event_id": name, "symbol": "AAPL", "timestamp": now, "price": 100.0, "size": 1.0}
        body = json.dumps(trade | {"venue": "SIM", "source": "simulated", "received_at": now})
        with (
            noting(notes, "hub"),
            EventHubProducerClient.from_connection_string(places.hub_connection, retry_total=0) as client,
        ):
            client.send_batch([EventData(body)], partition_key="AAPL")
            notes.tell("done", name)
        if ended.wait(0.2):
            return


def read(places: Places, notes: Notes, ended: threading.Event) -> None:
    """Ask the API, past its cache every other time."""
    chance = random.Random(1)  # noqa: S311 - chaos, not secrets
    with httpx.Client(base_url=places.api_url, timeout=_SECONDS) as client:
        while not ended.wait(0.1):
            headers = {"Cache-Control": "no-cache"} if chance.random() < 0.5 else {}
            try:
                answer = client.get(chance.choice(_PATHS), headers=headers)
            except httpx.HTTPError as error:
                notes.answer("API", 0, type(error).__name__)
            else:
                notes.answer("API", answer.status_code, answer.text if answer.is_error else "")


def ask(places: Places, notes: Notes, ended: threading.Event) -> None:
    """Ask for one row of nothing, as whoever looks whether an Eventhouse is there."""
    options = request_properties(options={"servertimeout": timedelta(seconds=_SECONDS)})
    with KustoClient(places.wire_url) as client:
        while not ended.wait(0.03):
            at, is_answered, was_crowded = time.time(), False, notes.is_crowded
            with noting(notes, "print 1"):
                client.execute(DATABASE, "print 1", options)
                is_answered = True
            if is_answered:
                notes.prints.append(Moment(at, time.time() - at))
            elif was_crowded and notes.is_crowded:
                notes.wrong("print 1 is refused beside four heavy queries")


def post(places: Places, text: str, seconds: float, patience: float) -> httpx.Response:
    """Send a query or a command with a `servertimeout`; raises httpx.HTTPError without an answer in time."""
    kind = "mgmt" if text.startswith(".") else "query"
    options = {"servertimeout": f"00:00:{seconds:05.2f}"}
    body = {"db": DATABASE, "csl": text, "properties": {"Options": options}}
    return httpx.post(f"{places.wire_url}/v1/rest/{kind}", json=body, timeout=seconds + patience)


def rows(places: Places, text: str) -> list[list[object]]:
    """Return the rows of a query or command that has to succeed."""
    answer = post(places, text, 59, 5)
    if answer.is_error:
        raise Refused(f"{text}: {answer.text}")
    return [list(row) for row in answer.json()["Tables"][0]["Rows"]]


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Look again until something holds, at most so long; the platform may be gone meanwhile."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(httpx.HTTPError, Refused):
            if holds():
                return True
        time.sleep(0.2)
    return False


def _value(client: KustoClient, text: str) -> object:
    return client.execute(DATABASE, text).primary_results[0][0][0]
