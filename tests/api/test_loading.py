"""What callers are told while the data that answers are made of are still being loaded."""

from collections.abc import Callable

import httpx

from api.app import create_app
from cli.composition.embedded import EmbeddedEventhouse
from kql.registry import Registry

COMPANIES = "/v1/companies"
NOTICE = "The history is on its way."


def asking(registry: Registry, eventhouse: EmbeddedEventhouse, notice: Callable[[], str]) -> httpx.AsyncClient:
    app = create_app(registry, eventhouse, notice=notice)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t")


async def test_an_answer_without_records_is_to_be_asked_again(
    registry: Registry, eventhouse: EmbeddedEventhouse
) -> None:
    notices = [NOTICE, ""]
    async with asking(registry, eventhouse, lambda: notices.pop(0)) as http:
        answer = await http.get("/v1/prices/AAPL/history?from=2031-01-01&to=2031-01-02")
        assert (answer.status_code, answer.headers["Retry-After"], answer.headers["Cache-Control"]) == (
            503,
            "2",
            "no-store",
        )
        assert answer.json() == {
            "type": "urn:tickhouse:problem:loading",
            "title": "Still loading",
            "status": 503,
            "detail": NOTICE,
            "code": "LOADING",
        }
        answer = await http.get("/v1/prices/AAPL/history?from=2031-01-01&to=2031-01-02")
        assert (answer.status_code, answer.json()["data"]) == (200, [])
        assert "notice" not in answer.json()["meta"]


async def test_an_answer_with_records_says_so_and_is_not_kept(
    registry: Registry, eventhouse: EmbeddedEventhouse
) -> None:
    notices = [NOTICE, "", ""]
    async with asking(registry, eventhouse, lambda: notices.pop(0)) as http:
        first, second, third = [await http.get(COMPANIES) for _ in range(3)]
    assert first.json() == {
        "data": second.json()["data"],
        "meta": {**second.json()["meta"], "as_of": first.json()["meta"]["as_of"], "notice": NOTICE},
    }
    assert first.headers["Cache-Control"] == "no-store"
    assert first.headers["ETag"] != second.headers["ETag"]
    # The second was computed and kept, the third comes from there: it asks for no notice.
    assert notices == [""]
    assert second.headers["Cache-Control"].startswith("max-age=")
    assert third.json() == second.json()


async def test_the_contract_says_so(registry: Registry, eventhouse: EmbeddedEventhouse) -> None:
    async with asking(registry, eventhouse, lambda: "") as http:
        document = (await http.get("/openapi.json")).json()
    notice = document["components"]["schemas"]["Meta"]["properties"]["notice"]
    assert notice["description"] == "Why records may be missing; absent unless data are still being loaded."
    assert "notice" not in document["components"]["schemas"]["Meta"]["required"]
    for path in document["paths"].values():
        assert path["get"]["responses"]["503"]["description"] == (
            "The Eventhouse cannot answer now, or has nothing yet to answer with: ask again after `Retry-After`."
        )
