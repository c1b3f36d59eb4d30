"""Which names a server answers to, and which web pages a browser lets speak to it.

A page elsewhere reaches a loopback port through its visitor's browser, also under a name of its own that it points
here; hence the checks of `Origin` and `Host`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Send

from emulator.listening.hosts import host_name
from emulator.listening.sockets import ListenError
from emulator.loopback import is_loopback

_HOST = re.compile(r"[^\s/*@,:?#\[\]]+|\[[0-9a-fA-F:.]+\]")
_ORIGIN = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*://(?:{_HOST.pattern})(?::[0-9]+)?/?")
_USUAL = frozenset({"127.0.0.1", "localhost", "[::1]", ""})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in, and what would help."""

    text: str
    hint: str = ""


def read_hosts(text: str) -> tuple[str, ...]:
    """Return names with commas between them, without ports; raise ListenError for what no `Host` header can be."""
    return _read_list(text, "host", "a name such as prices.example, without scheme, port and path", _HOST)


def read_origins(text: str) -> tuple[str, ...]:
    """Return origins with commas between them; raise ListenError for what no `Origin` header can be."""
    return _read_list(
        text, "origin", "scheme and host such as https://dash.example, with a port where it has one", _ORIGIN
    )


def _read_list(text: str, what: str, form: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    found = tuple(each.strip() for each in text.split(",") if each.strip())
    for each in found:
        if not pattern.fullmatch(each):
            raise ListenError(f"'{each}' is no {what}: write {form}")
    return found


class Pages:
    """The rules of one server.

    `hosts` are names it is reached by, beside loopback, plain addresses and names without a dot; where none are given
    and every caller has a key (`has_key`), any name will do. `origins` are pages that are let in beside those of
    loopback and of the server itself.
    """

    def __init__(
        self,
        *,
        hosts: Collection[str] = (),
        origins: Collection[str] = (),
        has_key: bool = False,
        methods: str,
        headers: str,
        exposed: str,
    ) -> None:
        self._hosts = frozenset(host.lower().removesuffix(".") for host in hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._any_host = has_key and not hosts
        self._methods = methods
        self._headers = headers
        self._exposed = exposed

    def refusal(self, headers: Headers) -> Refusal | None:
        """Return why a request comes from somewhere else, None if it does not."""
        hosts = headers.getlist("host")
        origin = headers.get("origin")
        if len(hosts) > 1:
            return Refusal("The request names several hosts")
        host = hosts[0] if hosts else ""
        name = host_name(host)
        if origin is not None and not self._is_trusted(origin, host):
            return Refusal(f"Pages of the origin '{origin}' may not use this server")
        if name is None and self._any_host:
            return Refusal(f"'{host}' is no host name")
        if not self._any_host and not self._is_own(name):
            return Refusal(
                f"The host name '{host}' is not this machine's own",
                "use 127.0.0.1 or localhost, or start the server with a key, or with the name in --allowed-hosts",
            )
        return None

    def preflight(self, origin: str | None) -> Response:
        """Return the answer to a browser that asks what a page may send (Fetch, CORS preflight)."""
        headers = {
            "Allow": self._methods,
            "Access-Control-Allow-Methods": self._methods,
            "Access-Control-Allow-Headers": self._headers,
            "Access-Control-Max-Age": "600",
        }
        if origin is not None:
            headers |= {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        return Response(status_code=204, headers=headers)

    def shown_to(self, origin: str, send: Send) -> Send:
        """Return a `send` whose answers a page may read."""

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Access-Control-Allow-Origin"] = origin
                headers["Access-Control-Expose-Headers"] = self._exposed
                headers.add_vary_header("Origin")
            await send(message)

        return send_with_origin

    def _is_own(self, name: str | None) -> bool:
        if name is None:
            return False
        return name in _USUAL or name in self._hosts or is_loopback(name) or _is_local(name)

    def _is_trusted(self, origin: str, host: str) -> bool:
        origin = origin.lower()
        if origin in self._origins:
            return True
        _, separator, authority = origin.partition("://")
        name = host_name(authority) if separator else None
        return bool(name) and (is_loopback(name or "") or authority == host.lower())


def _is_local(name: str) -> bool:
    """Whether a host is an address, or a name of the local network alone: nothing that a stranger could point here."""
    return "." not in name or (name.isascii() and name.replace(".", "").isdigit()) or name.startswith("[")
