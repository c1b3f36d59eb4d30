"""Keys: who has none is let in on loopback alone, and a configured one is asked for."""

import asyncio
import time
from urllib.parse import parse_qs

import pytest
from azure.core.credentials import AzureSasCredential
from azure.eventhub import EventData
from azure.eventhub import EventHubProducerClient as SyncProducerClient
from azure.eventhub._client_base import EventHubSharedKeyCredential
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError, ConnectError

from emulator.eventhubs import EventHubs, ListenError, Options
from emulator.eventhubs.errors import HubError
from emulator.eventhubs.service.access import POLICY, Access
from tests.emulator.eventhubs.clients import bodies, receive_sync
from tests.emulator.eventhubs.events import message

KEY = "c2VjcmV0IHRoYXQgbm9ib2R5IHVzZXM="
SAS = "servicebus.windows.net:sastoken"


def token(resource: str, *, key: str = KEY, policy: str = POLICY) -> str:
    return str(EventHubSharedKeyCredential(policy, key).get_token(resource).token)


@pytest.mark.slow
async def test_a_configured_key_is_asked_for() -> None:
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=Options(key=KEY))
    try:
        right = served.connection_string("trades")
        wrong = right.replace(KEY, "d3Jvbmc=")
        assert KEY in right
        async with EventHubProducerClient.from_connection_string(right) as producer:
            await producer.send_batch([EventData(b"x")])
        async with EventHubProducerClient.from_connection_string(wrong, retry_total=0) as producer:
            with pytest.raises((AuthenticationError, ConnectError), match="invalid signature"):
                await producer.send_batch([EventData(b"y")])
        assert served.hub("trades").partition(0).end == 1
    finally:
        await served.close()


@pytest.mark.slow
async def test_who_has_the_key_may_receive() -> None:
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=Options(key=KEY))
    try:
        await served.hub("trades").partition(0).append([message(b"x")])
        events = await asyncio.to_thread(receive_sync, served.connection_string("trades"), 1)
        assert bodies(events) == [b"x"]
    finally:
        await served.close()


async def test_the_connection_string_of_an_address_of_version_6() -> None:
    try:
        served = await EventHubs.start(host="::1", port=0, data=None, hubs={"trades": 1}, options=Options(key=KEY))
    except ListenError:
        pytest.skip("this machine has no addresses of version 6")
    try:
        assert served.connection_string("trades") == (
            f"Endpoint=sb://[::1]:{served.port};SharedAccessKeyName={POLICY};SharedAccessKey={KEY};"
            "UseDevelopmentEmulator=true;EntityPath=trades"
        )
        _, writer = await asyncio.open_connection("::1", served.port)
        writer.close()
        await writer.wait_closed()
    finally:
        await served.close()


@pytest.mark.slow
async def test_a_wrong_key_is_an_authentication_error_for_every_client() -> None:
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=Options(key=KEY))
    wrong = served.connection_string("trades").replace(KEY, "d3Jvbmc=")
    try:
        async with EventHubProducerClient.from_connection_string(wrong, retry_total=0) as producer:
            with pytest.raises(AuthenticationError, match="invalid signature"):
                await producer.send_batch([EventData(b"x")])

        def send() -> None:
            with SyncProducerClient.from_connection_string(wrong, retry_total=0) as producer:
                producer.send_batch([EventData(b"x")])

        with pytest.raises(AuthenticationError, match="invalid signature"):
            await asyncio.to_thread(send)
        with pytest.raises(AuthenticationError, match="invalid signature"):
            await asyncio.to_thread(receive_sync, wrong, 1)
    finally:
        await served.close()


async def test_addresses_beyond_loopback_need_a_key() -> None:
    with pytest.raises(ListenError, match="give a key"):
        await EventHubs.start(host="0.0.0.0", port=0, data=None)  # noqa: S104 - refused
    served = await EventHubs.start(host="0.0.0.0", port=0, data=None, options=Options(key=KEY))  # noqa: S104 - with key
    await served.close()


def test_a_token_is_for_its_entity_and_what_is_below() -> None:
    access = Access(KEY)
    with pytest.raises(HubError, match="no valid token"):
        access.check("trades")
    access.put(token("sb://localhost/Trades"), SAS)
    access.check("trades")
    with pytest.raises(HubError, match="'quotes'"):
        access.check("quotes")
    with pytest.raises(HubError, match="'tradesmen'"):
        access.check("tradesmen")
    access.put(token("sb://localhost"), SAS)
    access.check("quotes")


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (token("sb://localhost/trades", key="d3Jvbmc="), SAS, "invalid signature"),
        ("SharedAccessSignature sr=x&sig=%C3%A9&se=9999999999", SAS, "invalid signature"),
        ("SharedAccessSignature sr=x&sig=é🔑&se=9999999999", SAS, "invalid signature"),
        (token("sb://localhost/trades", policy="Other"), SAS, "'Other' does not exist"),
        (token("sb://localhost/trades"), "jwt", "'jwt' cannot be checked"),
        ("SharedAccessSignature sr=x&sig=y", SAS, "malformed"),
        ("nonsense", SAS, "malformed"),
    ],
)
def test_bad_tokens_are_refused_with_the_reason(text: str, kind: str, reason: str) -> None:
    with pytest.raises(HubError, match=reason) as refused:
        Access(KEY).put(text, kind)
    assert refused.value.condition == "amqp:unauthorized-access"


def test_tokens_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    access = Access(KEY)
    given = token("sb://localhost/trades")
    access.put(given, SAS)
    later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(HubError, match="no valid token"):
        access.check("trades")
    with pytest.raises(HubError, match="has expired"):
        access.put(given, SAS)


def test_a_token_is_good_until_its_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = token("sb://localhost/trades")
    ends = float(parse_qs(given.partition(" ")[2])["se"][0])
    access = Access(KEY)
    monkeypatch.setattr(time, "time", lambda: ends - 0.001)
    access.put(given, SAS)
    access.check("trades")
    monkeypatch.setattr(time, "time", lambda: ends)
    with pytest.raises(HubError, match="no valid token"):
        access.check("trades")
    with pytest.raises(HubError, match="has expired"):
        access.put(given, SAS)


async def test_a_ready_made_signature_is_taken() -> None:
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=Options(key=KEY))
    try:
        signature = AzureSasCredential(token(f"sb://127.0.0.1:{served.port}/trades")).signature
        connection = f"Endpoint=sb://127.0.0.1:{served.port};SharedAccessSignature={signature};EntityPath=trades"
        async with EventHubProducerClient.from_connection_string(
            connection + ";UseDevelopmentEmulator=true"
        ) as producer:
            await producer.send_batch([EventData(b"x")])
        assert served.hub("trades").partition(0).end == 1
    finally:
        await served.close()
