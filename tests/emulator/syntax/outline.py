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
            parts = (
                f"{field.name}={outline(getattr(node, field.name))}"
                for field in fields(node)
                if not isinstance(getattr(node, field.name), Span) and field.name not in ("source_text", "source")
            )
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
            return type(node)(
                *(
                    ""
                    if field.name == "source" and isinstance(getattr(node, field.name), str)
                    else without_places(getattr(node, field.name))
                    for field in fields(node)
                )
            )
        case _:
            return node
