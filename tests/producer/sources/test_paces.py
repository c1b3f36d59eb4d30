"""How often each provider is asked where nobody sets anything: what its free plan allows, and what it asks for.

More than these loses an account or an address for hours, and no answer of a test would tell.
"""

import pytest

from producer.rate_limit import Quota
from producer.retry import RetryPolicy
from producer.sources.alpaca.history import AlpacaSettings
from producer.sources.alpha_vantage import AlphaVantageSettings
from producer.sources.finnhub.quotes import FinnhubSettings
from producer.sources.http import Pace
from producer.sources.tiingo import TiingoSettings
from producer.sources.twelve_data import TwelveDataSettings
from producer.sources.yahoo.source import YahooSettings

DAY = 86_400.0
# Three attempts within half a minute; where an answer names the minute of a quota, that minute is waited for.
USUAL = RetryPolicy(attempts=3, base_seconds=1.0, cap_seconds=30.0, patience_seconds=30.0)
OVER_THE_MINUTE = RetryPolicy(attempts=3, base_seconds=1.0, cap_seconds=30.0, patience_seconds=61.0)


@pytest.mark.parametrize(
    ("pace", "expected"),
    [
        (Pace(), Pace(0.0, (), 60.0, USUAL)),
        (YahooSettings().pace, Pace(1.0, (), 900.0, USUAL)),
        (FinnhubSettings().pace, Pace(0.0, (Quota(60, 60.0), Quota(30, 1.0)), 60.0, USUAL)),
        (AlpacaSettings().pace, Pace(0.0, (Quota(200, 60.0),), 60.0, OVER_THE_MINUTE)),
        (TiingoSettings().pace, Pace(0.0, (Quota(50, 3_600.0), Quota(1_000, DAY)), 60.0, USUAL)),
        (TwelveDataSettings().pace, Pace(0.0, (Quota(8, 60.0), Quota(800, DAY)), 60.0, OVER_THE_MINUTE)),
        (AlphaVantageSettings().pace, Pace(1.1, (Quota(25, DAY),), 1.5, USUAL)),
    ],
    ids=["any", "yahoo", "finnhub", "alpaca", "tiingo", "twelvedata", "alphavantage"],
)
def test_paces(pace: Pace, expected: Pace) -> None:
    assert pace == expected


def test_quotes_are_asked_for_at_most_so_often() -> None:
    assert (YahooSettings().poll_seconds, FinnhubSettings().poll_seconds) == (60.0, 15.0)
