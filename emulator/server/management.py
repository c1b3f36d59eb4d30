"""`/v1/rest/mgmt`: management commands."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.compute as pc
from starlette.requests import Request
from starlette.responses import Response

from emulator.errors import KustoError
from emulator.lanes.lanes import Lanes
from emulator.options import COMMAND_TIMEOUT
from emulator.result import ResultTable
from emulator.server.errors import ForbiddenFault
from emulator.server.exchange import Exchange, ExchangePolicy
from emulator.server.properties import WireRequest
from emulator.server.requests import read_request
from emulator.server.v1 import render_command
from emulator.work import Work, doing

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse

_ADDRESSES = "StorageRoot"


class ManagementEndpoint:
    """The management endpoint of one Eventhouse."""

    def __init__(self, eventhouse: "Eventhouse", lanes: Lanes, policy: ExchangePolicy) -> None:
        self._eventhouse = eventhouse
        self._lanes = lanes
        self._policy = policy

    async def run(self, request: Request) -> Response:
        """Run one command and answer its table."""
        return await self._policy.run(request, self._run)

    async def _run(self, exchange: Exchange) -> Response:
        wire = await read_request(exchange, self._lanes, COMMAND_TIMEOUT)
        exchange.text, exchange.database = wire.text, wire.database or ""
        exchange.identify(wire.properties.client_request_id)
        if not wire.is_command:
            raise KustoError(
                "A management command starts with a dot",
                code="BadRequest_NotACommand",
                hint="send queries to /v2/rest/query",
            )
        if wire.read_only and not wire.is_show_command:
            raise ForbiddenFault(
                "The request is marked read-only, and this command is not a .show command", code="Forbidden"
            )
        base = _base_address(exchange.request)
        whole = wire.work()
        with self._eventhouse.announced(wire.text, whole, database=wire.database, properties=wire.properties):
            return await self._lane(wire)(whole, lambda work: exchange.reply(self._answer(wire, base, work)))

    def _lane(self, wire: WireRequest) -> Callable[[Work, Callable[[Work], Response]], Awaitable[Response]]:
        if wire.is_urgent:
            return self._lanes.urgent
        if wire.is_show_command:
            return self._lanes.query
        return self._lanes.command if wire.is_computing else self._lanes.control

    def _answer(self, wire: WireRequest, base: str, work: Work) -> bytes:
        try:
            table = self._eventhouse.command(wire.text, database=wire.database, properties=wire.properties, work=work)
        except KustoError as fault:
            raise fault.with_source(wire.text) from None
        if not wire.is_show_command:
            # It is done, however long its answer takes.
            return render_command(_with_addresses(table, base))
        with doing(work):
            return render_command(_with_addresses(table, base))


def _base_address(request: Request) -> str:
    """Return where the caller reached this server; clients rewrite names of hosts, and leave 127.0.0.1 alone."""
    base = request.base_url
    return str(base.replace(hostname="127.0.0.1") if base.hostname == "localhost" else base).rstrip("/")


def _with_addresses(table: ResultTable, base: str) -> ResultTable:
    """Complete the addresses of storage resources, which the engine knows without the host."""
    if _ADDRESSES not in table.schema.names:
        return table
    position = table.schema.names.index(_ADDRESSES)
    complete = pc.binary_join_element_wise(base, table.arrow.column(position), "")
    return replace(table, arrow=table.arrow.set_column(position, _ADDRESSES, complete))
