"""What a route's parameters are in the document, and which paths the API keeps for itself."""

from typing import cast

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.models import meta_model
from api.parameters import signature
from emulator.types import KqlType, Scalar, Schema
from kql.client import Eventhouse
from kql.contracts import FunctionContract
from kql.registry import Endpoint, EndpointParameter, Registry
from kql.registry_rules import OWN_ROUTES


def documented(parameter: EndpointParameter) -> dict[str, object]:
    """Return the schema of a parameter in the document of an application that has no other."""
    endpoint = Endpoint("/v1/x", FunctionContract("X_v1", "X.", (), Schema(())), (parameter,))
    app = FastAPI()

    async def handler() -> None:
        """Answer nothing."""

    handler.__signature__ = signature(endpoint)  # type: ignore[attr-defined]  # honoured by inspect.signature
    app.add_api_route("/v1/x", handler)
    return cast("dict[str, object]", app.openapi()["paths"]["/v1/x"]["get"]["parameters"][0]["schema"])


@pytest.mark.parametrize(
    ("scalar", "low", "high", "limits"),
    [
        (Scalar.INT, None, None, (-2147483648, 2147483647)),
        (Scalar.LONG, None, None, (-9223372036854775808, 9223372036854775807)),
        (Scalar.INT, 0, None, (0, 2147483647)),
        (Scalar.INT, None, 5, (-2147483648, 5)),
        (Scalar.REAL, None, None, (None, None)),
        (Scalar.REAL, 0.5, 2, (0.5, 2)),
    ],
)
def test_a_number_has_the_limits_of_its_type_and_of_the_registry(
    scalar: Scalar, low: float | None, high: float | None, limits: tuple[float | None, float | None]
) -> None:

    found = documented(EndpointParameter("n", "n", "query", KqlType(scalar), True, None, "", minimum=low, maximum=high))
    assert (found.get("minimum"), found.get("maximum")) == limits


def test_what_an_answer_says_of_itself_is_described() -> None:
    assert {name: field.description for name, field in meta_model(None).model_fields.items()} == {
        "function": "The KQL function that computed the answer.",
        "row_count": "Number of records.",
        "as_of": "The moment of the view: that asked for, or the time of the computation.",
        "source": "Always null.",
        "parameters": "The parameters in effect, defaults included.",
        "notice": "Why records may be missing; absent unless data are still being loaded.",
    }


def test_the_paths_that_no_route_may_have_are_those_that_the_api_serves_itself() -> None:
    app = create_app(Registry(()), cast(Eventhouse, None), companies=())
    served = {f"/{route.path.split('/')[1]}" for route in app.routes}  # type: ignore[attr-defined]  # all have a path
    assert served == set(OWN_ROUTES)


def test_a_parameter_may_be_called_what_python_uses_itself() -> None:
    parameters = tuple(
        EndpointParameter(name, argument, "query", KqlType(Scalar.LONG), False, None, "")
        for name, argument in (("request", "request"), ("class", "class"), ("a.b-c", "a b"))
    )
    endpoint = Endpoint("/v1/x", FunctionContract("X_v1", "X.", (), Schema(())), parameters)
    document = create_app(Registry((endpoint,)), cast("Eventhouse", None), companies=()).openapi()
    found = document["paths"]["/v1/x"]["get"]["parameters"]
    assert [(each["name"], each["schema"]["title"]) for each in found] == [
        ("request", "Request"),
        ("class", "Class"),
        ("a.b-c", "A.B-C"),
    ]
