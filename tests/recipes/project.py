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
_HUNK = re.compile(r"^@@ (\S+)\n(.*?)(?=^@@ |\Z)", re.MULTILINE | re.DOTALL)


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
class Hunk:
    """Lines of a file before and after; without any before, it is a new file or goes to the end of one."""

    path: str
    before: str
    after: str


def code_recipes(file: str) -> dict[str, tuple[Hunk, ...]]:
    """Return what each subsection (`### …`) with `diff` blocks changes, in order; other blocks are there to be read."""
    text = (ROOT / file).read_text(encoding="utf-8")
    found: dict[str, tuple[Hunk, ...]] = {}
    for section in re.split(r"^#{2,3} ", text, flags=re.MULTILINE)[1:]:
        blocks = [block for language, block in _BLOCK.findall(section) if language == "diff"]
        if blocks:
            heading = section.partition("\n")[0]
            found[heading] = tuple(_hunk(path, lines) for block in blocks for path, lines in _HUNK.findall(block))
    return found


def _hunk(path: str, text: str) -> Hunk:
    lines = text.splitlines()
    assert {line[:1] for line in lines} <= {"", " ", "+", "-"}, f"a hunk of {path} has a line without its sign"
    before, after = (
        "".join(f"{line[1:]}\n" for line in lines if not line.startswith(left_out)) for left_out in ("+", "-")
    )
    assert before != after, f"a hunk of {path} changes nothing"
    return Hunk(path, before, after)


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

    def change(self, hunk: Hunk) -> None:
        """Carry out one hunk; the lines that it shows must be in the file, and in one place only."""
        file = self.folder / hunk.path
        if not hunk.before:
            if file.exists():
                file.write_text(file.read_text(encoding="utf-8") + hunk.after, encoding="utf-8")
            else:
                self.write(hunk.path, hunk.after)
            return
        text = f"\n{file.read_text(encoding='utf-8')}"
        count = text.count(f"\n{hunk.before}")
        assert count == 1, f"{hunk.path} has these lines {count} times:\n{hunk.before}"
        file.write_text(text.replace(f"\n{hunk.before}", f"\n{hunk.after}")[1:], encoding="utf-8")

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

    def tried(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in the copy, whatever comes of it."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def run(self, *arguments: str) -> str:
        """Run a module of Python in the copy and return what it printed; it must succeed."""
        return _output(self.tried(sys.executable, "-m", *arguments))

    def tool(self, name: str) -> str:
        """Run a program that is installed beside Python in the copy and return what it printed; it must succeed."""
        return _output(self.tried(str(Path(sys.executable).parent / name)))

    def passes(self, *tests: str) -> None:
        """Run tests of the suite in the copy; all of them must pass."""
        where = self.run("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests)
        assert " passed" in where


def _output(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, f"{' '.join(done.args)}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
    return done.stdout
