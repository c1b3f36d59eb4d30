"""When the New York Stock Exchange trades: sessions, half days and holidays, and what an instant belongs to."""

from producer.market_time.always_open import AlwaysOpen
from producer.market_time.calendar import MarketCalendar, TradingDates, load_calendar
from producer.market_time.session import CLOSING_AUCTION, MARKET_ZONE, MarketPhase, Session

__all__ = [
    "CLOSING_AUCTION",
    "MARKET_ZONE",
    "AlwaysOpen",
    "MarketCalendar",
    "MarketPhase",
    "Session",
    "TradingDates",
    "load_calendar",
]
