"""Who may ask the API, and by which methods."""

import base64
import json
import logging
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from cli.composition.embedded import EmbeddedEventhouse
from emulator.context import ParameterValue
from emulator.engine.eventhouse import Eventhouse
from emulator.listening.keys import UnusableKey
from emulator.result import ResultTable
from kql.registry import Registry

SUMMARY = "/v1/market/summary"
HISTORY = "/v1/prices/AAPL/history"
KEY = "schlüssel-🔑"


@pytest.fixture(scope="module")
def locked_app(eventhouse: EmbeddedEventhouse, registry: Registry) -> FastAPI:
    return create_app(registry, eventhouse, api_key=KEY)


@pytest.fixture
async def locked(locked_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(locked_app), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize(
    "path", [HISTORY, f"{HISTORY}?interval=1d", SUMMARY, "/", "/docs", "/openapi.json", "/healthz", "/readyz",
             "/docs-assets/swagger-ui.css"]
)  # fmt: skip
async def test_head_is_get_without_a_body(http: httpx.AsyncClient, path: str) -> None:
    head, get = await http.head(path), await http.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
    changing = ("age", "date")
    assert {name: value for name, value in head.headers.items() if name not in changing} == {
        name: value for name, value in get.headers.items() if name not in changing
    }


@pytest.mark.parametrize("path", [HISTORY, "/", "/docs", "/openapi.json", "/healthz", "/docs-assets/swagger-ui.css"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_other_methods_are_told_which_would_do(http: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.json()["code"] == "METHOD_NOT_ALLOWED"


async def test_what_may_be_asked_is_answered_where_there_is_something(http: httpx.AsyncClient) -> None:
    answer = await http.options(HISTORY)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, "GET, HEAD, OPTIONS", b"")
    assert (await http.options("/nothing")).status_code == 404


@pytest.mark.parametrize(
    "path", [f"{HISTORY}/", "/healthz/", "/docs/", "//evil.example/", "/docs-assets", "/docs-assets/"]
)
async def test_nobody_is_sent_elsewhere(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get("http://127.0.0.1:8000" + path, headers={"host": "localhost"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "evil.example"}, 403), ({"host": "localhost:8000"}, 200), ({"origin": "https://evil.example"}, 403),
     ({"origin": "null"}, 403), ({"origin": "http://localhost:3000"}, 200)],
)  # fmt: skip
@pytest.mark.parametrize("path", [HISTORY, "/", "/docs", "/openapi.json", "/healthz"])
async def test_pages_and_names_from_elsewhere_are_refused(
    http: httpx.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await http.get(path, headers=headers)
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") == (headers.get("origin") if status == 200 else None)
    if status == 403:
        assert (answer.json()["code"], answer.headers["content-type"]) == ("FORBIDDEN", "application/problem+json")


async def test_a_browser_asks_first_without_the_key(locked: httpx.AsyncClient) -> None:
    sent = {"origin": "http://localhost:3000", "access-control-request-method": "GET"}
    answer = await locked.options(HISTORY, headers=sent)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "http://localhost:3000")
    assert "X-API-Key" in answer.headers["access-control-allow-headers"].split(", ")
    assert (await locked.options(HISTORY)).status_code == 401
    assert (await locked.options(HISTORY, headers={**sent, "origin": "https://evil.example"})).status_code == 403


async def test_names_may_be_allowed(eventhouse: EmbeddedEventhouse, registry: Registry) -> None:
    app = create_app(registry, eventhouse, hosts=("prices.example",), origins=("https://dash.example",))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://prices.example") as http:
        answer = await http.get("/healthz", headers={"origin": "https://dash.example"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://dash.example")


@pytest.mark.parametrize(
    "headers",
    [{b"x-api-key": KEY.encode()}, {b"authorization": b"bearer " + KEY.encode()},
     {b"authorization": b"BEARER " + KEY.encode(), b"x-api-key": b"wrong"},
     {b"authorization": b"Basic " + base64.b64encode(f"me:{KEY}".encode())}],
)  # fmt: skip
@pytest.mark.parametrize("path", [SUMMARY, "/", "/docs", "/openapi.json", "/docs-assets/swagger-ui.css"])
async def test_a_key_opens_everything(locked: httpx.AsyncClient, path: str, headers: dict[bytes, bytes]) -> None:
    assert (await locked.get(path, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("path", "scheme"),
    [("/", 'Basic realm="API key", charset="UTF-8"'), ("/docs", 'Basic realm="API key", charset="UTF-8"'),
     (SUMMARY, "Bearer"), ("/openapi.json", "Bearer"), ("/docs-assets/swagger-ui.css", "Bearer")],
)  # fmt: skip
@pytest.mark.parametrize(
    "headers",
    [{}, {b"x-api-key": "\u00e9".encode("latin-1")}, {b"authorization": KEY.encode()}, {b"host": b"evil.example"}],
)
async def test_without_the_key_nothing_is_open(
    locked: httpx.AsyncClient, path: str, scheme: str, headers: dict[bytes, bytes]
) -> None:
    answer = await locked.get(path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, scheme)


@pytest.mark.slow
async def test_the_document_names_the_key_where_there_is_one(
    http: httpx.AsyncClient, locked: httpx.AsyncClient
) -> None:
    document = (await locked.get("/openapi.json", headers={b"x-api-key": KEY.encode()})).json()
    assert document["security"] == [{"ApiKey": []}, {"Bearer": []}]
    assert document["components"]["securitySchemes"] == {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Bearer": {"type": "http", "scheme": "bearer"},
    }
    answers = [list(operation["responses"]) for path in document["paths"].values() for operation in path.values()]
    assert all(statuses == sorted({*statuses, "200", "401"}) for statuses in answers)
    open_ = (await http.get("/openapi.json")).json()
    assert ("security" in open_, "securitySchemes" in open_["components"], '"401"' in json.dumps(open_)) == (
        False, False, False,
    )  # fmt: skip


@pytest.mark.parametrize("key", ["", " ", "a\nb"])
def test_a_key_that_locks_everyone_out_is_refused(eventhouse: EmbeddedEventhouse, registry: Registry, key: str) -> None:
    with pytest.raises(UnusableKey):
        create_app(registry, eventhouse, api_key=key)


class Broken(EmbeddedEventhouse):
    """Fails as nobody foresaw."""

    async def query(
        self,
        _text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> ResultTable:
        raise RuntimeError("secret\nsecond line")


@pytest.mark.slow
async def test_what_fails_inside_is_one_line_with_an_id(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    engine = Eventhouse.open(None, database="market")
    try:
        app = create_app(registry, Broken(engine, "market"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
            answer = await http.get(SUMMARY)
    finally:
        engine.close()
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    id_ = answer.json()["detail"].removeprefix("The request failed inside the API (fault ").removesuffix(").")
    assert record.getMessage().startswith(f"request {id_} failed: RuntimeError: secret\\nsecond line (")
    assert (answer.status_code, record.exc_info, "secret" in answer.text) == (500, None, False)
