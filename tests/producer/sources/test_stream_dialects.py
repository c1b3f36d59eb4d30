"""What the providers' streams say: recorded and documented frames."""

import asyncio
import base64
from datetime import UTC, datetime

import orjson
import pytest
from google.protobuf import json_format

from producer.errors import BadData, Transient
from producer.market_time import load_calendar
from producer.model import Trade
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.alpaca.stream import AlpacaStream
from producer.sources.finnhub.stream import FinnhubStream
from producer.sources.quotes import QuoteTrades
from producer.sources.streaming import Heard, StreamingSource
from producer.sources.yahoo import pricing as yahoo_pricing
from producer.sources.yahoo.pricing import pricing_facts
from producer.sources.yahoo.stream import YahooStream
from tests.producer.clock import ManualClock
from tests.producer.shared import payload
from tests.producer.websocket_server import ScriptedServer, close, collect, say, serving

NOW = datetime(2025, 11, 5, 15, 0, tzinfo=UTC)
KEY, SECRET = Secret("the-key"), Secret("the-secret")


def pricing(**facts: object) -> str:
    """A pricing frame with the facts given."""
    message = json_format.ParseDict(facts, yahoo_pricing._pricing_type()(), ignore_unknown_fields=False)
    return orjson.dumps({"type": "pricing", "message": base64.b64encode(message.SerializeToString()).decode()}).decode()


def test_the_recorded_pricing_message_decodes_to_what_was_recorded_with_it() -> None:
    recorded = orjson.loads(payload("yahoo_ws_v2_frame_BTC-USD.json"))
    found = pricing_facts(recorded["raw_frame"]["message"])
    expected = recorded["decoded_PricingData"]
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=1e-6), "single precision"
        else:
            assert str(found[name]) == str(value), "long integers were recorded as texts"


def test_a_recorded_frame_is_a_trade() -> None:
    frame = orjson.dumps(orjson.loads(payload("yahoo_ws_v2_frame_BTC-USD.json"))["raw_frame"]).decode()
    (trade,) = YahooStream(["BTC-USD"]).hear(frame, NOW).trades
    assert trade == Trade(
        event_id="yahoo:BTC-USD:1761785160.000000:62560296960:110429.4219",
        symbol="BTC-USD",
        timestamp=datetime(2025, 10, 30, 0, 46, tzinfo=UTC),
        price=110429.4219,
        size=0.0,
        venue="CCC",
        source="yahoo",
        received_at=NOW,
    )


def test_streamed_quotes_are_trades_of_the_growth_in_volume() -> None:
    dialect = YahooStream(["AAPL"])
    facts = {"id": "aapl", "exchange": "NMS", "price_hint": 2}
    frames = [
        pricing(**facts, price=270.1, time=1762354800000, day_volume=1_000),
        pricing(**facts, price=270.1, time=1762354801000, day_volume=1_000),
        pricing(**facts, price=270.2, time=1762354802500, day_volume=1_600),
    ]
    trades = [trade for frame in frames for trade in dialect.hear(frame, NOW).trades]
    assert [(trade.symbol, trade.price, trade.size) for trade in trades] == [
        ("AAPL", 270.1, 0.0),
        ("AAPL", 270.2, 600.0),
    ]
    assert trades[1].timestamp.microsecond == 500_000


