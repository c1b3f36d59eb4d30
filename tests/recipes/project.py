"""A copy of the project that a recipe is carried out in, and the texts of the recipes."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("api", "cli", "emulator", "kql", "producer", "tests", "README.md", "pyproject.toml")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A section of a README: its prose, and its fenced blocks by language."""

    prose: str
    blocks: dict[str, str]

    def path(self, ending: str) -> str:
        """Return the one path of that ending that the prose names."""
        found: set[str] = set(re.findall(rf"`([\w/.]+\.{ending})`", self.prose))
        assert len(found) == 1, f"the recipe names {found}"
        return found.pop()


def recipe(file: str, heading: str) -> Recipe:
    """Return a section of a README by its heading; each language has one block in it."""
    text = (ROOT / file).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, f"{file} has no section '{heading}'"
    section = rest.partition("\n## ")[0]
    blocks = _BLOCK.findall(section)
    languages = [language for language, _ in blocks]
    assert len(languages) == len(set(languages)), f"'{heading}' has several blocks of one language"
    return Recipe(_BLOCK.sub("", section), dict(blocks))


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of the working tree; what runs in it imports its own packages."""

    folder: Path

    @classmethod
    def copied_to(cls, folder: Path) -> "Project":
        """Copy what is run and tested."""
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)
        return cls(folder)

    def write(self, path: str, text: str) -> None:
        """Write a file that must not be there yet."""
        file = self.folder / path
        assert not file.exists()
        assert file.parent.is_dir(), f"the recipe names {path}, a folder that is not there"
        file.write_text(text, encoding="utf-8")

    def append(self, path: str, text: str) -> None:
        """Add to the end of a file that is there."""
        file = self.folder / path
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{text}", encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Return the environment in which the copy is what is imported."""
        shared = os.environ.get("TICKHOUSE_SHARED", str(ROOT.parent / "shared"))
        checker = os.environ.get("TICKHOUSE_KQLCHECK", str(ROOT / ".cache" / "kqlcheck"))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TICKHOUSE_", "PYTEST_"))}
        return {
            **kept,
            "PYTHONPATH": str(self.folder),
            "TICKHOUSE_OFFLINE": "1",
            "TICKHOUSE_SHARED": shared,
            "TICKHOUSE_KQLCHECK": checker,
            "COLUMNS": "160",
        }

    def run(self, *arguments: str) -> str:
        """Run a module of Python in the copy and return what it printed; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
        return done.stdout

    def passes(self, *tests: str) -> None:
        """Run tests of the suite in the copy; all of them must pass."""
        where = self.run("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests)
        assert " passed" in where
