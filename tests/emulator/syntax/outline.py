"""Trees as one line of text, and trees without their places, so that tests compare structure alone."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from emulator.syntax.expressions import Name
from emulator.text import NOWHERE, Span


def outline(node: object) -> str:
    """Render a tree: `Where(predicate=Binary(operator='>' …))`, spans and whole sources left out."""
    match node:
        case Name(text):
            return text
        case Enum():
            return str(node.value)
        case tuple():
            return f"[{', '.join(outline(item) for item in node)}]"
        case _ if is_dataclass(node):
            values = ((field.name, getattr(node, field.name)) for field in fields(node))
            parts = (f"{name}={outline(value)}" for name, value in values if not _is_place(name, value))
            return f"{type(node).__name__}({', '.join(parts)})"
        case _:
            return repr(node)


def without_places(node: Any) -> Any:
    """Return the tree with every span and source text blanked."""
    match node:
        case Span():
            return NOWHERE
        case tuple():
            return tuple(without_places(item) for item in node)
        case _ if is_dataclass(node) and not isinstance(node, type):
            values = ((field.name, getattr(node, field.name)) for field in fields(node))
            return type(node)(*("" if _is_source(name, value) else without_places(value) for name, value in values))
        case _:
            return node


def _is_place(name: str, value: object) -> bool:
    return isinstance(value, Span) or _is_source(name, value)


def _is_source(name: str, value: object) -> bool:
    return name == "source" and isinstance(value, str)
