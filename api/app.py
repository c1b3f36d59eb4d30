"""The FastAPI application over one Eventhouse, generated from the registry; no globals."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from api.cache import AnswerCache
from api.health import add_health
from api.index_page import landing_page
from api.keys import ApiKeyLayer
from api.limits import ApiLimits
from api.parameters import issues_of, names_issues
from api.problems import ApiError, Problem, bad_parameters, status_problem
from api.routes import add_route
from kql.client import Eventhouse
from kql.reference import Company, load_companies
from kql.registry import Endpoint, Registry


def create_app(
    registry: Registry,
    eventhouse: Eventhouse,
    *,
    api_key: str | None = None,
    limits: ApiLimits | None = None,
    companies: tuple[Company, ...] | None = None,
    notice: Callable[[], str] = lambda: "",
) -> FastAPI:
    """Return the application; the caller keeps and closes the Eventhouse.

    With an API key every request must carry it, except for health checks. `companies` are the known symbols, by
    default those of the market database. `notice` is asked with every request: while it says why data are missing,
    answers repeat it, and one without records is a 503 to be asked again.
    """
    limits = limits or ApiLimits()
    companies = companies or load_companies()
    # The documentation page must work on a machine without internet, so its script comes from a package, not a CDN.
    app = FastAPIOffline(
        title=registry.texts.title or "API",
        version=_version(),
        description=f"{registry.texts.summary}\n\n{registry.texts.description}\n",
        redoc_url=None,
        static_url="/docs-assets",
    )
    for endpoint in registry.endpoints:
        add_route(app, endpoint, eventhouse, limits, companies, notice)
    add_health(app, registry, eventhouse)
    _add_landing(app, registry)
    _add_problem_handlers(app, {endpoint.route: endpoint for endpoint in registry.endpoints})
    _describe_problems(app)
    app.add_middleware(AnswerCache, registry=registry, limits=limits)
    if api_key:
        app.add_middleware(ApiKeyLayer, key=api_key)
    return app


def _add_landing(app: FastAPI, registry: Registry) -> None:
    page = landing_page(registry)

    async def landing() -> Response:
        return Response(page, media_type="text/html; charset=utf-8")

    app.add_api_route("/", landing, methods=["GET"], include_in_schema=False, response_class=Response)


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
        return status_problem(error.status_code, request.url.path).response()

    @app.exception_handler(Exception)
    async def failure(_request: Request, _error: Exception) -> Response:
        # Starlette raises the error again after this answer, so that the server's log has it.
        hint = "the cause stands in the server's log"
        return ApiError(500, "internal", "Internal error", "The request failed inside the API.", hint=hint).response()


def _describe_problems(app: FastAPI) -> None:
    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas |= schema.pop("$defs", {})
            schemas[Problem.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _version() -> str:
    try:
        return version("tickhouse")
    except PackageNotFoundError:
        return "0"
