"""Case files: a text and what becomes of it, one fact each.

A case is `## what it shows`, the text, a line `->`, and the expected text. Lines before the first case are notes: where
the truth of the cases comes from.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    title: str
    text: str
    expected: str


def cases(name: str) -> pytest.MarkDecorator:
    """Return the parametrization over one case file."""
    found = read(FOLDER / name)
    return pytest.mark.parametrize("case", found, ids=[case.title for case in found])


def read(path: Path) -> list[Case]:
    found: list[Case] = []
    for block in f"\n{path.read_text(encoding='utf-8')}".split("\n## ")[1:]:
        title, _, rest = block.partition("\n")
        text, arrow, expected = rest.partition("\n->\n")
        assert arrow, f"{path.name}: the case {title!r} has no line '->'"
        found.append(Case(title, text, expected.strip("\n")))
    assert len({case.title for case in found}) == len(found), f"{path.name} has two cases of one title"
    return found
