"""The FastAPI application over one Eventhouse, generated from the registry; no globals."""

import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from api.access import METHODS, AccessLayer
from api.cache import AnswerCache
from api.health import add_health
from api.index_page import landing_page
from api.limits import ApiLimits
from api.parameters import issues_of, names_issues
from api.problems import ApiError, Problem, bad_parameters, closing, problem_response, status_problem
from api.routes import add_route
from emulator.listening.disconnect import DisconnectLayer
from emulator.listening.faults import FaultLayer
from emulator.listening.keys import usable_key
from emulator.product_version import product_version
from kql.client import Eventhouse
from kql.reference import Company, load_companies
from kql.registry import Endpoint, Registry
from kql.registry_rules import DOCUMENT_ROUTE, DOCUMENTATION_FILES, DOCUMENTATION_ROUTE, LANDING_ROUTE


def create_app(
    registry: Registry,
    eventhouse: Eventhouse,
    *,
    api_key: str | None = None,
    hosts: Collection[str] = (),
    origins: Collection[str] = (),
    limits: ApiLimits | None = None,
    companies: tuple[Company, ...] | None = None,
    notice: Callable[[], str] = lambda: "",
) -> FastAPI:
    """Return the application; the caller keeps and closes the Eventhouse.

    With an API key every request must carry it, except for health checks; one that no header can carry is UnusableKey.
    Without one the server answers to names of this machine and to `hosts`. Pages of browsers are let in from loopback
    and from `origins`. `companies` are the known symbols, by
    default those of the market database. `notice` is asked with every request: while it says why data are missing,
    answers repeat it, and one without records is a 503 to be asked again.
    """
    api_key = usable_key(api_key)
    limits = limits or ApiLimits()
    companies = companies or load_companies()
    # The documentation page must work on a machine without internet, so its script comes from a package, not a CDN.
    app = FastAPIOffline(
        title=registry.texts.title or "API",
        version=product_version(),
        description=f"{registry.texts.summary}\n\n{registry.texts.description}\n",
        docs_url=DOCUMENTATION_ROUTE,
        openapi_url=DOCUMENT_ROUTE,
        redoc_url=None,
        static_url=DOCUMENTATION_FILES,
        # A redirect would name whatever host the request named.
        redirect_slashes=False,
    )
    # Of its own: whoever else works in threads of this process does not wait for long answers.
    rendering = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="render")
    for endpoint in registry.endpoints:
        add_route(app, endpoint, eventhouse, limits, companies, notice, rendering)
    add_health(app, registry, eventhouse)
    _add_landing(app, registry)
    _add_problem_handlers(app, {endpoint.route: endpoint for endpoint in registry.endpoints})
    _describe(app, has_key=api_key is not None)
    app.add_middleware(AnswerCache, registry=registry, limits=limits, companies=companies)
    app.add_middleware(AccessLayer, key=api_key, hosts=hosts, origins=origins)
    app.add_middleware(FaultLayer, answer=_failed)
    app.add_middleware(DisconnectLayer, closing=closing().response())
    return app


def _add_landing(app: FastAPI, registry: Registry) -> None:
    page = landing_page(registry)

    async def landing() -> Response:
        return Response(page, media_type="text/html; charset=utf-8")

    app.add_api_route(LANDING_ROUTE, landing, methods=["GET"], include_in_schema=False, response_class=Response)


def _add_problem_handlers(app: FastAPI, endpoints: dict[str, Endpoint]) -> None:
    @app.exception_handler(ApiError)
    async def api_error(_request: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def bad_request(request: Request, error: RequestValidationError) -> Response:
        endpoint = endpoints[request.scope["route"].path]
        sent = [name for name, _ in request.query_params.multi_items()]
        return bad_parameters(names_issues(endpoint, sent) + issues_of(endpoint, error.errors())).response()

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return status_problem(error.status_code, request.url.path).response()
        # All that is served here is read; HEAD has been made GET on the way.
        allow = {"Allow": METHODS}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=allow)
        return status_problem(error.status_code, request.url.path, allow).response()


def _failed(id_: str) -> Response:
    detail = f"The request failed inside the API (fault {id_})."
    hint = "the cause stands in the server's log under this id"
    return ApiError(500, "internal", "Internal error", detail, hint=hint).response()


def _describe(app: FastAPI, *, has_key: bool) -> None:
    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas |= schema.pop("$defs", {})
            schemas[Problem.__name__] = schema
            if has_key:
                _describe_key(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _describe_key(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Bearer": {"type": "http", "scheme": "bearer"},
    }
    document["security"] = [{"ApiKey": []}, {"Bearer": []}]
    refusal = problem_response("The request carries no valid API key.")
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"] = dict(sorted({**operation["responses"], "401": refusal}.items()))
