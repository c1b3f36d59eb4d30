"""What tests cost in CPU, for `pytest --show-slow`: a plugin, as a conftest is not told of session fixtures.

A test is slow where its cases take more than a tenth of a second on average. To open an Eventhouse takes as much, to
start a process more. What is made for several tests is counted apart.
"""

import os
from collections import defaultdict
from collections.abc import Generator, Iterable
from statistics import fmean

import pytest

# Of CPU, ended child processes included: a busy machine changes them by half, and a test that is due to be marked no
# longer passes unnoticed at three times as much.
SLOW = 0.1
NO_DOUBT = 3 * SLOW
_OWN, _SHARED = "cpu_seconds", "cpu_seconds_of_fixture "
_FILES_SHOWN = 15
_STARTED = pytest.StashKey[float]()
_UNDER_WAY = pytest.StashKey[pytest.Item]()


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _seconds(properties: Iterable[tuple[str, object]]) -> list[tuple[str, float]]:
    return [(name, seconds) for name, seconds in properties if name.startswith(_OWN) and isinstance(seconds, float)]


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
        spent = (_SHARED + fixturedef.argname, _cpu_seconds() - started)
        request.session.stash[_UNDER_WAY].user_properties.append(spent)
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.when == "teardown":
        shared = sum(seconds for name, seconds in _seconds(item.user_properties) if name != _OWN)
        item.user_properties.append((_OWN, _cpu_seconds() - item.stash[_STARTED] - shared))
    return (yield)


def unmarked(reports: Iterable[pytest.TestReport]) -> list[tuple[float, str]]:
    """Return the slow tests that are not marked so, with their CPU seconds a case, the dearest first."""
    cases: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        if "slow" not in report.keywords:
            test = report.nodeid.partition("[")[0]
            cases[test] += [seconds for name, seconds in _seconds(report.user_properties) if name == _OWN]
    means = [(fmean(seconds), test) for test, seconds in cases.items() if seconds]
    return sorted((each for each in means if each[0] > SLOW), reverse=True)


def _reports(terminal: pytest.TerminalReporter) -> list[pytest.TestReport]:
    # Set-up's and teardown's reports have no letter of their own; the last of a test has all of its figures.
    found = terminal.getreports("")
    return [report for report in found if isinstance(report, pytest.TestReport) and report.when == "teardown"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a test is slow beyond doubt and not marked so."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if not session.config.getoption("--show-slow") or terminal is None or session.exitstatus != pytest.ExitCode.OK:
        return
    if any(seconds > NO_DOUBT for seconds, _ in unmarked(_reports(terminal))):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--show-slow"):
        return
    reports = _reports(terminalreporter)
    by_file: dict[str, float] = defaultdict(float)
    for report in reports:
        by_file[report.nodeid.partition("::")[0]] += sum(seconds for _, seconds in _seconds(report.user_properties))
    for seconds, test in unmarked(reports):
        prefix = "error: " if seconds > NO_DOUBT else ""
        terminalreporter.write_line(f"{prefix}slow, but not marked so: {seconds:.2f} s of CPU: {test}")
    terminalreporter.write_line(f"{sum(by_file.values()):.1f} s of CPU, collection apart; most of them for")
    for file in sorted(by_file, key=by_file.__getitem__, reverse=True)[:_FILES_SHOWN]:
        terminalreporter.write_line(f"{by_file[file]:6.1f} s  {file}")
