"""A request ends with its client: its task is canceled, and nothing else is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from emulator.listening import disconnect
from emulator.listening.disconnect import SERVER_ENDS, DisconnectLayer

REQUEST: Message = {"type": "http.request", "body": b"", "more_body": False}
GONE: Message = {"type": "http.disconnect"}


@pytest.fixture(autouse=True)
def look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disconnect, "_LOOK_SECONDS", 0.001)


class Client:
    """A client that sends messages, and hears what is answered."""

    def __init__(self, *messages: Message) -> None:
        self.heard: list[Message] = []
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        for message in messages:
            self.say(message)

    def say(self, message: Message) -> None:
        self._sent.put_nowait(message)

    async def receive(self) -> Message:
        return await self._sent.get()

    async def send(self, message: Message) -> None:
        self.heard.append(message)


async def closing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, 503)


async def answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Application:
    """An application that does something, and how it ended."""

    def __init__(self, does: Callable[[Receive, Send], Awaitable[None]]) -> None:
        self.begun = asyncio.Event()
        self.was_canceled = False
        self._does = does

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.set()
        try:
            await self._does(receive, send)
        except asyncio.CancelledError:
            self.was_canceled = True
            raise


def asked(application: Application, client: Client, method: str = "POST") -> "asyncio.Task[None]":
    layer = DisconnectLayer(application, closing)
    scope = {"type": "http", "method": method}
    return asyncio.create_task(layer(scope, client.receive, client.send))


async def read_and_wait(receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await asyncio.Event().wait()


async def wait(_receive: Receive, _send: Send) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("does", "method"), [(read_and_wait, "POST"), (wait, "GET"), (read_and_wait, "GET")])
async def test_a_client_that_leaves_ends_its_request(
    does: Callable[[Receive, Send], Awaitable[None]], method: str
) -> None:
    application, client = Application(does), Client(REQUEST)
    task = asked(application, client, method)
    await application.begun.wait()
    client.say(GONE)
    await asyncio.wait_for(task, 30)
    assert (application.was_canceled, client.heard) == (True, [])


async def test_the_body_reaches_the_application_whole_and_in_order() -> None:
    parts: list[bytes] = []

    async def collect(receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            parts.append(message["body"])
            more = message["more_body"]
            # Longer than it takes until the client is looked for.
            await asyncio.sleep(0.01)
        await answer(send, 200)

    application, client = Application(collect), Client()
    task = asked(application, client)
    for part, more in ((b"a", True), (b"b", True), (b"c", False)):
        client.say({"type": "http.request", "body": part, "more_body": more})
    await task
    assert parts == [b"a", b"b", b"c"]
    assert [each.get("status") for each in client.heard] == [200, None]


async def test_an_application_that_asks_late_gets_what_was_sent_and_that_the_client_left() -> None:
    heard: list[str] = []

    async def ask_late(receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.01)
        heard.append((await receive())["type"])
        await answer(send, 200)

    application, client = Application(ask_late), Client(REQUEST)
    await asked(application, client, "GET")
    assert heard == ["http.request"]
    assert not application.was_canceled


async def test_a_client_that_leaves_after_its_answer_cancels_nothing() -> None:
    async def answer_and_tidy(receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.01)
        await answer(send, 200)
        client.say(GONE)
        await asyncio.sleep(0.01)

    application, client = Application(answer_and_tidy), Client(REQUEST)
    await asked(application, client)
    assert not application.was_canceled


async def test_a_server_that_ends_answers_what_it_cancels() -> None:
    application, client = Application(read_and_wait), Client(REQUEST)
    task = asked(application, client)
    await application.begun.wait()
    task.cancel(SERVER_ENDS)
    await task
    assert (application.was_canceled, [each.get("status") for each in client.heard]) == (True, [503, None])


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def half(_receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    application, client = Application(half), Client(REQUEST)
    task = asked(application, client)
    await application.begun.wait()
    await asyncio.sleep(0)
    task.cancel(SERVER_ENDS)
    await task
    assert [each.get("status") for each in client.heard] == [200]


async def test_whoever_else_cancels_is_obeyed() -> None:
    application = Application(read_and_wait)
    task = asked(application, Client(REQUEST))
    await application.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
