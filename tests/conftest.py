"""What holds for all tests."""

import os
from collections.abc import Generator
from typing import Protocol

import pytest
from hypothesis import settings

from tests import casefiles
from tests.casefiles import Case, Fault

# The same examples on every run, so that a red build is a red build; HYPOTHESIS_PROFILE=exploring looks further.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

UPDATE = "--update-cases"
# Of CPU, fixtures apart and ended child processes included: a busy machine changes them little.
SLOW, CPU = 2.0, "cpu_seconds"
_STARTED = pytest.StashKey[float]()


class CheckCase(Protocol):
    """Compares what was found with the answer of a case's step, or writes it into the file."""

    def __call__(self, case: Case, found: str | Fault, position: int = 0) -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(UPDATE, action="store_true", help="write into the case files what is found")
    parser.addoption("--show-slow", action="store_true", help="list tests that are slow and not marked so")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(UPDATE) and config.getoption("numprocesses", None):
        raise pytest.UsageError(f"{UPDATE} writes files, one process at a time: leave out -n")


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "setup":
        item.stash[_STARTED] = _cpu_seconds()
    elif call.when == "call" and item.get_closest_marker("slow") is None:
        report.user_properties.append((CPU, _cpu_seconds() - item.stash[_STARTED]))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--show-slow"):
        return
    reports = [each for each in terminalreporter.getreports("passed") if isinstance(each, pytest.TestReport)]
    spent = [(value, each.nodeid) for each in reports for name, value in each.user_properties if name == CPU]
    for seconds, test in sorted(spent, reverse=True):
        if isinstance(seconds, float) and seconds > SLOW:
            terminalreporter.write_line(f"slow, but not marked so: {seconds:.1f} s of CPU: {test}")


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
