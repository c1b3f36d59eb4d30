"""Documents as tests read them: their tables, and the names in them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A bar that stands for itself has a backslash before it.
_CELL = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"`([^`]+)`")


def document(path: str) -> str:
    """Return the text of a document."""
    return (ROOT / path).read_text(encoding="utf-8")


def prose(path: str) -> str:
    """Return the text of a document without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", document(path), flags=re.MULTILINE | re.DOTALL)


def documents() -> list[str]:
    """Return the paths of all documents."""
    folders = ("", "api", "cli", "emulator", "kql", "producer", "tests")
    found = {path for folder in folders for path in (ROOT / folder).glob("**/*.md" if folder else "*.md")}
    return sorted(str(path.relative_to(ROOT)) for path in found)


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    level, _, _ = heading.partition(" ")
    parts = text.split(f"\n{heading}\n")
    assert len(parts) == 2, f"'{heading}' stands {len(parts) - 1} times"
    return re.split(rf"^#{{1,{len(level)}}} ", parts[1], maxsplit=1, flags=re.MULTILINE)[0]


def headed_tables(text: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Yield the tables of a text: the cells of the head, and rows of cells."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in _CELL.split(line)[1:-1]] for line in block.splitlines()]
        yield head, rows


def table_with_head(text: str, *head: str) -> list[list[str]]:
    """Return the rows of the one table with this head."""
    found = [rows for cells, rows in headed_tables(text) if cells == list(head)]
    assert len(found) == 1, f"{len(found)} tables have the head {head}"
    return found[0]


def code_in(text: str) -> list[str]:
    """Return what stands between backticks."""
    return _CODE.findall(text)
