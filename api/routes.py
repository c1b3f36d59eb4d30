"""Endpoint → route: parameters in, the function's answer out as bytes."""

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import UTC, datetime

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from api.limits import ApiLimits
from api.models import answer_model
from api.parameters import canonical_symbols, check_order, keywords, names_issues, signature
from api.problems import bad_parameters, from_eventhouse, incomplete, problem_response
from api.records import records_json, sources
from api.values import argument, public
from emulator.context import ParameterValue
from emulator.errors import KustoError
from emulator.result import ResultTable
from kql.client import Eventhouse
from kql.reference import Company
from kql.registry import Endpoint

# Rendering more than this on the event loop would hold up everyone else for milliseconds.
_ROWS_IN_LOOP = 2000

Handler = Callable[..., Awaitable[Response]]


class JsonBytes(JSONResponse):
    """A finished JSON document; by the class FastAPI knows to document the model."""

    def render(self, content: bytes) -> bytes:
        """Pass the document on as it is."""
        return content


class EndpointAnswers:
    """Answers the requests of one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        eventhouse: Eventhouse,
        limits: ApiLimits,
        companies: tuple[Company, ...],
        notice: Callable[[], str],
        rendering: Executor | None,
    ) -> None:
        self._rendering = rendering
        self._endpoint = endpoint
        self._eventhouse = eventhouse
        self._companies = companies
        self._limits = limits
        self._notice = notice
        self._options = {
            "servertimeout": limits.timeout,
            "truncationmaxrecords": limits.max_rows,
            "request_readonly": True,
        }

    async def answer(self, request: Request, values: dict[str, object]) -> Response:
        """Answer a request whose values are valid one by one; `values` go by public name."""
        issues = names_issues(self._endpoint, [name for name, _ in request.query_params.multi_items()])
        if issues:
            raise bad_parameters(issues)
        check_order(self._endpoint, values)
        for parameter in self._endpoint.parameters:
            if parameter.is_symbol and values.get(parameter.name):
                symbols = canonical_symbols(parameter, str(values[parameter.name]), self._companies)
                values[parameter.name] = symbols
        computed_at = datetime.now(UTC)
        # Before the query: what is complete by its end may have been on its way at its start.
        notice = self._notice()
        table = await self._query(values)
        if notice and not len(table):
            raise incomplete(notice)
        if len(table) > _ROWS_IN_LOOP:
            data = await asyncio.get_running_loop().run_in_executor(self._rendering, records_json, table)
        else:
            data = records_json(table)
        parameters = {name: public(value) for name, value in values.items() if value is not None}
        moment = self._endpoint.moment
        meta = {
            "function": self._endpoint.contract.name,
            "row_count": len(table),
            "as_of": (moment and parameters.get(moment.name)) or public(computed_at.replace(microsecond=0)),
            "source": sources(table, self._endpoint.source),
            "parameters": parameters,
        }
        if notice:
            meta["notice"] = notice
        body = b'{"data":' + data + b',"meta":' + orjson.dumps(meta) + b"}"
        # Weak: the moment of the view moves on while the records stay the same.
        tag = hashlib.blake2b(data + orjson.dumps(parameters) + notice.encode(), digest_size=12).hexdigest()
        return JsonBytes(body, headers={"ETag": f'W/"{tag}"', **({"Cache-Control": "no-store"} if notice else {})})

    async def _query(self, values: dict[str, object]) -> ResultTable:
        arguments: dict[str, ParameterValue] = {
            parameter.argument: argument(parameter, values[parameter.name])
            for parameter in self._endpoint.parameters
            if values.get(parameter.name) is not None
        }
        try:
            async with asyncio.timeout(self._limits.timeout.total_seconds()):
                return await self._eventhouse.query(
                    self._endpoint.query_text, parameters=arguments, options=self._options
                )
        except (KustoError, TimeoutError) as error:
            raise from_eventhouse(error, self._limits) from error


def add_route(
    app: FastAPI,
    endpoint: Endpoint,
    eventhouse: Eventhouse,
    limits: ApiLimits,
    companies: tuple[Company, ...],
    notice: Callable[[], str] = lambda: "",
    rendering: Executor | None = None,
) -> None:
    """Add the route of an endpoint with its documentation; `notice` says why answers are incomplete, while they are.

    Long answers are rendered in the threads of `rendering`, by default in those that all of the process shares.
    """
    answers = EndpointAnswers(endpoint, eventhouse, limits, companies, notice, rendering)
    app.add_api_route(
        endpoint.route,
        _handler(endpoint, answers),
        methods=["GET"],
        response_model=answer_model(endpoint),
        response_class=JsonBytes,
        name=endpoint.contract.name,
        operation_id=endpoint.contract.name,
        summary=endpoint.contract.docstring.rstrip("."),
        description=_description(endpoint),
        tags=list(endpoint.tags),
        deprecated=bool(endpoint.deprecated) or None,
        responses=_responses(endpoint),
    )


def _handler(endpoint: Endpoint, answers: EndpointAnswers) -> Handler:
    names = [parameter.name for parameter in endpoint.parameters]
    public_names = dict(zip(keywords(endpoint), names, strict=True))

    async def handler(request: Request, **values: object) -> Response:
        return await answers.answer(request, {public_names[name]: value for name, value in values.items()})

    # FastAPI reads parameters from here: types, limits, defaults and descriptions of the endpoint.
    handler.__signature__ = _with_request(endpoint)  # type: ignore[attr-defined]  # honoured by inspect.signature
    return handler


def _with_request(endpoint: Endpoint) -> inspect.Signature:
    own = signature(endpoint)
    request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    return own.replace(parameters=[request, *own.parameters.values()])


def _description(endpoint: Endpoint) -> str:
    text = f"{endpoint.contract.docstring}\n\nComputed by the KQL function `{endpoint.contract.name}`."
    if endpoint.max_age:
        text += f" Answers may be {endpoint.max_age} s old."
    return f"{text}\n\n**Deprecated:** {endpoint.deprecated}" if endpoint.deprecated else text


def _responses(endpoint: Endpoint) -> dict[int | str, dict[str, object]]:
    texts = {
        422: "A parameter is unknown, malformed or out of range.",
        429: "More is asked than can be answered: ask again after `Retry-After`.",
        503: "The Eventhouse cannot answer now, or has nothing yet to answer with: ask again after `Retry-After`.",
        504: "The Eventhouse did not answer in time.",
    }
    if any(parameter.is_symbol for parameter in endpoint.parameters):
        texts = {404: "No company has this symbol.", **texts}
    return {status: problem_response(text) for status, text in texts.items()}
