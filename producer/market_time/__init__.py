"""When the market trades: sessions, half days and holidays, and what an instant belongs to."""

from producer.market_time.always_open import AlwaysOpen
from producer.market_time.calendar import MarketCalendar, TradingDates, load_calendar
from producer.market_time.session import MARKET, MARKET_ZONE, Session

__all__ = [
    "MARKET",
    "MARKET_ZONE",
    "AlwaysOpen",
    "MarketCalendar",
    "Session",
    "TradingDates",
    "load_calendar",
]
