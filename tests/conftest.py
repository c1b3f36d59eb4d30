"""What holds for all tests."""

import os
from collections.abc import Generator, Iterable
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
# Of CPU, ended child processes included: a busy machine changes them little.
SLOW = 1.0
CPU, SHARED = "cpu_seconds", "cpu_seconds_of_fixture "
FILES_SHOWN = 15
_STARTED = pytest.StashKey[float]()
_UNDER_WAY = pytest.StashKey[pytest.Item]()


class CheckCase(Protocol):
    """Compares what was found with the answer of a case's step, or writes it into the file."""

    def __call__(self, case: Case, found: str | Fault, position: int = 0) -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(UPDATE, action="store_true", help="write into the case files what is found")
    parser.addoption(
        "--show-slow", action="store_true", help="list tests that are slow and not marked so, and what files cost"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(UPDATE) and config.getoption("numprocesses", None):
        raise pytest.UsageError(f"{UPDATE} writes files, one process at a time: leave out -n")


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    item.stash[_STARTED] = _cpu_seconds()
    item.session.stash[_UNDER_WAY] = item
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Count what is made for several tests apart: the first of them is not slow for it."""
    started = _cpu_seconds()
    made = yield
    if fixturedef.scope != "function":
        spent = (SHARED + fixturedef.argname, _cpu_seconds() - started)
        request.session.stash[_UNDER_WAY].user_properties.append(spent)
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.when == "teardown":
        shared = sum(seconds for name, seconds in _seconds(item.user_properties) if name != CPU)
        item.user_properties.append((CPU, _cpu_seconds() - item.stash[_STARTED] - shared))
    return (yield)


def _seconds(properties: Iterable[tuple[str, object]]) -> list[tuple[str, float]]:
    return [(name, seconds) for name, seconds in properties if name.startswith(CPU) and isinstance(seconds, float)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--show-slow"):
        return
    by_file: dict[str, float] = {}
    slow: list[tuple[float, str]] = []
    for report in terminalreporter.getreports(""):
        # Set-up's and teardown's reports have no letter of their own; the last of a test has all of its figures.
        if not isinstance(report, pytest.TestReport) or report.when != "teardown":
            continue
        file = report.nodeid.partition("::")[0]
        for name, seconds in _seconds(report.user_properties):
            by_file[file] = by_file.get(file, 0.0) + seconds
            if seconds > SLOW and name != CPU:
                slow.append((seconds, f"{name.removeprefix(SHARED)}, a shared fixture that {report.nodeid} asked for"))
            elif seconds > SLOW and "slow" not in report.keywords:
                slow.append((seconds, report.nodeid))
    for seconds, what in sorted(slow, reverse=True):
        terminalreporter.write_line(f"slow, but not marked so: {seconds:.1f} s of CPU: {what}")
    terminalreporter.write_line(f"{sum(by_file.values()):.1f} s of CPU, collection apart; most of them for")
    for file in sorted(by_file, key=by_file.__getitem__, reverse=True)[:FILES_SHOWN]:
        terminalreporter.write_line(f"{by_file[file]:6.1f} s  {file}")


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
