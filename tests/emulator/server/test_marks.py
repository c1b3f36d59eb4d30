"""Marks over the wire: they move with the rows of a streaming ingestion, or not at all."""

import httpx
import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.engine.writing.mark_header import MARKS_HEADER, MARKS_PATH, write_marks
from emulator.engine.writing.marks import Stretch

INGEST = "/v1/rest/ingest/NetDefaultDB/Readings?streamFormat=json"
ROW = b'{"Sensor": "marked", "Value": 1}'


async def store(url: str, marks: str, data: bytes = ROW) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url) as http:
        return await http.post(INGEST, content=data, headers={MARKS_HEADER: marks})


async def mark(url: str, name: str) -> int | None:
    async with httpx.AsyncClient(base_url=url) as http:
        answer = await http.get(MARKS_PATH, params={"name": name})
    assert answer.status_code == 200, answer.text
    position: int | None = answer.json()["position"]
    return position


def rows(eventhouse: Eventhouse) -> int:
    (table,) = eventhouse.query("Readings | where Sensor == 'marked' | count")
    return int(table.arrow.column(0)[0].as_py())


@pytest.mark.slow
async def test_rows_and_mark_are_stored_together_and_once(url: str, eventhouse: Eventhouse) -> None:
    name, before = "hub/ü/0", rows(eventhouse)
    assert await mark(url, name) is None
    assert (await store(url, write_marks({name: Stretch(None, 10)}))).status_code == 200
    assert (await mark(url, name), rows(eventhouse)) == (10, before + 1)
    for stretch in (Stretch(None, 20), Stretch(5, 20), Stretch(15, 20)):
        again = await store(url, write_marks({name: stretch}))
        assert again.status_code == 400
        assert again.json()["error"]["innererror"]["code"] == "TH_StaleMark"
    assert (await mark(url, name), rows(eventhouse)) == (10, before + 1)
    nothing = await store(url, write_marks({name: Stretch(10, 12)}), b"")
    assert nothing.status_code == 200
    assert (await mark(url, name), rows(eventhouse)) == (12, before + 1)


@pytest.mark.parametrize(
    "header", ["7", "[1]", '{"a": 7}', '{"a": [null]}', '{"a": [true, 2]}', "{", '{"a": [1.5, 2]}']
)
async def test_a_header_that_is_none_is_refused_and_stores_nothing(
    url: str, eventhouse: Eventhouse, header: str
) -> None:
    before = rows(eventhouse)
    answer = await store(url, header)
    assert answer.status_code == 400
    assert MARKS_HEADER in answer.json()["error"]["@message"]
    assert rows(eventhouse) == before


async def test_a_mark_is_asked_by_name(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        answer = await http.get(MARKS_PATH)
    assert answer.status_code == 400
    assert "'name' is missing" in answer.text
