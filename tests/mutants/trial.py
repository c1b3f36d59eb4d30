"""One change, tried in a copy of the tree until a test fails.

First come the tests that run the line, then the other tests of their files, and tests that are newer than the record;
last those slow tests of the package whose files name the module: slow tests mostly start processes, of which no lines
are recorded.

A failure counts where the test fails again on the change alone and passes without it: neither a test that cannot pass
in a copy, nor one that fails now and then, nor a name that pytest does not find, notices a change.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest

from tests.mutants import noting
from tests.mutants.record import PACKAGES
from tests.mutants.sites import Site
from tests.mutants.warm import Function, NotLoaded, WarmTests, inside_function

# The most telling tests first, and then all that run the line: most faults are seen by the first few.
_FIRST = 25
_MOST = 400
# Of whose files all tests are run then.
_FILES = 6
# Files of slow tests that name a module, those first that name it most; each may take a minute.
_SLOW_FILES = 4
# Of one test, which then counts as failed; the longest takes half a minute on a busy machine.
_SECONDS = 180
# Of a run: four files of slow tests on a busy machine. One that takes longer has noticed nothing.
_SECONDS_OF_RUN = 600
# A run that ended without naming a test: it hangs, or nothing can be imported.
_UNNAMED = "(the run)"
# Modules that are called by their package's name.
_ENTRANCES = {"__init__", "__main__", "main"}
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

    written: float

    def runs_on_import(self, path: str, lines: range) -> bool:
        """Whether importing the tests runs any of a module's lines."""


