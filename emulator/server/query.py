"""`/v1/rest/query` and `/v2/rest/query`: text in, frames or tables out."""

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from emulator.errors import KustoError, UnsupportedFault
from emulator.lanes.lanes import Lanes
from emulator.options import QUERY_TIMEOUT
from emulator.result import TruncationFault
from emulator.server.answer import Answer, render
from emulator.server.errors import ForbiddenFault
from emulator.server.exchange import Exchange, ExchangePolicy
from emulator.server.properties import WireRequest, read_fields
from emulator.server.requests import read_request
from emulator.server.v1 import render_v1
from emulator.server.v2 import render_v2
from emulator.work import Work, doing

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse

_NO_COMMANDS = b"Bad request: Control commands (starting with a dot '.') do not support api_version=v2"


class QueryEndpoints:
    """The query endpoints of one Eventhouse."""

    def __init__(self, eventhouse: "Eventhouse", lanes: Lanes, policy: ExchangePolicy) -> None:
        self._eventhouse = eventhouse
        self._lanes = lanes
        self._policy = policy

    async def v1(self, request: Request) -> Response:
        """Answer a query with v1 tables; `.show` commands are answered too, since clients send them here."""
        return await self._policy.run(request, self._v1)

    async def v2(self, request: Request) -> Response:
        """Answer a query with v2 frames."""
        return await self._policy.run(request, self._v2)

    async def _v1(self, exchange: Exchange) -> Response:
        wire = await self._read(exchange)
        if wire.is_command and not wire.is_show_command:
            raise ForbiddenFault(
                "Only .show commands are answered by the query endpoint",
                code="Forbidden",
                hint="send management commands to /v1/rest/mgmt",
            )
        lane = self._lanes.urgent if wire.is_urgent else self._lanes.query
        whole = wire.work()
        with self._announced(wire, whole):
            return await lane(whole, lambda work: exchange.reply(self._run_v1(wire, exchange, work)))

    async def _v2(self, exchange: Exchange) -> Response:
        wire = await self._read(exchange)
        if wire.is_command:
            return exchange.reply(_NO_COMMANDS, status=400, media_type="text/plain")
        whole = wire.work()
        with self._announced(wire, whole):
            return await self._lanes.query(whole, lambda work: exchange.reply(self._run_v2(wire, exchange, work)))

    def _announced(self, wire: WireRequest, work: Work) -> AbstractContextManager[None]:
        return self._eventhouse.announced(wire.text, work, database=wire.database, properties=wire.properties)

    def _run_v1(self, wire: WireRequest, exchange: Exchange, work: Work) -> bytes:
        with doing(work):
            return render_v1(self._answer(wire, exchange, work))

    def _run_v2(self, wire: WireRequest, exchange: Exchange, work: Work) -> bytes:
        with doing(work):
            answer = self._answer(wire, exchange, work)
            return render_v2(answer, exchange.context, defer_failures=wire.defer_failures, fragmented=wire.fragmented)

    def _answer(self, wire: WireRequest, exchange: Exchange, work: Work) -> Answer:
        started = time.perf_counter()
        truncation: TruncationFault | None = None
        try:
            tables = self._eventhouse.query(wire.text, database=wire.database, properties=wire.properties, work=work)
        except TruncationFault as fault:
            tables, truncation = fault.tables, fault
        except KustoError as fault:
            raise fault.with_source(wire.text) from None
        rendered = render(tables)
        return Answer(
            rendered, exchange.client_request_id, exchange.activity_id, time.perf_counter() - started, truncation
        )

    async def _read(self, exchange: Exchange) -> WireRequest:
        request = exchange.request
        if request.method in ("GET", "HEAD"):
            wire = read_fields(dict(request.query_params), request.headers, QUERY_TIMEOUT)
        else:
            wire = await read_request(exchange, self._lanes, QUERY_TIMEOUT)
        exchange.text, exchange.database = wire.text, wire.database or ""
        exchange.identify(wire.properties.client_request_id)
        language = str(wire.properties.options.get("query_language", "kql")).lower()
        if language not in ("kql", "csl"):
            raise UnsupportedFault(
                f"The option 'query_language' asks for '{language}'; only kql is understood", code="TH0001"
            )
        return wire
