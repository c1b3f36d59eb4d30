"""How names of the market database read in JSON and URLs."""

import re

# A released version of a function.
RELEASED = re.compile(r"(?P<name>\w+)_v(?P<number>\d+)")
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """Return `PreviousClose` and `asOf` as `previous_close` and `as_of`."""
    return _BOUNDARY.sub("_", name).lower()
