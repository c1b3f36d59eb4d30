"""When the New York Stock Exchange trades: sessions, half days and holidays, and what an instant belongs to."""

from producer.market_time.calendar import MarketCalendar, load_calendar
from producer.market_time.session import CLOSING_AUCTION, MARKET_ZONE, MarketPhase, Session

__all__ = ["CLOSING_AUCTION", "MARKET_ZONE", "MarketCalendar", "MarketPhase", "Session", "load_calendar"]
