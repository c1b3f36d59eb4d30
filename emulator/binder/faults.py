"""The binder's faults in Kusto's words, each with a hint made from the names that exist."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from emulator.errors import UNSUPPORTED, QueryTooDeep, SemanticFault, UnsupportedFault
from emulator.text import Span
from emulator.types import KqlType

_MAXIMUM_NAMES = 20

# Kusto's codes where the wording is known from the service; TH codes where only the rule is known.
UNRESOLVED = "SEM0100"
UNKNOWN_FUNCTION = "SEM0260"
TYPES_DO_NOT_FIT = "SEM0001"
WRONG_ARGUMENTS = "SEM0219"
NOT_ALLOWED_HERE = "TH0110"
BAD_VALUE = "TH0120"
DUPLICATE_NAME = "TH0130"
NOT_SERIALIZED = "TH0140"


def did_you_mean(name: str, names: Iterable[str], noun: str) -> str:
    """Return a hint that offers close names, or lists what exists."""
    known = sorted(set(names))
    folded = {candidate.lower(): candidate for candidate in known}
    if name.lower() in folded:
        return f"names are case-sensitive: did you mean '{folded[name.lower()]}'?"
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"'{candidate}'" for candidate in close) + "?"
    if not known:
        return f"there are no {noun} here"
    shown = ", ".join(known[:_MAXIMUM_NAMES])
    return f"{noun}: {shown}" + (", …" if len(known) > _MAXIMUM_NAMES else "")


def _prefix(operator: str) -> str:
    return f"'{operator}' operator: " if operator else ""


def unresolved_column(operator: str, name: str, names: Iterable[str], span: Span) -> SemanticFault:
    """Return the fault for a name that is neither a column nor a scalar."""
    return SemanticFault(
        f"{_prefix(operator)}Failed to resolve column or scalar expression named '{name}'",
        UNRESOLVED,
        span,
        did_you_mean(name, names, "columns"),
    )


def unresolved_alone(name: str, names: Iterable[str], span: Span) -> SemanticFault:
    """Return the fault for a name that no operator stands before, and that is neither a table nor a scalar."""
    return SemanticFault(
        f"Failed to resolve column or scalar expression named '{name}'",
        UNRESOLVED,
        span,
        did_you_mean(name, names, "known names"),
    )


def unresolved_table(name: str, names: Iterable[str], span: Span) -> SemanticFault:
    """Return the fault for a name that is not tabular."""
    return SemanticFault(
        f"Failed to resolve table or column or scalar or graph expression named '{name}'",
        UNRESOLVED,
        span,
        did_you_mean(name, names, "tables and functions"),
    )


def unknown_function(name: str, names: Iterable[str], span: Span) -> SemanticFault:
    """Return the fault for a call of something that does not exist."""
    close = get_close_matches(name, sorted(set(names)), n=3, cutoff=0.6)
    hint = "did you mean " + " or ".join(f"'{candidate}'" for candidate in close) + "?" if close else ""
    return SemanticFault(f"Unknown function: '{name}'.", UNKNOWN_FUNCTION, span, hint)


def wrong_type(operator: str, what: str, expected: str, found: KqlType, span: Span) -> SemanticFault:
    """Return the fault for an expression of the wrong type."""
    return SemanticFault(f"{_prefix(operator)}{what} must be {expected}, found {found}", TYPES_DO_NOT_FIT, span)


def not_allowed(message: str, span: Span, hint: str = "") -> SemanticFault:
    """Return the fault for a construct at a place where it may not stand."""
    return SemanticFault(message, NOT_ALLOWED_HERE, span, hint)


def bad_value(message: str, span: Span, hint: str = "") -> SemanticFault:
    """Return the fault for a constant that cannot be read or used."""
    return SemanticFault(message, BAD_VALUE, span, hint)


def duplicate_name(operator: str, name: str, span: Span) -> SemanticFault:
    """Return the fault for two columns of one name."""
    return SemanticFault(f"{_prefix(operator)}there are two columns named '{name}'", DUPLICATE_NAME, span)


def unsupported(construct: str, span: Span, hint: str = "") -> UnsupportedFault:
    """Return the fault for KQL that this engine does not answer."""
    return UnsupportedFault(construct, UNSUPPORTED, span, hint)


@contextmanager
def refusing_deep_queries() -> Iterator[None]:
    """Raise QueryTooDeep in place of a RecursionError: trees of a query are walked by functions that call themselves.

    What 200 operators in a row or 300 lets make of each other fits; so do thousands of terms of one `and` or `or`.
    """
    try:
        yield
    except RecursionError:
        raise QueryTooDeep(
            "The query is too deep: its operators, operands and lets build on one another in more levels than the"
            f" limit of {sys.getrecursionlimit()} nested calls in its compiler allows",
            "TH_QueryTooDeep",
            hint="write long lists as `in (…)`, and split the query, for example at a stored function",
        ) from None
