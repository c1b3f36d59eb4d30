"""`/v1/rest/mgmt`: management commands."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from emulator.errors import KustoError
from emulator.server.errors import ForbiddenFault
from emulator.server.exchange import Exchange, ExchangePolicy, Workers
from emulator.server.properties import COMMAND_TIMEOUT, WireRequest, read_body
from emulator.server.v1 import render_command

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse


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
        shows = wire.text.lstrip().lower().startswith(".show")
        if wire.read_only and not shows:
            raise ForbiddenFault(
                "The request is marked read-only, and this command is not a .show command", code="Forbidden"
            )
        run = self._workers.read if shows else self._workers.write
        return await run(lambda: exchange.reply(self._answer(wire)), wire.timeout)

    def _answer(self, wire: WireRequest) -> bytes:
        try:
            table = self._eventhouse.command(wire.text, database=wire.database, properties=wire.properties)
        except KustoError as fault:
            raise fault.with_source(wire.text) from None
        return render_command(table)
