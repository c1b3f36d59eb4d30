"""One change, tried in a copy of the tree: the tests that run the line, until one of them fails.

A failure counts where the test fails again on the change alone and passes without it: neither a test that cannot pass
in a copy, nor one that fails now and then, nor a name that pytest does not find, notices a change.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.mutants import noting
from tests.mutants.record import PACKAGES
from tests.mutants.sites import Site

# The most telling tests first, and then all that run the line: most faults are seen by the first few.
_FIRST = 25
_MOST = 400
# Of one test, which then counts as failed; the longest takes half a minute on a busy machine.
_SECONDS = 180
# Of a run: all tests of `emulator`, twice over.
_SECONDS_OF_RUN = 3600
# A run that ended without naming a test: it hangs, or nothing can be imported.
_UNNAMED = "(the run)"
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
    """Which test failed on a change, and how many tests ran its line."""

    mutant: Mutant
    failed: str | None
    tests: int


class Recorded(Protocol):
    """Knows which tests run a line."""

    def tests_of(self, path: str, line: int) -> list[str]:
        """Return the tests that run a line, the most telling first."""


class Workplace:
    """A copy of the tree in which changes are tried, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = Path.cwd()
        tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True, text=True).stdout
        self._names = [name for name in tracked.split("\0") if name and (self._root / name).is_file()]
        self._restore()
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", *PACKAGES, "tests"], cwd=folder, check=True, capture_output=True
        )
        shared = os.environ.get("TICKHOUSE_SHARED", str(self._root.parent / "shared"))
        self._environment = {
            **os.environ,
            "TICKHOUSE_SHARED": shared,
            "TICKHOUSE_OFFLINE": "1",
            # A changed module is newer than its bytecode, and older again when it is put back; tests that pytest has to
            # rewrite at each start cost a second.
            "PYTHONDONTWRITEBYTECODE": "",
            # Processes that tests start elsewhere are to run the copy too.
            "PYTHONPATH": str(folder),
        }
        # Tests that are known to pass, or to fail, without any change.
        self._sound: set[str] = set()
        self._unsound: set[str] = set()

    def tried(self, mutant: Mutant, record: Recorded) -> Verdict:
        """Try a change and return what became of it; the copy is then as it was."""
        tests = record.tests_of(mutant.path, mutant.site.line)
        # What a fixture of many tests runs is recorded for the first of them alone: hence the folders.
        stages = (tests[:_FIRST], tests[_FIRST:_MOST], _by_folder(mutant.path))
        failed = next(filter(None, (self._noticed(mutant, stage) for stage in stages)), None)
        return Verdict(mutant, failed, len(tests))

    def _noticed(self, mutant: Mutant, tests: list[str]) -> str | None:
        """Return the first of the tests that fails because of the change."""
        passed_over = set(self._unsound)
        while chosen := [test for test in tests if test not in passed_over]:
            with self._changed(mutant):
                failed = self._failed(chosen, passed_over)
                is_repeated = failed is not None and self._failed(_selection(failed, chosen), passed_over) is not None
            if failed is None:
                return None
            if is_repeated and self._is_sound(failed, chosen):
                return failed
            if failed == _UNNAMED:
                return None
            passed_over.add(failed)
        return None

    def _is_sound(self, test: str, chosen: list[str]) -> bool:
        if test in self._sound:
            return True
        is_sound = self._failed(_selection(test, chosen), set()) is None
        if test != _UNNAMED:
            (self._sound if is_sound else self._unsound).add(test)
        return is_sound

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        path = self._folder / mutant.path
        path.write_text(mutant.site.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
        try:
            yield
        finally:
            self._restore()

    def _restore(self) -> None:
        """Make the copy what the tree is, times included: changed code may write where it should not."""
        for name in self._names:
            source, copy = self._root / name, self._folder / name
            if not copy.exists() or _signature(copy) != _signature(source):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, copy)

    def _failed(self, tests: list[str], passed_over: set[str]) -> str | None:
        """Return the first test that fails, or `_UNNAMED` where the run ends otherwise than by a test."""
        selection = self._folder / ".selection"
        selection.write_text("\n".join([*tests, *(f"--deselect={test}" for test in sorted(passed_over))]), "utf-8")
        noted = self._folder / ".failed"
        noted.unlink(missing_ok=True)
        ends = ["-o", f"faulthandler_timeout={_SECONDS}", "-o", "faulthandler_exit_on_timeout=true"]
        options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "tests.mutants.noting", *ends]
        command = [sys.executable, "-m", "pytest", *options, f"@{selection}"]
        try:
            run = subprocess.run(
                command,
                cwd=self._folder,
                env={**self._environment, noting.FILE: str(noted)},
                capture_output=True,
                timeout=_SECONDS_OF_RUN,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _UNNAMED
        if run.returncode == 0:
            return None
        return noted.read_text("utf-8") if noted.exists() else _UNNAMED


def _signature(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _selection(failed: str, chosen: list[str]) -> list[str]:
    return chosen if failed == _UNNAMED else [failed]


def _by_folder(path: str) -> list[str]:
    """Return the folders of tests of a module's package."""
    package = Path(path).parts[0]
    return [f"tests/{each}" for each in (package, *_FOLLOWERS.get(package, ()))]
