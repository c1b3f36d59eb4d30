"""Every error that the six providers are known to give, and what it must be to the caller: one row each.

`recorded` names the entry of a payload file that the answer is; rows without it are documented or seen elsewhere.
"""

from dataclasses import dataclass

import orjson

from producer.errors import BadData, Blocked, NoData, NotEntitled, ProducerError, RateLimited, Transient, UnknownSymbol
from tests.producer.shared import payload

HOUR, COOLING = 3600.0, 60.0


@dataclass(frozen=True)
class Row:
    """An answer of a provider over HTTP, and the class, the seconds to wait and the hint that it must come out as."""

    provider: str
    case: str
    status: int
    kind: type[ProducerError]
    wait: float | None = None
    hint: str = ""
    recorded: tuple[str, str] | None = None
    body: str = ""
    asks: str = "daily"
    retry_after: str = ""

    def __str__(self) -> str:
        return f"{self.provider}-{self.case}-{self.status}"

    @property
    def text(self) -> str:
        """The body of the answer."""
        if self.recorded is None:
            return self.body
        file, *keys = self.recorded
        found = orjson.loads(payload(file))
        for key in keys[0].split("/") if keys[0] else ():
            found = found[int(key)] if isinstance(found, list) else found[key]
        return found if isinstance(found, str) else orjson.dumps(found).decode()


YAHOO, FINNHUB, TIINGO = "yahoo_errors.json", "finnhub_errors.json", "tiingo_errors.json"
ALPHA_VANTAGE, TWELVE_DATA, ALPACA = (
    "alphavantage_errors_http200.json",
    "twelvedata_error.json",
    "alpaca_ws_frames.json",
)

_ADDRESS, _WINDOW = "requests count by address", "told a week at a time"
_ALPACA_KEYS, _FINNHUB_KEY = "check TICKHOUSE_ALPACA_KEY", "check TICKHOUSE_FINNHUB_KEY"
_TIINGO_LIMITS, _AV_LIMITS = "50 requests an hour", "25 requests a day, one per second"
_TWELVE_LIMITS = "8 requests a minute"

