"""`/v1/rest/marks?name=…`: how far a source is stored, for a data connection that goes on from there."""

from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request
from starlette.responses import Response

from emulator.errors import KustoError
from emulator.lanes.lanes import Lanes
from emulator.options import QUERY_TIMEOUT
from emulator.server.exchange import Exchange, ExchangePolicy
from emulator.work import Work

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse


class MarksEndpoint:
    """The marks of one Eventhouse."""

    def __init__(self, eventhouse: "Eventhouse", lanes: Lanes, policy: ExchangePolicy) -> None:
        self._eventhouse = eventhouse
        self._lanes = lanes
        self._policy = policy

    async def run(self, request: Request) -> Response:
        """Answer the position that a source is to be read on from, null for one never read."""
        return await self._policy.run(request, self._run)

    async def _run(self, exchange: Exchange) -> Response:
        name = exchange.request.query_params.get("name")
        if not name:
            raise KustoError("The parameter 'name' is missing", "TH_Mark", hint="name the source whose mark is asked")
        # Without its mark a source is not stored: it goes with the ingestion.
        position = await self._lanes.ingest(Work(QUERY_TIMEOUT.total_seconds()), lambda _: self._eventhouse.mark(name))
        return exchange.reply(orjson.dumps({"name": name, "position": position}))
