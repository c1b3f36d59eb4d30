"""A plugin of pytest that writes down which test failed, or which file could not be read."""

import os
from pathlib import Path

import pytest

# The environment's name for the file to write to.
FILE = "TICKHOUSE_MUTANTS_FAILED"


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
