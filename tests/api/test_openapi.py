"""The advertised document is true: real answers fit it, nothing is missing from it."""

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from api.index_page import example_url
from api.models import answer_model
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
    assert answer.json()["data"], "an answer without records proves nothing"
    model = answer_model(endpoint).model_validate_json(answer.content, strict=True)
    assert list(model.model_dump()["data"][0]) == [snake_case(name) for name in endpoint.contract.result.names]


async def test_a_wrong_answer_would_not_fit(http: httpx.AsyncClient) -> None:
    endpoint = REGISTRY.find("/v1/prices/{symbol}/history")
    assert endpoint is not None
    content = (await http.get(example_url(endpoint))).content
    for wrong in (content.replace(b'"close":', b'"closing":'), content.replace(b'"row_count":', b'"rows":')):
        with pytest.raises(ValidationError):
            answer_model(endpoint).model_validate_json(wrong, strict=True)


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
        assert {"200", "422", "503", "504"} <= set(responses)
        assert "application/problem+json" in responses["422"]["content"]
        assert responses["200"]["content"]["application/json"]["schema"]["$ref"].endswith(
            f"{endpoint.contract.name}_Answer"
        )


async def test_columns_carry_descriptions_and_examples(document: dict[str, object], registry: Registry) -> None:
    components = TypeAdapter(dict[str, dict[str, dict[str, object]]]).validate_python(document["components"])
    for endpoint in registry.endpoints:
        fields = components["schemas"][f"{endpoint.contract.name}_Record"]["properties"]
        assert isinstance(fields, dict)
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
