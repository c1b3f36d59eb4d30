"""The advertised document is true: real answers fit it, nothing is missing from it."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from api.app import create_app
from api.index_page import example_url
from api.models import answer_model
from cli.composition.embedded import EmbeddedEventhouse
from emulator.engine.eventhouse import Eventhouse
from kql.deploy import deploy
from kql.loader import load_database
from kql.names import snake_case
from kql.registry import Endpoint, Registry, load_registry

REGISTRY = load_registry()


@pytest.fixture
async def document(http: httpx.AsyncClient) -> dict[str, object]:
    answer = (await http.get("/openapi.json")).json()
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("endpoint", REGISTRY.endpoints, ids=lambda endpoint: endpoint.route)
async def test_a_real_answer_fits_the_advertised_model(http: httpx.AsyncClient, endpoint: Endpoint) -> None:
    answer = await http.get(example_url(endpoint))
    assert answer.status_code == 200, answer.text
    sent = answer.json()["data"]
    assert sent, "an answer without records proves nothing"
    answer_model(endpoint).model_validate_json(answer.content, strict=True)
    columns = [snake_case(name) for name in endpoint.contract.result.names]
    assert [list(record) for record in sent] == [columns] * len(sent)


async def test_a_wrong_answer_would_not_fit(http: httpx.AsyncClient) -> None:
    endpoint = REGISTRY.find("/v1/prices/{symbol}/history")
    assert endpoint is not None
    content = (await http.get(example_url(endpoint))).content
    for wrong in (content.replace(b'"close":', b'"closing":'), content.replace(b'"row_count":', b'"rows":')):
        with pytest.raises(ValidationError):
            answer_model(endpoint).model_validate_json(wrong, strict=True)


def test_a_parameter_without_a_description_says_what_holds_of_it(eventhouse: EmbeddedEventhouse) -> None:
    endpoint = REGISTRY.find("/v1/prices/{symbol}/history")
    assert endpoint is not None
    bare = replace(endpoint, parameters=tuple(replace(each, docstring="") for each in endpoint.parameters))
    operation = create_app(Registry((bare,)), eventhouse).openapi()["paths"][endpoint.route]["get"]
    said = {each["name"]: each.get("description", "") for each in operation["parameters"]}
    assert said == dict.fromkeys(said, "") | {"from": "Must be before `to`."}


@pytest.mark.slow
async def test_every_endpoint_is_documented_in_full(document: dict[str, object], registry: Registry) -> None:
    paths = TypeAdapter(dict[str, dict[str, dict[str, object]]]).validate_python(document["paths"])
    assert list(paths) == [endpoint.route for endpoint in registry.endpoints]
    for endpoint in registry.endpoints:
        operation = paths[endpoint.route]["get"]
        assert operation["operationId"] == endpoint.contract.name
        assert operation["summary"]
        parameters = operation.get("parameters", [])
        assert isinstance(parameters, list)
        assert [parameter["name"] for parameter in parameters] == [item.name for item in endpoint.parameters]
        for parameter, item in zip(parameters, endpoint.parameters, strict=True):
            assert parameter["description"], f"{endpoint.route}: {item.name} has no description"
            assert parameter["required"] == item.is_required
            assert parameter["schema"].get("enum", []) == list(item.allowed)
        responses = operation["responses"]
        assert isinstance(responses, dict)
        unknown = ["404"] if any(item.is_symbol for item in endpoint.parameters) else []
        answered = {"application/json": {"schema": {"$ref": f"#/components/schemas/{endpoint.contract.name}_Answer"}}}
        refused = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        assert {status: response["content"] for status, response in responses.items()} == {
            "200": answered
        } | dict.fromkeys([*unknown, "422", "429", "503", "504"], refused)


@pytest.mark.slow
async def test_columns_carry_descriptions_and_examples(document: dict[str, object], registry: Registry) -> None:
    components = TypeAdapter(dict[str, dict[str, dict[str, object]]]).validate_python(document["components"])
    for endpoint in registry.endpoints:
        fields = components["schemas"][f"{endpoint.contract.name}_Record"]["properties"]
        assert isinstance(fields, dict)
        assert list(fields) == [snake_case(name) for name in endpoint.contract.result.names]
        for name, field in fields.items():
            assert field.get("description"), f"{endpoint.contract.name}: {name} has no description"
            assert field.get("examples"), f"{endpoint.contract.name}: {name} has no example"


async def test_limits_and_defaults_are_advertised(document: dict[str, object]) -> None:
    paths = TypeAdapter(dict[str, dict[str, dict[str, list[dict[str, object]]]]]).validate_python(
        {"p": {"get": {"parameters": document["paths"]["/v1/analytics/{symbol}/rolling-average"]["get"]["parameters"]}}}  # type: ignore[index]  # JSON
    )
    schemas = {parameter["name"]: parameter["schema"] for parameter in paths["p"]["get"]["parameters"]}
    window, interval = schemas["window"], schemas["interval"]
    assert isinstance(window, dict)
    assert isinstance(interval, dict)
    assert (window["minimum"], window["maximum"], window["default"]) == (1, 1000, 20)
    assert (interval["default"], "1m" in interval["enum"]) == ("1d", True)


@pytest.mark.slow
async def test_the_api_presents_itself_as_the_registry_says(
    document: dict[str, object], http: httpx.AsyncClient
) -> None:
    texts = REGISTRY.texts
    information = document["info"]
    assert isinstance(information, dict)
    assert (information["title"], information["description"]) == (
        texts.title,
        f"{texts.summary}\n\n{texts.description}\n",
    )
    page = (await http.get("/")).text
    assert (
        page.count(f"<title>{texts.title}</title>") == page.count(f"<h1>{texts.title}</h1>\n<p>{texts.summary}\n") == 1
    )
    components = TypeAdapter(dict[str, dict[str, dict[str, object]]]).validate_python(document["components"])
    described = components["schemas"]["Meta"]["properties"]["source"]  # type: ignore[index]  # JSON
    assert described == {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "description": "Where the prices came from, several joined by `+`; `simulated` marks simulated prices.",
        "examples": ["yahoo"],
        "title": "Source",
    }


@pytest.mark.slow
async def test_the_moment_and_the_sources_follow_their_roles_and_no_name(tmp_path: Path) -> None:
    (tmp_path / "Seen_v1.kql").write_text(
        ".create-or-alter function Seen_v1(seenAt: datetime) {\n"
        "    datatable(Origin: string) ['b', 'a/c'] | extend At = seenAt\n}\n",
        encoding="utf-8",
    )
    registry_file = tmp_path / "registry.toml"
    registry_file.write_text(
        '[source]\ncolumn = "Origin"\nseparator = "/"\ndescription = "Where."\n\n'
        '[parameter.seenAt]\nname = "seen"\nmoment = true\n\n'
        '[[endpoint]]\nroute = "/v1/seen"\nfunction = "Seen_v1"\n',
        encoding="utf-8",
    )
    database = load_database(tmp_path)
    engine = Eventhouse.open(None, database="Own")
    try:
        eventhouse = EmbeddedEventhouse(engine, "Own")
        await deploy(eventhouse, database)
        transport = httpx.ASGITransport(create_app(load_registry(registry_file, database), eventhouse))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            answer = await http.get("/v1/seen", params={"seen": "2026-01-05T10:00:00Z"})
    finally:
        engine.close()
    assert answer.json()["meta"] == {
        "function": "Seen_v1",
        "row_count": 2,
        "as_of": "2026-01-05T10:00:00Z",
        "source": "a/b/c",
        "parameters": {"seen": "2026-01-05T10:00:00Z"},
    }