def test_the_stream_goes_on_where_polling_left_off() -> None:
    quotes = QuoteTrades("yahoo")
    first, second = (YahooStream(["AAPL"], quotes=quotes) for _ in range(2))
    first.hear(pricing(id="AAPL", price=270.0, time=1762354800000, day_volume=1_000), NOW)
    (trade,) = second.hear(pricing(id="AAPL", price=271.0, time=1762354900000, day_volume=1_800), NOW).trades
    assert trade.size == 800.0


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("not json", "another shape"),
        ('{"type":"pricing"}', "message"),
        ('{"type":"pricing","message":"***"}', "no pricing message"),
        ('{"type":"pricing","message":"/////w=="}', "no pricing message"),
        (pricing(id="AAPL", price=1.0), "without symbol, price or time"),
        (pricing(price=1.0, time=1), "without symbol, price or time"),
        (pricing(id="AAPL", price=-1.0, time=1), "a price of -1"),
        (pricing(id="AAPL", price="NaN", time=1), "a price of nan"),
        (pricing(id="AAPL", price=1.0, time=9_000_000_000_000_000), "without symbol, price or time"),
    ],
)
def test_an_unreadable_pricing_frame_is_bad_data(frame: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        YahooStream(["AAPL"]).hear(frame, NOW)


def test_a_frame_of_another_type_says_nothing() -> None:
    assert YahooStream(["AAPL"]).hear('{"type":"status"}', NOW).trades == ()


def alpaca() -> AlpacaStream:
    return AlpacaStream(["AAPL"], KEY, SECRET)


def alpaca_frames(name: str) -> str:
    return orjson.dumps(orjson.loads(payload("alpaca_ws_frames.json"))[name]).decode()


PRINT = {
    "T": "t",
    "S": "AAPL",
    "i": 52983525029461,
    "x": "V",
    "p": 270.5,
    "s": 100,
    "c": ["@"],
    "z": "C",
    "t": "2025-11-05T15:00:00.123456789Z",
}


def test_a_greeting_is_answered_and_authentication_leads_to_the_subscription() -> None:
    (authentication,) = alpaca().hear(alpaca_frames("welcome"), NOW).replies
    recorded = orjson.loads(payload("alpaca_ws_frames.json"))["auth_send"]
    assert orjson.loads(authentication) == recorded | {"key": KEY.value, "secret": SECRET.value}
    (subscription,) = alpaca().hear(alpaca_frames("authenticated"), NOW).replies
    assert orjson.loads(subscription) == {"action": "subscribe", "trades": ["AAPL"]}


def test_prints_are_known_by_exchange_date_and_number() -> None:
    frame = orjson.dumps([PRINT, {"T": "q", "S": "AAPL"}, {"T": "subscription", "trades": ["AAPL"]}]).decode()
    (trade,) = alpaca().hear(frame, NOW).trades
    assert trade.event_id == "alpaca:AAPL:2025-11-05:V:52983525029461"
    assert (trade.price, trade.size, trade.venue, trade.source) == (270.5, 100.0, "IEX", "alpaca")
    assert trade.timestamp == datetime(2025, 11, 5, 15, 0, 0, 123456, tzinfo=UTC)


def test_a_late_print_is_a_trade_of_its_time() -> None:
    late = PRINT | {"t": "2025-11-05T14:31:00Z", "i": 7}
    trades = alpaca().hear(orjson.dumps([PRINT, late]).decode(), NOW).trades
    assert [trade.timestamp.minute for trade in trades] == [0, 31]


def test_a_correction_adds_what_was_not_counted_and_a_cancellation_is_for_the_record() -> None:
    same = {"S": "AAPL", "x": "V", "t": "2025-11-05T15:00:01Z"}
    correction = same | {"T": "c", "oi": 1, "op": 270.5, "os": 100, "ci": 2, "cp": 270.4, "cs": 130}
    cancellation = same | {"T": "x", "i": 1, "p": 270.5, "s": 100, "a": "C"}
    corrected, cancelled = alpaca().hear(orjson.dumps([correction, cancellation]).decode(), NOW).trades
    assert (corrected.event_id, corrected.price, corrected.size) == (
        "alpaca:AAPL:2025-11-05:V:2:corrects:1",
        270.4,
        30.0,
    )
    assert (cancelled.event_id, cancelled.size) == ("alpaca:AAPL:2025-11-05:V:1:cancelled", -100.0)


@pytest.mark.parametrize("frame", ["{}", "[1]", '[{"T":"t","S":"AAPL"}]', '[{"S":"AAPL"}]', "[{}"])
def test_an_unreadable_alpaca_frame_is_bad_data(frame: str) -> None:
    with pytest.raises(BadData):
        alpaca().hear(frame, NOW)


async def test_the_whole_conversation_with_alpaca() -> None:
    async def expect(connection: object) -> None:
        sent.append(await server.heard[-1].get())

    sent: list[str] = []
    server = ScriptedServer(
        [
            say(alpaca_frames("welcome")),
            expect,
            say(alpaca_frames("authenticated")),
            expect,
            say(orjson.dumps([PRINT]).decode()),
            close,
        ]
    )
    trades: list[Trade] = []
    async with serving(server):
        dialect = AlpacaStream(["AAPL"], KEY, SECRET, url=server.url)
        source = StreamingSource(dialect, ManualClock(NOW), NetworkSettings(), calendar=load_calendar())
        with pytest.raises(Transient):
            await asyncio.wait_for(collect(source, trades), 5)
    assert [orjson.loads(each)["action"] for each in sent] == ["auth", "subscribe"]
    assert len(trades) == 1


def test_the_recorded_trades_of_finnhub() -> None:
    dialect = FinnhubStream(["AAPL", "TSLA"], KEY)
    trades = dialect.hear(payload("finnhub_ws_trade_frame.json"), NOW).trades
    assert [(trade.symbol, trade.price, trade.size, trade.venue) for trade in trades] == [
        ("TSLA", 122.1, 1.0, "IEX"),
        ("AAPL", 129.58, 1.0, "IEX"),
        ("AAPL", 129.575, 1.0, "IEX"),
    ]
    assert trades[0].timestamp == datetime(2022, 12, 29, 21, 21, 27, 195_000, tzinfo=UTC)
    assert trades[0].event_id == "finnhub:TSLA:1672348887195:122.1:1.0:0"


def test_prints_that_are_alike_are_events_of_their_own_and_a_second_producer_agrees() -> None:
    one = {"s": "AAPL", "p": 10.0, "t": 1_762_354_800_000, "v": 1}
    frames = [
        orjson.dumps({"type": "trade", "data": data}).decode()
        for data in ([one, one], [one | {"t": 1_762_354_800_001}, one])
    ]
    told = []
    for _ in range(2):
        dialect = FinnhubStream(["AAPL"], KEY)
        dialect.opening()
        told.append([trade.event_id for frame in frames for trade in dialect.hear(frame, NOW).trades])
    assert told[0] == told[1]
    assert len(set(told[0])) == 4


def test_finnhubs_prints_alike_in_everything_are_numbered_until_they_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("producer.sources.finnhub.stream._REMEMBERED", 2)
    dialect = FinnhubStream(["AAPL"], KEY)

    def told(*prices: int) -> list[str]:
        data = [{"s": "AAPL", "p": price, "t": 5, "v": 1} for price in prices]
        frame = orjson.dumps({"type": "trade", "data": data}).decode()
        return [trade.event_id.removeprefix("finnhub:AAPL:5:") for trade in dialect.hear(frame, NOW).trades]

    assert told(1, 1, 2, 1) == ["1.0:1.0:0", "1.0:1.0:1", "2.0:1.0:0", "1.0:1.0:2"]
    # The third kind lets go of the one that was told of longest ago.
    assert told(3, 1, 2) == ["3.0:1.0:0", "1.0:1.0:3", "2.0:1.0:0"]
    assert dialect.opening() == ('{"type":"subscribe","symbol":"AAPL"}',)
    assert told(1) == ["1.0:1.0:0"]
    assert (dialect.heartbeat(), dialect.hear('{"type":"ping"}', NOW)) == ((), Heard())
