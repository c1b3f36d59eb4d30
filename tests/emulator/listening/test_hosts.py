"""Which host a request names, by its header and by its target."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from emulator.listening.hosts import authority_of, host_name
from tests.emulator.listening.sockets import connected, serving


@pytest.mark.parametrize(
    ("text", "name"),
    [("localhost", "localhost"), ("LocalHost:80", "localhost"), ("localhost.:80", "localhost"), ("a_b-1:", "a_b-1"),
     ("127.0.0.1:65535", "127.0.0.1"), ("[::1]:80", "[::1]"), ("[FE80::1]", "[fe80::1]"),
     ("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"), ("", ""), ("evil%2Eexample", "evil.example"),
     ("localhos%74:1", "localhost"), ("a,b", "a,b")],
)  # fmt: skip
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(text: str, name: str) -> None:
    assert host_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:1@evil", "user@localhost", "user:80@localhost", "localhost:80@evil.example:80", "127.0.0.1/evil",
     "127.0.0.1#evil", "127.0.0.1?evil", "127.0.0.1\\evil", "127.0.0.1 evil", " 127.0.0.1", "127.0.0.1\t", "a:b",
     "127.0.0.1:80:80", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1:\u0661", ":80", ":", ".", "..",
     "a..b", ".localhost", "[::1", "::1", "[::1]evil", "[::1]:80x", "[]", "[:::]", "[127.0.0.1]", "[fe80::1%25lo]",
     "evil%", "evil%2", "evil%zz", "localhost%00", "localhost%3A80", "a%40b", "a%252eb", "b\u00fccher", "\u00b2.\u00b2",
     "localhost..", "http://localhost", "localhost\x00", "localhost\n"],
)  # fmt: skip
def test_what_else_stands_there_is_no_host(text: str) -> None:
    assert host_name(text) is None


@pytest.mark.parametrize(
    ("target", "authority"),
    [(b"http://a.example:80/x?y", b"a.example:80"), (b"HTTPS://a", b"a"), (b"http://a?x", b"a"), (b"http://a#x", b"a"),
     (b"http:///x", None), (b"http://", None), (b"http://:80/", None), (b"http://u@a/", None), (b"ftp://a/", None),
     (b"a:80", None), (b"a", None), (b"?x", None), (b"http://a\\b/", None), (b"http:a", None)],
)  # fmt: skip
def test_a_target_that_is_a_url_names_its_host(target: bytes, authority: bytes | None) -> None:
    assert authority_of(target) == authority


async def host(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the hosts and the path that the application is told."""
    if scope["type"] == "http":
        body = b",".join(value for name, value in scope["headers"] if name == b"host") + b" " + scope["raw_path"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    ("request_line", "headers", "answer"),
    [
        (b"GET /x HTTP/1.1", b"Host: localhost:80\r\n", (200, "localhost:80 /x")),
        (b"GET /x HTTP/1.1", b"Host: \r\n", (200, " /x")),
        (b"GET /x HTTP/1.0", b"", (200, " /x")),
        (b"OPTIONS * HTTP/1.1", b"Host: a\r\n", (200, "a *")),
        # RFC 9112, 3.2.2: the header is ignored.
        (b"GET http://evil.example/x HTTP/1.1", b"Host: 127.0.0.1\r\n", (200, "evil.example /x")),
        (b"GET http://127.0.0.1:80/x HTTP/1.1", b"Host: evil.example\r\n", (200, "127.0.0.1:80 /x")),
        (b"GET http://evil.example/x HTTP/1.0", b"", (200, "evil.example /x")),
        (b"GET http://127.0.0.1@evil.example/ HTTP/1.1", b"Host: 127.0.0.1\r\n", (400, "target")),
        (b"GET http:///x HTTP/1.1", b"Host: 127.0.0.1\r\n", (400, "target")),
        (b"GET gopher://127.0.0.1/x HTTP/1.1", b"Host: 127.0.0.1\r\n", (400, "target")),
        (b"CONNECT evil.example:80 HTTP/1.1", b"Host: 127.0.0.1\r\n", (400, "target")),
        (b"GET /x HTTP/1.1", b"", (400, "host")),
        (b"GET /x HTTP/1.1", b"Host: a\r\nHost: a\r\n", (400, "host")),
        (b"GET http://a/ HTTP/1.1", b"Host: a\r\nHost: b\r\n", (400, "host")),
        (b"GET /x HTTP/1.1", b"Host: 127.0.0.1:1@evil\r\n", (400, "host")),
        (b"GET /x HTTP/1.1", b"Host: 127.0.0.1, evil\r\n", (400, "host")),
        (b"GET /x HTTP/1.1", b"Host: http://127.0.0.1/\r\n", (400, "host")),
        (b"GET /x HTTP/1.0", b"Host: a@b\r\n", (400, "host")),
    ],
)
async def test_an_application_hears_of_one_host(request_line: bytes, headers: bytes, answer: tuple[int, str]) -> None:
    texts = {
        "target": "The target of the request is no path and no URL.",
        "host": "The request names no host, or not one.",
    }
    async with serving(host) as served, connected(served) as peer:
        await peer.send(request_line + b"\r\n" + headers + b"\r\n")
        async with asyncio.timeout(20):
            assert await peer.answer() == (answer[0], texts.get(answer[1], answer[1]))
