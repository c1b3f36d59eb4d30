"""One change, tried in a copy of the tree: the tests that run the line, until one of them fails."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.record import PACKAGES, Record
from tests.mutants.sites import Site

# The most telling tests first, and then all that run the line: most faults are seen by the first few.
_FIRST = 25
_MOST = 400
_SECONDS = 300
# Whose tests see a fault of a package beside its own.
_FOLLOWERS = {"cli": ("end_to_end",), "kql": ("api",)}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one module, by its path in the tree."""

    path: str
    site: Site

    def __str__(self) -> str:
        before, after = (" ".join(text.split())[:60] for text in (self.site.before, self.site.after))
        return f"{self.path}:{self.site.line}: {before} -> {after}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a test failed on a change, and how many tests ran its line."""

    mutant: Mutant
    is_killed: bool
    tests: int


class Workplace:
    """A copy of the tree in which changes are tried, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        root = Path.cwd()
        tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True, text=True).stdout
        for name in filter(None, tracked.split("\0")):
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", *PACKAGES, "tests"], cwd=folder, check=True, capture_output=True
        )
        shared = os.environ.get("TICKHOUSE_SHARED", str(root.parent / "shared"))
        self._environment = {
            **os.environ,
            "TICKHOUSE_SHARED": shared,
            "TICKHOUSE_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def tried(self, mutant: Mutant, record: Record) -> Verdict:
        """Try a change and return what became of it; the copy is then as it was."""
        tests = record.tests_of(mutant.path, mutant.site.line)
        path = self._folder / mutant.path
        text = path.read_text(encoding="utf-8")
        path.write_text(mutant.site.applied(text), encoding="utf-8")
        for stale in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            stale.unlink()
        try:
            is_killed = (
                self._fails(tests[:_FIRST])
                or (len(tests) > _FIRST and self._fails(tests[_FIRST:_MOST]))
                # What a fixture of many tests runs is recorded for the first of them alone.
                or self._fails(_by_folder(mutant.path))
            )
        finally:
            path.write_text(text, encoding="utf-8")
        return Verdict(mutant, is_killed, len(tests))

    def _fails(self, tests: list[str]) -> bool:
        if not tests:
            return False
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
        try:
            run = subprocess.run(
                command, cwd=self._folder, env=self._environment, capture_output=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            # Whoever runs the tests sees that they do not end.
            return True
        return run.returncode != 0


def _by_folder(path: str) -> list[str]:
    """Return the folders of tests of a module's package."""
    package = Path(path).parts[0]
    return [f"tests/{each}" for each in (package, *_FOLLOWERS.get(package, ()))]
