"""KQL literals for text that is rendered into files; values of a request never come this way."""

import json
from collections.abc import Sequence


def string_literal(value: str) -> str:
    """Return a double-quoted KQL string literal."""
    return json.dumps(value, ensure_ascii=False)


def dynamic_literal(values: Sequence[str]) -> str:
    """Return a `dynamic([...])` literal of strings."""
    return f"dynamic({json.dumps(list(values), ensure_ascii=False)})"
