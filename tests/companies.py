"""The companies that tests speak of; none of them says what others there are."""

from kql.reference import known_symbols

KNOWN = known_symbols()

PRICED = ("AAPL", "AMZN", "GOOGL", "MSFT", "NVDA")
"""The symbols of the shared files of real prices."""

UNKNOWN = "NOSUCH"
"""A symbol that no company has."""
