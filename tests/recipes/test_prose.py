"""The recipes that have no code: every place that they name is there."""

import re
from collections.abc import Iterator

import pytest

from tests.recipes.project import ROOT

# In which folders a document's paths are to be looked for.
FOLDERS = {
    "CONTRIBUTING.md": ("", "emulator", "tests"),
    "README.md": ("",),
    "api/README.md": ("api", ""),
    "cli/README.md": ("cli", ""),
    "emulator/README.md": ("emulator", ""),
    "emulator/functions/README.md": ("emulator/functions", "emulator", ""),
    "kql/README.md": ("kql", ""),
    "producer/README.md": ("producer", ""),
}
# Names with a slash, and files; `<family>` stands for any name.
_PATH = re.compile(r"`((?:[\w.<>-]+/)+[\w.<>-]*|[\w<>]+\.(?:py|kql|toml|md))`")
# What a recipe makes, what a reader's own folder has, and names that only look like paths.
NOT_HERE = {
    "kql/database/functions/DailyTurnover_v1.kql",
    "database/functions/LatestPrice_v2.kql",
    "database/functions/<Name>_v1.kql",
    "sources/<name>.py",
    "Name_v1.kql",
    "tickhouse.toml",
}


def named() -> Iterator[tuple[str, str]]:
    for document in FOLDERS:
        if (ROOT / document).exists():
            text = re.sub(r"^```.*?^```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.M | re.S)
            yield from ((document, path) for path in dict.fromkeys(_PATH.findall(text)) if path not in NOT_HERE)


@pytest.mark.parametrize(("document", "path"), list(named()))
def test_a_place_that_a_document_names_is_there(document: str, path: str) -> None:
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    # A name without a folder stands below one that was named before it.
    depth = "" if "/" in pattern or FOLDERS[document][0] == "" else "**/"
    found = [
        file
        for folder in FOLDERS[document]
        for ending in ("", ".py")
        for file in (ROOT / folder).glob(f"{depth if folder else ''}{pattern}{ending}")
    ]
    assert found, f"{document} names {path}"
