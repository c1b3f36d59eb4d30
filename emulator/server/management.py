"""`/v1/rest/mgmt`: management commands."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.compute as pc
from starlette.requests import Request
from starlette.responses import Response

from emulator.errors import KustoError
from emulator.options import COMMAND_TIMEOUT
from emulator.result import ResultTable
from emulator.server.errors import ForbiddenFault
from emulator.server.exchange import Exchange, ExchangePolicy, Workers
from emulator.server.properties import WireRequest, read_body
from emulator.server.v1 import render_command

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse

_ADDRESSES = "StorageRoot"


class ManagementEndpoint:
    """The management endpoint of one Eventhouse."""

    def __init__(self, eventhouse: "Eventhouse", workers: Workers, policy: ExchangePolicy) -> None:
        self._eventhouse = eventhouse
        self._workers = workers
        self._policy = policy

    async def run(self, request: Request) -> Response:
        """Run one command and answer its table."""
        return await self._policy.run(request, self._run)

    async def _run(self, exchange: Exchange) -> Response:
        wire = read_body(await exchange.body(), exchange.request.headers, COMMAND_TIMEOUT)
        exchange.text, exchange.database = wire.text, wire.database or ""
        exchange.identify(wire.properties.client_request_id)
        if not wire.is_command:
            raise KustoError(
                "A management command starts with a dot",
                code="BadRequest_NotACommand",
                hint="send queries to /v2/rest/query",
            )
        shows = wire.is_show_command
        if wire.read_only and not shows:
            raise ForbiddenFault(
                "The request is marked read-only, and this command is not a .show command", code="Forbidden"
            )
        run = self._workers.read if shows else self._workers.write
        base = _base_address(exchange.request)
        return await run(lambda: exchange.reply(self._answer(wire, base)), wire.timeout)

    def _answer(self, wire: WireRequest, base: str) -> bytes:
        try:
            table = self._eventhouse.command(wire.text, database=wire.database, properties=wire.properties)
        except KustoError as fault:
            raise fault.with_source(wire.text) from None
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
