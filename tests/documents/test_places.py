"""Every place that a document names is there, and every room is named by the document of its house."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.reading import ROOT, code_in, document, documents, headed_tables, prose

# In which folders a document's paths are to be looked for, besides the root and its own.
ALSO_IN = {
    "CONTRIBUTING.md": ("emulator", "tests"),
    "emulator/engine/README.md": ("emulator",),
    "emulator/eventhubs/README.md": ("emulator", "emulator/eventhubs/hubs"),
    "emulator/functions/README.md": ("emulator",),
    "emulator/server/README.md": ("emulator",),
    "CHANGELOG.md": ("kql/database/reference",),
    "ARCHITECTURE.md": ("emulator", "producer"),
    "tests/README.md": ("tests/cases", "tests/producer"),
    "tests/bench/RESULTS.md": ("emulator", "emulator/engine"),
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
    "data/market",
}


def named() -> Iterator[tuple[str, str]]:
    for path in documents():
        yield from ((path, place) for place in dict.fromkeys(_PATH.findall(prose(path))) if place not in NOT_HERE)


@pytest.mark.parametrize(("path", "place"), list(named()))
def test_a_place_that_a_document_names_is_there(path: str, place: str) -> None:
    own = str(Path(path).parent)
    # A capital after the last dot is a name in the module.
    pattern = re.sub(r"<\w+>", "*", re.sub(r"(?<=\w)\.[A-Z]\w*$", "", place)).rstrip("/")
    # A name without a folder stands below one that was named before it.
    depth = "" if "/" in pattern else "**/"
    found = [
        file
        for folder in (own, "", *ALSO_IN.get(path, ()))
        for ending in ("", ".py")
        for file in (ROOT / folder).glob(f"{'' if folder in ('', '.') else depth}{pattern}{ending}")
    ]
    assert found, f"{path} names {place}"


@pytest.mark.parametrize("path", ALSO_IN)
def test_a_document_with_other_folders_exists(path: str) -> None:
    assert (ROOT / path).exists()


HOUSES = [path for path in documents() if Path(path).name == "README.md" and path != "README.md"]
# Heads of tables that say where what is; a second column may say it more closely.
_LAYOUTS = {"room", "file", "place", "part", "folder", "stage"}


def rooms_of(folder: Path) -> list[str]:
    """Return the modules and packages right below a folder."""
    modules = [path.stem for path in folder.glob("*.py") if not path.stem.startswith(("__", "test_", "conftest"))]
    return sorted([*modules, *(path.name for path in folder.iterdir() if any(path.glob("**/*.py")))])


@pytest.mark.parametrize("path", HOUSES)
def test_a_document_names_every_room_of_its_folder(path: str) -> None:
    # `session/`, `session`, `session.py`, or the beginning of a path.
    names = {re.split(r"[/.]", name)[0] for code in code_in(prose(path)) for name in re.split(r"[, ]+", code)}
    assert [room for room in rooms_of((ROOT / path).parent) if room not in names] == []


@pytest.mark.parametrize("path", HOUSES)
def test_what_a_layout_names_is_there(path: str) -> None:
    folder = (ROOT / path).parent
    missing = [
        name
        for head, rows in headed_tables(document(path))
        if head[0] in _LAYOUTS
        for row in rows
        for cell in (row if head[1] == "file" else row[:1])[:2]
        for name in code_in(cell)
        if not any(next(folder.glob(f"**/{name.rstrip('/')}{ending}"), None) for ending in ("", ".py"))
    ]
    assert missing == []


@pytest.mark.parametrize("path", documents())
def test_a_target_of_make_exists(path: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", document(path))) - targets == set()
    assert set(re.findall(r"^\$? ?make ([a-z]+)", document(path), re.MULTILINE)) - targets == set()


@pytest.mark.parametrize("path", documents())
def test_a_module_that_a_document_runs_exists(path: str) -> None:
    for module in re.findall(r"`python -m ([\w.]+)", re.sub(r"\s+", " ", document(path))):
        file = ROOT / module.replace(".", "/")
        assert file.with_suffix(".py").exists() or (file / "__main__.py").exists(), module


@pytest.mark.parametrize("path", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_a_map_of_the_root_has_all_folders(path: str) -> None:
    (rows,) = (rows for head, rows in headed_tables(document(path)) if head[:2] == ["folder", "what it is"])
    found = {f"{folder.parent.name}/" for folder in ROOT.glob("*/__init__.py")}
    assert {code for row in rows for code in code_in(row[0])} == found


def test_every_package_has_a_document_that_the_root_or_its_house_names() -> None:
    named = " ".join(map(document, documents()))
    assert [path for path in HOUSES if f"`{path}`" not in named] == []
