"""A stock provider on this machine: a real HTTP server that answers as Yahoo's chart endpoint and Tiingo do."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from producer.market_time import MARKET_ZONE, load_calendar

CALENDAR = load_calendar()
PRICE = 100.0


@dataclass(frozen=True)
class Asked:
    """One request: its path, its parameters, its headers."""

    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Said:
    """One answer."""

    body: object
    status: int = 200


@dataclass
class LocalProvider:
    """Answers with `answer`; `asked` has all requests. `gate` holds an answer up while it is cleared."""

    answer: Callable[[Asked], Said]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)


@contextmanager
def providing(answer: Callable[[Asked], Said]) -> Iterator[LocalProvider]:
    """Serve on a free port of loopback for the duration."""
    provider = LocalProvider(answer)
    provider.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            parameters = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            asked = Asked(parts.path, parameters, dict(self.headers.items()))
            provider.asked.append(asked)
            provider.gate.wait(30)
            said = provider.answer(asked)
            body = said.body.encode() if isinstance(said.body, str) else json.dumps(said.body).encode()
            try:
                self.send_response(said.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                pass  # the one who asked was killed

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        provider.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def yahoo_chart(asked: Asked, now: datetime, splits: dict[date, float] | None = None) -> Said:
    """Answer as the chart endpoint: a bar for each session of the range, or for each of its minutes."""
    symbol = asked.path.rpartition("/")[2]
    interval = asked.parameters["interval"]
    start = _instant(asked, "period1") or now - timedelta(days=1)
    end = min(_instant(asked, "period2") or now, now)
    sessions = list(CALENDAR.sessions(start.date() - timedelta(days=1), end.date()))
    last = max(
        (each for each in CALENDAR.sessions(now.date() - timedelta(days=9), now.date()) if each.opens_at <= now),
        key=lambda each: each.date,
    )
    step = timedelta(minutes=1)
    times = (
        [each.opens_at for each in sessions]
        if interval == "1d"
        else [each.opens_at + step * number for each in sessions for number in range(each.minutes)]
    )
    # A day is told when any of it lies in the range.
    reach = timedelta(hours=18) if interval == "1d" else timedelta()
    stamps = [int(at.timestamp()) for at in times if start - reach <= at < end]
    series = {name: [PRICE] * len(stamps) for name in ("open", "high", "low", "close")}
    result: dict[str, object] = {
        "meta": {
            "symbol": symbol,
            "exchangeName": "NMS",
            "exchangeTimezoneName": "America/New_York",
            "priceHint": 2,
            "dataGranularity": interval,
            "regularMarketTime": int(min(now, last.closes_at).timestamp()),
            "regularMarketPrice": PRICE,
            "regularMarketVolume": 1_000,
            "currentTradingPeriod": {
                "regular": {"start": int(last.opens_at.timestamp()), "end": int(last.closes_at.timestamp())}
            },
        },
        "indicators": {"quote": [series | {"volume": [1_000] * len(stamps)}]},
    }
    if stamps:
        result["timestamp"] = stamps
    events = {
        str(number): {"date": int(_opening(day).timestamp()), "numerator": ratio, "denominator": 1}
        for number, (day, ratio) in enumerate((splits or {}).items())
    }
    if events:
        result["events"] = {"splits": events}
    return Said({"chart": {"result": [result], "error": None}})


def tiingo_days(asked: Asked, lacking: frozenset[date] = frozenset()) -> Said:
    """Answer as Tiingo's end-of-day prices: a row for each session of the range."""
    first, last = (date.fromisoformat(asked.parameters[name]) for name in ("startDate", "endDate"))
    prices = dict.fromkeys(("open", "high", "low", "close"), PRICE)
    adjusted = {f"adj{name.title()}": PRICE for name in ("open", "high", "low", "close")}
    rows = [
        prices | adjusted | {"date": f"{each.date}T00:00:00.000Z", "volume": 1_000, "divCash": 0.0, "splitFactor": 1.0}
        for each in CALENDAR.sessions(first, last)
        if each.date not in lacking
    ]
    return Said(rows)


def _instant(asked: Asked, name: str) -> datetime | None:
    return datetime.fromtimestamp(int(asked.parameters[name]), UTC) if name in asked.parameters else None


def _opening(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, 30, tzinfo=MARKET_ZONE)