# Runs tests with a change, or without one, and returns the first that fails; the last are not to be run.
_Run = Callable[[Mutant | None, list[str], set[str]], str | None]


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
        self._warm: WarmTests | None = None

    def tried(self, mutant: Mutant, record: Recorded) -> Verdict:
        """Try a change and return what became of it; the copy is then as it was."""
        tests = record.tests_of(mutant.path, mutant.site.line)
        files = [*_files(tests), *self._since(mutant.path, record.written)]
        function = self._function(mutant)
        if function is not None:
            failed = self._first((tests[:_MOST], files), mutant, self._run_warm)
            if failed is None and record.runs_on_import(mutant.path, function.body):
                failed = self._first((tests[:_FIRST],), mutant, self._run_quick)
        else:
            failed = self._first((tests[:_FIRST], [*tests[_FIRST:_MOST], *files]), mutant, self._run_quick)
        return Verdict(mutant, failed, len(tests))

    def tried_slowly(self, verdict: Verdict) -> Verdict:
        """Try a change that no quick test notices on the slow tests that name its module."""
        failed = self._first((self._slow(verdict.mutant.path),), verdict.mutant, self._run_slow)
        return replace(verdict, failed=failed)

    def close(self) -> None:
        """End the process that keeps the tests."""
        if self._warm is not None:
            self._warm.close()

    def _first(self, stages: tuple[list[str], ...], mutant: Mutant, run: _Run) -> str | None:
        return next(filter(None, (self._noticed(mutant, stage, run) for stage in stages)), None)

    def _noticed(self, mutant: Mutant, tests: list[str], run: _Run) -> str | None:
        """Return the first of the tests that fails because of the change."""
        passed_over = set(self._unsound)
        while chosen := [test for test in tests if test not in passed_over]:
            failed = run(mutant, chosen, passed_over)
            if failed is None:
                return None
            is_repeated = run(mutant, _selection(failed, chosen), passed_over) is not None
            if is_repeated and self._is_sound(failed, chosen, run):
                return failed
            if failed == _UNNAMED:
                return None
            passed_over.add(failed)
        return None

    def _is_sound(self, test: str, chosen: list[str], run: _Run) -> bool:
        if test in self._sound:
            return True
        is_sound = run(None, _selection(test, chosen), set()) is None
        if test != _UNNAMED:
            (self._sound if is_sound else self._unsound).add(test)
        return is_sound

    def _function(self, mutant: Mutant) -> Function | None:
        text = (self._folder / mutant.path).read_text(encoding="utf-8")
        return inside_function(text, mutant.site.start)

    def _run_warm(self, mutant: Mutant | None, tests: list[str], passed_over: set[str]) -> str | None:
        self._warm = self._warm or WarmTests(self._folder, self._environment)
        change = None
        if mutant is not None:
            text = (self._folder / mutant.path).read_text(encoding="utf-8")
            change = (mutant.path, mutant.site.applied(text), self._function(mutant))
        try:
            return self._warm.failed(tests, passed_over, change)
        except NotLoaded:
            return self._run_quick(mutant, tests, passed_over)
        finally:
            self._restore()

    def _run_quick(self, mutant: Mutant | None, tests: list[str], passed_over: set[str]) -> str | None:
        return self._failed(mutant, "not slow", tests, passed_over)

    def _run_slow(self, mutant: Mutant | None, tests: list[str], passed_over: set[str]) -> str | None:
        return self._failed(mutant, "slow", tests, passed_over)

    def _slow(self, path: str) -> list[str]:
        """Return files with slow tests that name a module, those first that do so most often.

        Where none does, those that name a module which imports it.
        """
        return self._naming([path]) or self._naming(self._importing(path))

    def _since(self, path: str, moment: float) -> list[str]:
        """Return the files with tests of a module's package, or with their cases, that are newer than the record."""
        found = (file for folder in _folders(path) for file in sorted((self._folder / folder).rglob("test_*.py")))
        are_cases_newer = any(file.stat().st_mtime > moment for file in (self._folder / "tests/cases").rglob("*.txt"))
        return [
            str(file.relative_to(self._folder))
            for file in found
            if file.stat().st_mtime > moment or (are_cases_newer and file.name == "test_cases.py")
        ]

    def _naming(self, modules: list[str]) -> list[str]:
        named: dict[str, int] = {}
        for folder in {folder for module in modules for folder in _folders(module)}:
            for file in sorted((self._folder / folder).rglob("test_*.py")):
                text = file.read_text(encoding="utf-8")
                name = file.relative_to(self._folder / folder)
                if "mark.slow" in text:
                    count = sum(len(_pattern(module).findall(f"{name} {text}")) for module in modules)
                    named[f"{folder}/{name}"] = count
        return sorted(filter(named.get, named), key=lambda name: (-named[name], name))[:_SLOW_FILES]

    def _importing(self, path: str) -> list[str]:
        *parents, name = Path(path).with_suffix("").parts
        imported = re.compile(
            rf"^ *from {re.escape('.'.join(parents))}(\.{name} import | import .*\b{name}\b)", re.MULTILINE
        )
        return [
            each
            for each in self._names
            if each.startswith(tuple(f"{package}/" for package in PACKAGES)) and each.endswith(".py")
            if imported.search((self._folder / each).read_text(encoding="utf-8"))
        ]

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

    def _failed(self, mutant: Mutant | None, marked: str, tests: list[str], passed_over: set[str]) -> str | None:
        """Return the first test that fails, or `_UNNAMED` where the run ends otherwise than by a test."""
        with self._changed(mutant) if mutant is not None else nullcontext():
            return self._run(marked, tests, passed_over)

    def _run(self, marked: str, tests: list[str], passed_over: set[str]) -> str | None:
        selection = self._folder / ".selection"
        selection.write_text(json.dumps([tests, sorted(passed_over)]), "utf-8")
        places = dict.fromkeys(test.partition("::")[0] for test in tests)
        found = [place for place in places if (self._folder / place).exists()]
        if not found:
            return None
        noted = self._folder / ".failed"
        noted.unlink(missing_ok=True)
        ends = ["-o", f"faulthandler_timeout={_SECONDS}", "-o", "faulthandler_exit_on_timeout=true"]
        options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "tests.mutants.noting", *ends]
        command = [sys.executable, "-m", "pytest", *options, "-m", marked, *found]
        try:
            run = subprocess.run(
                command,
                cwd=self._folder,
                env={**self._environment, noting.FILE: str(noted), noting.SELECTION: str(selection)},
                capture_output=True,
                timeout=_SECONDS_OF_RUN,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        # Of a selection nothing may be quick, or slow.
        if run.returncode in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return None
        return noted.read_text("utf-8") if noted.exists() else _UNNAMED


def _signature(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _selection(failed: str, chosen: list[str]) -> list[str]:
    return chosen if failed == _UNNAMED else [failed]


def _files(tests: list[str]) -> list[str]:
    """Return the files of the most telling tests: what a fixture runs is recorded for the first of its tests alone."""
    return list(dict.fromkeys(test.partition("::")[0] for test in tests))[:_FILES]


def _folders(path: str) -> list[str]:
    """Return the folders of tests of a module's package."""
    package = Path(path).parts[0]
    return [f"tests/{each}" for each in (package, *_FOLLOWERS.get(package, ()))]


def _pattern(path: str) -> re.Pattern[str]:
    """Return what finds the module's name, as `data_connection`, `data-connection` or `"data", "connections"`.

    An entrance has its package's name.
    """
    module = Path(path).with_suffix("")
    name = module.parent.name if module.name in _ENTRANCES else module.name
    words = r"[\W_]+".join(name.strip("_").removesuffix("s").split("_"))
    return re.compile(rf"(?<![^\W_]){words}s?(?![^\W_])", re.IGNORECASE)
