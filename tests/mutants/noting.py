"""A plugin of pytest that runs a selection, and writes down which test failed, or which file could not be read."""

import json
import os
from pathlib import Path

import pytest

# The environment's names for the file to write to, and for that of the selection: tests, files and folders that are
# meant, and tests that are passed over. Of tests that it is given by name, pytest runs none where one is gone.
FILE = "TICKHOUSE_MUTANTS_FAILED"
SELECTION = "TICKHOUSE_MUTANTS_SELECTION"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not selected."""
    chosen, passed_over = json.loads(Path(os.environ[SELECTION]).read_text(encoding="utf-8"))
    names, folders = set(chosen), tuple(f"{each}{mark}" for each in chosen for mark in ("/", "::"))
    is_meant = [
        (item.nodeid in names or item.nodeid.startswith(folders)) and item.nodeid not in passed_over for item in items
    ]
    config.hook.pytest_deselected(items=[item for item, meant in zip(items, is_meant, strict=True) if not meant])
    items[:] = [item for item, meant in zip(items, is_meant, strict=True) if meant]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write a failing test's name."""
    if report.failed:
        _write(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Write the name of what cannot be collected."""
    if report.failed:
        _write(report.nodeid)


def _write(name: str) -> None:
    Path(os.environ[FILE]).write_text(name, encoding="utf-8")
