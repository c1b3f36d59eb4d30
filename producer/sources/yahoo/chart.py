"""Answers of Yahoo's chart endpoint (`/v8/finance/chart/{symbol}`), read without trusting their status or type.

The endpoint is not documented; the rules here come from recorded answers. Prices and volumes are split-adjusted to
the day of the answer, floats carry single precision, rows may be null, and an empty range is an answer without
`timestamp`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from producer.errors import BadData, Blocked, NoData, NotEntitled, ProducerError, RateLimited, Transient, UnknownSymbol
from producer.market_time import MarketCalendar
from producer.model import ActionKind, Bar, CorporateAction
from producer.sources.adjustment import SplitSteps
from producer.sources.facts import Json, epoch, json_object, mapping, number, read_answer, sequence, text_of, whole
from producer.sources.http import is_page, refusal_by_status
from producer.sources.quotes import Quote

SOURCE = "yahoo"

# Two digits beyond what is shown keep sub-cent prices and drop what single precision added.
_EXTRA_DIGITS = 2
_DIVIDEND_DIGITS = 6
_MINUTE = timedelta(minutes=1)
_LIMIT_HINT = (
    "requests count by address, and those of data centers are often refused; a provider with a key does better"
)
_WINDOW_HINT = "minutes are kept for about thirty days and told a week at a time"
_EVENTS: tuple[tuple[str, ActionKind], ...] = (("splits", "split"), ("dividends", "dividend"))


@dataclass(frozen=True, slots=True)
class Session:
    """The running or next regular session, and the last trade that Yahoo knows of."""

    start: datetime
    end: datetime
    last_trade: datetime

    @property
    def is_over(self) -> bool:
        """Whether a trade at or after the bell was seen."""
        return self.last_trade >= self.end


@dataclass(frozen=True, slots=True)
class Row:
    """One complete row as answered: split-adjusted, in single precision."""

    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart answer with its facts typed; `rows` has no nulls, `actions` are as of the answer's day."""

    symbol: str
    zone: ZoneInfo
    digits: int
    granularity: str
    session: Session
    quote: Quote
    rows: tuple[Row, ...]
    actions: tuple[CorporateAction, ...]
    received_at: datetime


def classify(status: int, text: str, retry_after: float | None = None) -> ProducerError | None:
    """Return the error that an answer is, or None where it is a chart.

    Refusals come as plain text under any status, and errors of the API inside JSON, so the body is read first.
    """
    body = json_object(text)
    if body is None:
        return _text_error(status, text, retry_after)
    error = _api_error(body)
    if error is not None:
        return error
    if status == 429:
        return RateLimited("too many requests", source=SOURCE, hint=_LIMIT_HINT, retry_after=retry_after)
    if status >= 500:
        return Transient(f"HTTP {status}", source=SOURCE, retry_after=retry_after)
    if status >= 400 or not isinstance(body.get("chart"), dict):
        return BadData(f"HTTP {status} with a body that is no chart: {text[:80]!r}", source=SOURCE)
    return None


def _text_error(status: int, text: str, retry_after: float | None) -> ProducerError:
    lowered = text.lower()
    if status in (429, 999) or "too many requests" in lowered:
        return RateLimited("too many requests", source=SOURCE, hint=_LIMIT_HINT, retry_after=retry_after)
    if "data not available for starttime" in lowered:
        return NoData(text.strip()[:200], source=SOURCE, hint=_WINDOW_HINT)
    if status >= 500 or "will be right back" in lowered:
        return Transient(f"HTTP {status}", source=SOURCE, retry_after=retry_after)
    if status in (401, 403) and not is_page(text):
        return Blocked(f"turned away (HTTP {status})", source=SOURCE, hint=_LIMIT_HINT)
    refusal = refusal_by_status(SOURCE, status, text, retry_after)
    return refusal or BadData(f"HTTP {status} with a body that is not JSON: {text[:80]!r}", source=SOURCE)


def _api_error(body: Json) -> ProducerError | None:
    for part in body.values():
        error = part.get("error") if isinstance(part, dict) else None
        if isinstance(error, dict):
            return _named_error(str(error.get("code", "")), str(error.get("description", "")))
    return None


def _named_error(code: str, description: str) -> ProducerError:
    message = f"{code}: {description}"
    lowered = message.lower()
    if "too many requests" in lowered:
        return RateLimited(message, source=SOURCE, hint=_LIMIT_HINT)
    if "unauthorized" in lowered or "unable to access" in lowered:
        return NotEntitled(message, source=SOURCE, hint="Yahoo keeps this from programs")
    if "data not available" in lowered or "data doesn't exist" in lowered:
        return NoData(message, source=SOURCE, hint=_WINDOW_HINT)
    if "not found" in lowered:
        return UnknownSymbol(message, source=SOURCE)
    if "internal" in lowered or "unavailable" in lowered:
        return Transient(message, source=SOURCE)
    return BadData(message, source=SOURCE)


def parse_chart(text: str, received_at: datetime) -> Chart:
    """Read a chart answer; a fact that is missing or of the wrong kind is `BadData`."""
    return read_answer(SOURCE, text, lambda body: _chart(body, received_at))