ROWS = (
    Row("yahoo", "unknown symbol", 404, UnknownSymbol, recorded=(YAHOO, "404_chart")),
    Row("yahoo", "unknown symbol as success", 200, UnknownSymbol, recorded=(YAHOO, "404_chart")),
    Row("yahoo", "minutes over-wide", 422, NoData, None, _WINDOW, (YAHOO, "422_1m_window"), asks="intraday"),
    Row("yahoo", "minutes over-wide as success", 200, NoData, None, _WINDOW, (YAHOO, "422_1m_window"), asks="intraday"),
    Row("yahoo", "minutes too old", 422, NoData, None, _WINDOW, (YAHOO, "422_15m_age"), asks="intraday"),
    Row("yahoo", "crumb", 401, NotEntitled, None, "from programs", (YAHOO, "401_quote_v7")),
    Row("yahoo", "no access with a crumb", 401, NotEntitled, None, "from programs", (YAHOO, "401_quote_v7_2026")),
    Row("yahoo", "plain text limit", 429, RateLimited, 900.0, _ADDRESS, (YAHOO, "429_text")),
    Row("yahoo", "plain text limit as success", 200, RateLimited, 900.0, _ADDRESS, (YAHOO, "429_text")),
    Row("yahoo", "a limit for a crumb", 200, RateLimited, 900.0, _ADDRESS, (YAHOO, "429_getcrumb_text")),
    Row("yahoo", "a longer wait", 429, RateLimited, 1_200.0, _ADDRESS, (YAHOO, "429_text"), retry_after="1200"),
    Row("yahoo", "no minutes", 200, NoData, recorded=("yahoo_chart_v8_1m_weekend_empty.json", ""), asks="intraday"),
    Row("yahoo", "v7 unknown symbol", 200, BadData, recorded=("yahoo_quote_v7_unknown_symbol.json", "")),
    Row("yahoo", "turned away", 403, Blocked, 900.0, _ADDRESS, body="Forbidden"),
    Row("yahoo", "consent page", 200, Blocked, 900.0, "in a browser", body="<!doctype html><title>consent</title>"),
    Row("yahoo", "its own limit", 999, RateLimited, 900.0, _ADDRESS, body="Request denied"),
    Row("yahoo", "pause", 200, Transient, body="Will be right back..."),
    Row("alpaca", "recent tape", 403, NotEntitled, None, "a quarter of an hour later", (ALPACA, "rest_403")),
    Row("alpaca", "recent tape as success", 200, NotEntitled, None, "quarter of an hour", (ALPACA, "rest_403")),
    Row("alpaca", "bad credentials", 403, NotEntitled, None, _ALPACA_KEYS, body='{"message": "forbidden."}'),
    Row("alpaca", "no credentials", 401, NotEntitled, None, _ALPACA_KEYS, body='{"message": "unauthorized."}'),
    Row("alpaca", "limit", 429, RateLimited, COOLING, "200 requests", body='{"message": "too many requests."}'),
    Row("alpaca", "bare limit", 429, RateLimited, COOLING),
    Row("alpaca", "invalid symbol", 400, UnknownSymbol, body='{"code": 40010001, "message": "invalid symbol: A A"}'),
    Row("alpaca", "bad request", 422, BadData, body='{"message": "invalid timeframe"}'),
    Row("alpaca", "no bars", 200, NoData, body='{"bars": {}, "next_page_token": null}'),
    Row("alpaca", "bars null", 200, NoData, body='{"bars": null, "next_page_token": null}'),
    Row("finnhub", "unknown symbol", 200, UnknownSymbol, recorded=(FINNHUB, "unknown_symbol_200")),
    Row("finnhub", "no past", 403, NotEntitled, None, "no past", (FINNHUB, "candle_free_403")),
    Row("finnhub", "no past as success", 200, NotEntitled, None, "no past", (FINNHUB, "candle_free_403")),
    Row("finnhub", "no data", 200, NoData, recorded=(FINNHUB, "no_data_200")),
    Row("finnhub", "limit", 429, RateLimited, 60.0, "60 requests a minute", (FINNHUB, "429_text")),
    Row("finnhub", "limit as success", 200, RateLimited, 60.0, "60 requests a minute", (FINNHUB, "429_text")),
    Row("finnhub", "no key as a limit", 429, NotEntitled, None, _FINNHUB_KEY, (FINNHUB, "429_no_token_text")),
    Row("finnhub", "bad key", 401, NotEntitled, None, _FINNHUB_KEY, body='{"error": "Invalid API key"}'),
    Row("tiingo", "hourly", 429, RateLimited, 900.0, _TIINGO_LIMITS, (TIINGO, "429")),
    Row("tiingo", "hourly as success", 200, RateLimited, 900.0, _TIINGO_LIMITS, (TIINGO, "429")),
    Row("tiingo", "daily as plain text", 200, RateLimited, HOUR, _TIINGO_LIMITS, (TIINGO, "200_csv_text")),
    Row("tiingo", "symbols of the month", 429, RateLimited, HOUR, "500 symbols", (TIINGO, "429_symbols")),
    Row("tiingo", "unknown symbol", 404, UnknownSymbol, recorded=(TIINGO, "404")),
    Row("tiingo", "unknown symbol as plain text", 200, UnknownSymbol, recorded=(TIINGO, "200_csv_unknown")),
    Row("tiingo", "bad key", 401, NotEntitled, None, "TICKHOUSE_TIINGO_KEY", body='{"detail": "Invalid token."}'),
    Row("tiingo", "no key", 200, NotEntitled, None, "TICKHOUSE_TIINGO_KEY", body='{"detail": "Please supply a token"}'),
    Row("tiingo", "no rows", 200, NoData, body="[]"),
    Row("alphavantage", "burst", 200, RateLimited, 1.5, _AV_LIMITS, (ALPHA_VANTAGE, "burst_1_per_second")),
    Row("alphavantage", "daily", 200, RateLimited, HOUR, _AV_LIMITS, (ALPHA_VANTAGE, "daily_25")),
    Row("alphavantage", "premium", 200, NotEntitled, None, "last hundred days", (ALPHA_VANTAGE, "premium_param")),
    Row("alphavantage", "older limit", 200, RateLimited, 60.0, _AV_LIMITS, (ALPHA_VANTAGE, "old_note_2018")),
    Row("alphavantage", "unknown symbol", 200, UnknownSymbol, recorded=(ALPHA_VANTAGE, "bad_symbol")),
    Row("alphavantage", "empty quote", 200, UnknownSymbol, recorded=(ALPHA_VANTAGE, "empty_quote")),
    Row(
        "alphavantage",
        "demo key",
        200,
        NotEntitled,
        None,
        "check TICKHOUSE_ALPHA_VANTAGE_KEY",
        body='{"Information": "The **demo** API key is for demo purposes only."}',
    ),
    Row(
        "alphavantage",
        "no key",
        200,
        NotEntitled,
        None,
        "check TICKHOUSE_ALPHA_VANTAGE_KEY",
        body='{"Error Message": "the parameter apikey is invalid or missing."}',
    ),
    Row("twelvedata", "bad interval", 400, BadData, recorded=(TWELVE_DATA, "400")),
    Row("twelvedata", "bad interval as success", 200, BadData, recorded=(TWELVE_DATA, "400")),
    Row("twelvedata", "minute", 429, RateLimited, 60.0, _TWELVE_LIMITS, (TWELVE_DATA, "429")),
    Row("twelvedata", "minute as success", 200, RateLimited, 60.0, _TWELVE_LIMITS, (TWELVE_DATA, "429")),
    *(
        Row(
            "twelvedata",
            case,
            200,
            kind,
            wait,
            hint,
            body=orjson.dumps({"code": code, "message": message, "status": "error"}).decode(),
        )
        for case, code, message, kind, wait, hint in (
            ("day", 429, "You have run out of API credits for the day.", RateLimited, HOUR, _TWELVE_LIMITS),
            ("bad key", 401, "**apikey** parameter is incorrect", NotEntitled, None, "check TICKHOUSE_TWELVE_DATA_KEY"),
            ("plan", 403, "available exclusively with grow plans", NotEntitled, None, "does not cover"),
            ("unknown symbol", 404, "**symbol** not found: ZZQXQ", UnknownSymbol, None, ""),
            ("no symbol", 400, "**symbol** or **figi** parameter is missing or invalid", UnknownSymbol, None, ""),
            ("no dates", 400, "No data is available on the specified dates.", NoData, None, ""),
            ("too long", 414, "Parameters are too long", BadData, None, ""),
            ("server", 500, "Internal error", Transient, None, ""),
        )
    ),
)

