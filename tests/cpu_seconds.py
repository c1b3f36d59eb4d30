"""What tests cost in CPU, for `pytest --show-slow`: a plugin, as a conftest is not told of session fixtures."""

import os
from collections.abc import Generator, Iterable

import pytest

# Of CPU, ended child processes included: a busy machine changes them little.
SLOW = 1.0
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
            if name == _OWN and seconds > SLOW and "slow" not in report.keywords:
                slow.append((seconds, report.nodeid))
    for seconds, test in sorted(slow, reverse=True):
        terminalreporter.write_line(f"slow, but not marked so: {seconds:.1f} s of CPU: {test}")
    terminalreporter.write_line(f"{sum(by_file.values()):.1f} s of CPU, collection apart; most of them for")
    for file in sorted(by_file, key=by_file.__getitem__, reverse=True)[:_FILES_SHOWN]:
        terminalreporter.write_line(f"{by_file[file]:6.1f} s  {file}")
