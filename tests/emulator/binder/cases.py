"""Case files: queries with the schema or the fault that binding them gives.

    == name of the case
    query
    --
    Column:type,Column:type

Several result schemas stand on lines of their own; a line that starts with `! ` asks for a fault whose text contains
the rest of the line.
"""

from dataclasses import dataclass
from pathlib import Path

CASES = Path(__file__).parents[2] / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    """One query and the lines that its binding must give."""

    name: str
    query: str
    expected: tuple[str, ...]


def read_cases(folder: str) -> list[Case]:
    """Read all cases of a folder below tests/cases."""
    return [case for path in sorted((CASES / folder).glob("*.txt")) for case in _read(path)]


def _read(path: Path) -> list[Case]:
    cases = []
    for block in path.read_text(encoding="utf-8").split("\n== ")[1:]:
        title, _, body = block.partition("\n")
        query, separator, expected = body.partition("\n--\n")
        assert separator, f"{path.name}: case '{title}' has no '--'"
        cases.append(Case(f"{path.stem}: {title}", query, tuple(expected.strip().splitlines())))
    return cases