PROVIDERS = tuple(dict.fromkeys(row.provider for row in ROWS))
COOL_DOWN = dict.fromkeys(PROVIDERS, COOLING) | {"yahoo": 900.0, "alphavantage": 1.5}
# Tiingo states its limits by the hour, Finnhub by the minute.
BARE_LIMIT = COOL_DOWN | {"tiingo": HOUR}

# What any of them, or what stands before it, may answer, all under a JSON content type.
COMMON = tuple(
    row
    for name in PROVIDERS
    for row in (
        Row(
            name, "a page", 200, Blocked, COOL_DOWN[name], "in a browser", body="<!DOCTYPE html><p>verify you are human"
        ),
        Row(name, "a refusing page", 403, Blocked, COOL_DOWN[name], "in a browser", body="<html>Access denied</html>"),
        Row(name, "sent to a consent", 302, Blocked, COOL_DOWN[name], "in a browser"),
        Row(name, "plan in plain text", 402, NotEntitled, None, f"check the key of {name}", body="Premium endpoint"),
        Row(name, "bare limit", 429, RateLimited, BARE_LIMIT[name]),
        Row(name, "limit with a time", 429, RateLimited, 1_800.0, retry_after="1800"),
        Row(name, "a server in trouble", 500, Transient, body="oops"),
        Row(name, "a gateway in trouble", 502, Transient, body="<html>Bad Gateway</html>"),
        Row(name, "cut off", 200, BadData, body='{"chart": {"result": ['),
        Row(name, "nothing", 200, BadData),
        Row(
            name, "another shape", 200, BadData, body='{"bars": 1, "values": 1, "chart": {}, "Time Series (Daily)": 1}'
        ),
    )
)

# Files of payloads that hold errors, each entry of which must have its row; those of streams are frames.
RECORDED_ERRORS = (YAHOO, FINNHUB, TIINGO, ALPHA_VANTAGE, TWELVE_DATA)
FRAMES = {(FINNHUB, "ws_ping"), (FINNHUB, "ws_error")}
