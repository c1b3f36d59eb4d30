"""Which tests run which lines: one run of the quick tests under coverage, kept until it is recorded anew.

Slow tests take two thirds of the suite's time, and mostly start processes, of which nothing is recorded: what no quick
test notices is tried on those that name the module.
"""

import sqlite3
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from coverage.numbits import numbits_to_nums

FOLDER = Path(".cache/mutants")
RECORD = FOLDER / "coverage.sqlite"
PACKAGES = ("api", "cli", "emulator", "kql", "producer")


def record(jobs: int) -> None:
    """Run the quick tests once and keep which test ran which line; one that fails does no harm here."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    RECORD.unlink(missing_ok=True)
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
        return not self._on_import[path].isdisjoint(lines)

    def tests_of(self, path: str, line: int) -> list[str]:
        """Return the tests that run a line, those first that run the least beside it.

        A line that only importing runs, or no test at all, belongs to all tests of its module.
        """
        found = self._tests.get((path, line)) or self._of_module.get(path, set())
        return sorted(found, key=lambda test: (self._breadth[test], test))


def _relative(path: str) -> str:
    parts = Path(path).parts
    at = max(index for index, part in enumerate(parts) if part in PACKAGES and index < len(parts) - 1)
    # The outermost folder of that name which is one of ours: `kql/client/…`, not a `client/` of somebody else.
    outermost = next(index for index, part in enumerate(parts[: at + 1]) if part in PACKAGES)
    return "/".join(parts[outermost:])
