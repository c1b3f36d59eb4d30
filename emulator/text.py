"""Source text and places in it: every token, node and error carries a span."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of character offsets `[start, end)` in one source text."""

    start: int
    end: int

    def to(self, other: "Span") -> "Span":
        """Return the smallest span that covers both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


NOWHERE = Span(0, 0)


def line_and_column(source: str, offset: int) -> tuple[int, int]:
    """Return the 1-based line and column of a character offset."""
    offset = max(0, min(offset, len(source)))
    line = source.count("\n", 0, offset) + 1
    column = offset - (source.rfind("\n", 0, offset) + 1) + 1
    return line, column


def excerpt(source: str, span: Span) -> str:
    """Render the line a span starts on with carets below it."""
    line, column = line_and_column(source, span.start)
    lines = source.splitlines() or [""]
    text = lines[min(line, len(lines)) - 1]
    width = max(1, min(span.end - span.start, len(text) - column + 1))
    gutter = f"{line} | "
    return f"{gutter}{text}\n{' ' * (len(gutter) + column - 1)}{'^' * width}"


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: halves of a pair joined, and a lone one shown as Kusto shows it, as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
