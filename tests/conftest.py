"""What holds for all tests."""

import os
import tempfile
from typing import Protocol

import pytest
from hypothesis import settings

from emulator.memory import bound_process, machine_memory
from tests import casefiles, cpu_seconds
from tests.casefiles import Case, Fault

# The same examples on every run, so that a red build is a red build; HYPOTHESIS_PROFILE=exploring looks further.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

UPDATE = "--update-cases"
_MOST_MEMORY = 8 * 1024**3


class CheckCase(Protocol):
    """Compares what was found with the answer of a case's step, or writes it into the file."""

    def __call__(self, case: Case, found: str | Fault, position: int = 0) -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(UPDATE, action="store_true", help="write into the case files what is found")
    parser.addoption(
        "--show-slow", action="store_true", help="list tests that are slow and not marked so, and what files cost"
    )


def pytest_configure(config: pytest.Config) -> None:
    # A test that runs away fails; without a bound the system would end some process, this one or another.
    bound_process(min(machine_memory(), _MOST_MEMORY))
    config.pluginmanager.register(cpu_seconds)
    if config.getoption(UPDATE) and config.getoption("numprocesses", None):
        raise pytest.UsageError(f"{UPDATE} writes files, one process at a time: leave out -n")


@pytest.fixture(scope="session")
def check_case(pytestconfig: pytest.Config) -> CheckCase:
    is_updating = bool(pytestconfig.getoption(UPDATE))

    def check(case: Case, found: str | Fault, position: int = 0) -> None:
        casefiles.check(case, position, found, update=is_updating)

    return check


@pytest.fixture(scope="session", autouse=True)
def own_runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep commands from finding an Eventhouse that runs on this machine for another reason."""
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("runtime"))
    os.environ["TMPDIR"] = tempfile.tempdir = str(tmp_path_factory.mktemp("temporary"))
