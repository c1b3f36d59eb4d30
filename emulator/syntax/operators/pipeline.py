"""A pipeline: a source followed by operators."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.text import Span

if TYPE_CHECKING:
    from emulator.syntax.operators import Operator, Source


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`source | operator | operator`."""

    source: "Source"
    operators: tuple["Operator", ...]
    span: Span
