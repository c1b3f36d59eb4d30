"""Names that a user may have meant."""

from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the name that is nearest to one that nobody knows, or nothing."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, sorted(set(names)), 1, cutoff)), "")