def _chart(body: object, received_at: datetime) -> Chart:
    result = mapping(sequence(mapping(body, "chart"), "result")[0])
    meta = mapping(result, "meta")
    zone = ZoneInfo(text_of(meta, "exchangeTimezoneName"))
    regular = mapping(mapping(meta, "currentTradingPeriod"), "regular")
    last_trade = epoch(meta, "regularMarketTime")
    symbol = text_of(meta, "symbol").upper()
    digits = int(number(meta, "priceHint")) + _EXTRA_DIGITS
    return Chart(
        symbol=symbol,
        zone=zone,
        digits=digits,
        granularity=text_of(meta, "dataGranularity"),
        session=Session(epoch(regular, "start"), epoch(regular, "end"), last_trade),
        quote=Quote(
            symbol=symbol,
            timestamp=last_trade,
            trading_date=last_trade.astimezone(zone).date(),
            price=round(number(meta, "regularMarketPrice"), digits),
            day_volume=number(meta, "regularMarketVolume"),
            venue=text_of(meta, "exchangeName"),
        ),
        rows=_rows(result),
        actions=_actions(result, symbol, zone, received_at),
        received_at=received_at,
    )


def daily_bars(chart: Chart, splits: SplitSteps, start: date, end: date) -> tuple[Bar, ...]:
    """Return raw bars of the closed days in `[start, end)`.

    A daily row is known by its date at the exchange: the last one carries the time of the last trade. The running
    day is left out until its session is over.
    """
    _check_granularity(chart, "1d")
    running = None if chart.session.is_over else chart.session.start.astimezone(chart.zone).date()
    bars = {}
    for row in chart.rows:
        day = row.timestamp.astimezone(chart.zone).date()
        if start <= day < end and day != running:
            bars[day] = _raw_bar(chart, row, datetime.combine(day, time(), UTC), splits.factor(day))
    return tuple(bars.values())


def minute_bars(
    chart: Chart, splits: SplitSteps, start: datetime, end: datetime, calendar: MarketCalendar
) -> tuple[Bar, ...]:
    """Return raw one-minute bars of regular sessions that start in `[start, end)` and are complete.

    The minute that is still running, rows beside the grid and rows outside the session come unasked and are dropped.
    """
    _check_granularity(chart, "1m")
    bars = {}
    for row in chart.rows:
        is_whole = row.timestamp.second == 0 and row.timestamp + _MINUTE <= chart.received_at
        if start <= row.timestamp < end and is_whole and calendar.is_open(row.timestamp):
            day = row.timestamp.astimezone(chart.zone).date()
            bars[row.timestamp] = _raw_bar(chart, row, row.timestamp, splits.factor(day))
    return tuple(bars.values())


def raw_actions(
    actions: Sequence[CorporateAction], splits: SplitSteps, start: date, end: date
) -> tuple[CorporateAction, ...]:
    """Return the actions of `[start, end)` as they were on their day: dividends per share of then."""
    return tuple(
        action
        if action.kind == "split"
        else replace(action, value=round(action.value * splits.factor(action.ex_date), _DIVIDEND_DIGITS))
        for action in actions
        if start <= action.ex_date < end
    )


def _check_granularity(chart: Chart, wanted: str) -> None:
    # Some intervals are answered with longer bars than were asked for.
    if chart.granularity != wanted:
        raise BadData(f"asked for bars of {wanted}, found {chart.granularity}", source=SOURCE)


def _raw_bar(chart: Chart, row: Row, label: datetime, factor: float) -> Bar:
    # Multiplying first and rounding then restores the quoted price; the other way round loses its last digits.
    quoted = (row.open, row.high, row.low, row.close)
    open_, high, low, close = (round(price * factor, chart.digits) for price in quoted)
    volume = float(round(row.volume / factor))
    return Bar(
        chart.symbol,
        label,
        *(open_, high, low, close, volume),
        source=SOURCE,
        received_at=chart.received_at,
        venue=chart.quote.venue,
        adjustment="restored",
    )


def _rows(result: Json) -> tuple[Row, ...]:
    if "timestamp" not in result:
        return ()
    quote = mapping(sequence(mapping(result, "indicators"), "quote")[0])
    series = [
        sequence(result, "timestamp"),
        *(sequence(quote, name) for name in ("open", "high", "low", "close", "volume")),
    ]
    rows = []
    for stamp, *values in zip(*series, strict=True):
        numbers = [value for value in values if isinstance(value, int | float)]
        if len(numbers) == len(values):
            rows.append(Row(datetime.fromtimestamp(whole(stamp), UTC), *numbers))
    return tuple(rows)


def _actions(result: Json, symbol: str, zone: ZoneInfo, received_at: datetime) -> tuple[CorporateAction, ...]:
    events = result.get("events")
    if not isinstance(events, dict):
        return ()
    actions = []
    for name, kind in _EVENTS:
        for event in mapping(events, name).values() if name in events else ():
            fact = mapping(event)
            day = epoch(fact, "date").astimezone(zone).date()
            is_split = kind == "split"
            value = number(fact, "numerator") / number(fact, "denominator") if is_split else number(fact, "amount")
            actions.append(CorporateAction(symbol, day, kind, value, SOURCE, received_at))
    return tuple(sorted(actions, key=lambda action: (action.ex_date, action.kind)))
