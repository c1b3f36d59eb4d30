"""Which tests run which lines: one run of the quick tests under coverage, kept until it is recorded anew.

Slow tests take two thirds of the suite's time, and mostly start processes, of which nothing is recorded: what no quick
test notices is tried on those that name the module.

The modules are kept as they were, so that a record serves on while the tree changes: a line that has moved keeps its
tests, and one that is new has those of the lines in whose place it stands.
"""

import shutil
import sqlite3
import subprocess
import sys
from collections import defaultdict
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from coverage.numbits import numbits_to_nums

FOLDER = Path(".cache/mutants")
RECORD = FOLDER / "coverage.sqlite"
# Beside a record: the modules as it found them.
MODULES = "modules"
PACKAGES = ("api", "cli", "emulator", "kql", "producer")


def record(jobs: int) -> None:
    """Run the quick tests once and keep which test ran which line; one that fails does no harm here."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    RECORD.unlink(missing_ok=True)
    shutil.rmtree(FOLDER / MODULES, ignore_errors=True)
    for module in (module for package in PACKAGES for module in Path(package).rglob("*.py")):
        kept = FOLDER / MODULES / module
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(module, kept)
    configuration = FOLDER / "coveragerc"
    configuration.write_text(f"[run]\ndata_file = {RECORD.resolve()}\n", encoding="utf-8")
    sources = [f"--cov={package}" for package in PACKAGES]
    options = ["--cov-context=test", f"--cov-config={configuration}", "--cov-report=", "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-n", str(jobs), *sources, *options]
    code = subprocess.run(command, check=False).returncode
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"the tests could not be run: pytest ended with {code}")


class Record:
    """What a run has recorded."""

    def __init__(self, path: Path = RECORD) -> None:
        self.written = path.stat().st_mtime
        self._modules = path.parent / MODULES
        self._places: dict[str, list[range]] = {}
        with sqlite3.connect(path) as connection:
            tests = {
                key: name.rpartition("|")[0] for key, name in connection.execute("SELECT id, context FROM context")
            }
            files = dict(connection.execute("SELECT id, path FROM file"))
            self._tests: dict[tuple[str, int], set[str]] = defaultdict(set)
            self._of_module: dict[str, set[str]] = defaultdict(set)
            self._breadth: dict[str, int] = defaultdict(int)
            self._on_import: dict[str, set[int]] = defaultdict(set)
            for file, context, bits in connection.execute("SELECT file_id, context_id, numbits FROM line_bits"):
                test = tests[context]
                lines = numbits_to_nums(bits)
                path_of_file = _relative(files[file])
                if not test:
                    self._on_import[path_of_file].update(lines)
                    continue
                self._breadth[test] += len(lines)
                self._of_module[path_of_file].add(test)
                for line in lines:
                    self._tests[path_of_file, line].add(test)

    def runs_on_import(self, path: str, lines: range) -> bool:
        """Whether importing the tests runs any of a module's lines."""
        return any(not self._on_import[path].isdisjoint(self._then(path, line)) for line in lines)

    def tests_of(self, path: str, line: int) -> list[str]:
        """Return the tests that run a line, those first that run the least beside it.

        A line that only importing runs, or no test at all, belongs to all tests of its module, or of the folder's.
        """
        found: set[str] = set()
        for recorded in self._then(path, line):
            found |= self._tests.get((path, recorded), set())
        found = found or self._of_module.get(path, set()) or self._of_folder(path)
        return sorted(found, key=lambda test: (self._breadth[test], test))

    def _of_folder(self, path: str) -> set[str]:
        folder = Path(path).parent
        return {test for each, tests in self._of_module.items() if Path(each).is_relative_to(folder) for test in tests}

    def _then(self, path: str, line: int) -> range:
        """Return the lines of the recorded module in whose place a line of today's stands."""
        if path not in self._places:
            old, new = self._modules / path, Path(path)
            self._places[path] = places(_lines(old), _lines(new)) if old.exists() and new.exists() else []
        found = self._places[path]
        return found[line - 1] if line <= len(found) else range(line, line + 1)


def places(old: list[str], new: list[str]) -> list[range]:
    """Return of each line of a new text the numbers of those of the old one in whose place it stands.

    Of lines that were put in these are the line before and the line after.
    """
    found: list[range] = []
    for tag, start, end, first, after in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for line in range(after - first):
            if tag == "equal":
                found.append(range(start + line + 1, start + line + 2))
            else:
                found.append(range(start + 1, end + 1) if end > start else range(start, start + 2))
    return found


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _relative(path: str) -> str:
    parts = Path(path).parts
    at = max(index for index, part in enumerate(parts) if part in PACKAGES and index < len(parts) - 1)
    # The outermost folder of that name which is one of ours: `kql/client/…`, not a `client/` of somebody else.
    outermost = next(index for index, part in enumerate(parts[: at + 1]) if part in PACKAGES)
    return "/".join(parts[outermost:])
