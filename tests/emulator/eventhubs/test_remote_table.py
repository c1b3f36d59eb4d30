"""What a data connection asks of an Eventhouse elsewhere, and what it takes each answer for."""

from collections.abc import Iterator

import httpx
import pytest
import respx

from emulator.engine.writing.mark_header import MARKS_HEADER
from emulator.engine.writing.marks import StaleMark, Stretch
from emulator.errors import EngineFault, KustoError, NetworkFault, ThrottledFault, UnsupportedFault
from emulator.eventhubs.data_connection.remote_table import RemoteTable

URL = "http://house:8080"
WORD = "secret"
STORED = {"Tables": [{"Rows": [[3]]}]}


@pytest.fixture
def house() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL) as router:
        yield router


@pytest.fixture
def table() -> Iterator[RemoteTable]:
    opened = RemoteTable(URL, token=WORD)
    yield opened
    opened.close()


def store(table: RemoteTable) -> int:
    return table.ingest("T/1", b"{}", format="json", mapping="M", database="d b", marks={"p": Stretch(4, 7)})


def told(error: KustoError) -> tuple[type, str, str, str]:
    return type(error), error.message, error.code, error.hint


def test_rows_and_marks_in_one_request(house: respx.MockRouter, table: RemoteTable) -> None:
    house.post(url__regex=".*").respond(json=STORED)
    assert store(table) == 3
    request = house.calls.last.request
    assert str(request.url) == f"{URL}/v1/rest/ingest/d%20b/T%2F1?streamFormat=json&mappingName=M"
    assert request.content == b"{}"
    assert request.headers["authorization"] == f"Bearer {WORD}"
    assert request.headers[MARKS_HEADER] == '{"p": [4, 7]}'


def test_rows_alone(house: respx.MockRouter) -> None:
    house.post(url__regex=".*").respond(json=STORED)
    table = RemoteTable(URL)
    assert table.ingest("T", b"{}", format="json") == 3
    request = house.calls.last.request
    assert str(request.url) == f"{URL}/v1/rest/ingest/NetDefaultDB/T?streamFormat=json"
    assert not {"authorization", MARKS_HEADER} & set(request.headers)
    table.close()


@pytest.mark.parametrize(
    "answer", [{}, {"Tables": []}, {"Tables": [{"Rows": [["x"]]}]}, {"Tables": [{"Rows": [[None]]}]}]
)
def test_an_answer_that_does_not_say_what_was_stored(
    house: respx.MockRouter, table: RemoteTable, answer: dict[str, object]
) -> None:
    house.post(url__regex=".*").respond(json=answer)
    with pytest.raises(KustoError) as caught:
        store(table)
    assert told(caught.value) == (
        EngineFault, f"the Eventhouse at {URL} does not say what it stored", "TH_SERVICE", "",
    )  # fmt: skip


@pytest.mark.parametrize(("answer", "position"), [({"position": 9}, 9), ({"position": None}, None), ({}, None)])
def test_a_mark(house: respx.MockRouter, table: RemoteTable, answer: dict[str, object], position: int | None) -> None:
    house.get("/v1/rest/marks", params={"name": "p"}).respond(json=answer)
    assert table.mark("p") == position


def test_a_mark_that_is_none(house: respx.MockRouter, table: RemoteTable) -> None:
    house.get("/v1/rest/marks").respond(json={"position": "9"})
    with pytest.raises(KustoError) as caught:
        table.mark("p")
    assert told(caught.value) == (
        EngineFault, f"the Eventhouse at {URL} tells a mark that is none: '9'", "TH_SERVICE", "",
    )  # fmt: skip


ANSWERS = f"the Eventhouse at {URL} answers with status"
NO_MARKS = (
    UnsupportedFault,
    f"the Eventhouse at {URL} keeps no marks: it is not an embedded one",
    "TH_NoMarks",
    "in Azure, Eventstream or a data connection of Azure Data Explorer does this work",
)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx.Response(404), NO_MARKS),
        (httpx.Response(405), NO_MARKS),
        (httpx.Response(500), (EngineFault, f"{ANSWERS} 500", "TH_SERVICE", "")),
        (httpx.Response(200, text="[]"), (EngineFault, f"{ANSWERS} 200", "TH_SERVICE", "")),
        (httpx.ReadTimeout("x"), (NetworkFault, f"the Eventhouse at {URL} does not answer in time", "TH_NETWORK", "")),
        (httpx.ConnectError("x"), (NetworkFault, f"no connection to the Eventhouse at {URL}: x", "TH_NETWORK", "")),
    ],
)  # fmt: skip
def test_refusals_of_marks(
    house: respx.MockRouter, table: RemoteTable, answer: httpx.Response | Exception, fault: object
) -> None:
    house.get("/v1/rest/marks").mock(side_effect=[answer])
    with pytest.raises(KustoError) as caught:
        table.mark("p")
    assert told(caught.value) == fault


def stated(code: str, *, permanent: bool) -> dict[str, object]:
    return {"error": {"innererror": {"message": "m", "code": code, "@permanent": permanent}}}


@pytest.mark.parametrize(
    ("status", "document", "fault"),
    [
        (401, {}, (KustoError, f"the Eventhouse at {URL} refuses access", "TH_AUTHENTICATION", "")),
        (403, {"error": "x"}, (KustoError, f"the Eventhouse at {URL} refuses access", "TH_AUTHENTICATION", "")),
        (429, {}, (ThrottledFault, f"the Eventhouse at {URL} is busy", "TH_THROTTLED", "")),
        (503, {"error": {}}, (ThrottledFault, f"the Eventhouse at {URL} is busy", "TH_THROTTLED", "")),
        (404, {}, (EngineFault, f"{ANSWERS} 404", "TH_SERVICE", "")),
        (400, stated("BadRequest", permanent=True), (KustoError, "m", "BadRequest", "")),
        (503, stated("Busy", permanent=False), (EngineFault, "m", "Busy", "")),
        (409, stated("TH_StaleMark", permanent=True), (StaleMark, "m", "TH_StaleMark", "")),
    ],
)
def test_refusals_of_rows(
    house: respx.MockRouter, table: RemoteTable, status: int, document: dict[str, object], fault: object
) -> None:
    house.post(url__regex=".*").respond(status, json=document)
    with pytest.raises(KustoError) as caught:
        store(table)
    assert told(caught.value) == fault
