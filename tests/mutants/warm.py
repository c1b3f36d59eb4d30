"""A pytest that has collected the quick tests and stays: each change is tried in a fork of it.

To start, import and collect takes 3 to 4 s of CPU, most tests that notice a change milliseconds. The fork puts the
changed function's code into the functions that are loaded. What importing has computed with a function before stays as
it was: where it runs any line of the function, which the record of lines tells, a change that lives here is tried again
in a process that imports the changed module.
"""

import ast
import gc
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TypeAlias

import pytest

# The environment's name for the two ends of pipes that the process reads requests from and writes answers to.
_PIPES = "TICKHOUSE_MUTANTS_PIPES"
# Without a test that ends: quick tests take 0.1 s of CPU, and a busy machine gives a process 5 % of a core.
_SECONDS = 60
# How a fork ends whose tests have passed: not by an end that a changed function might come to.
_PASSED = 77

# The functions of a file, by name and first line: a decorator may have made several of one.
_Loaded: TypeAlias = dict[tuple[str, str, int], list[FunctionType]]


class NotLoaded(Exception):
    """A function is not loaded, or cannot have the changed code."""


@dataclass(frozen=True, slots=True)
class Function:
    """An outermost function of a module: its name with its classes', and the lines of its body."""

    name: str
    first_line: int
    body: range


def inside_function(text: str, start: int) -> Function | None:
    """Return the outermost function whose body has the character at `start`, or None."""
    line_start = text.rfind("\n", 0, start) + 1
    # The columns of the tree count bytes.
    position = (text.count("\n", 0, start) + 1, len(text[line_start:start].encode()))
    return next((found for found, begin, end in _functions(ast.parse(text), "") if begin <= position < end), None)


def _functions(
    parent: ast.Module | ast.ClassDef, prefix: str
) -> Iterator[tuple[Function, tuple[int, int], tuple[int, int]]]:
    for node in parent.body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, last = node.body[0], node.body[-1]
            end = (last.end_lineno or last.lineno, last.end_col_offset or 0)
            first_line = min(each.lineno for each in (node, *node.decorator_list))
            body = range(first.lineno, end[0] + 1)
            yield Function(prefix + node.name, first_line, body), (first.lineno, first.col_offset), end


class WarmTests:
    """The process that has collected the quick tests of a folder, and forks for each change."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        options = ["-q", "-m", "not slow", "--capture=sys", "-p", "no:cacheprovider", "-p", "tests.mutants.warm"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, "tests"],
            cwd=folder,
            env={**environment, _PIPES: f"{requests},{answers}"},
            pass_fds=(requests, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(requests)
        os.close(answers)
        self._lines = os.fdopen(self._answers)

    def failed(
        self, tests: list[str], passed_over: set[str], change: tuple[str, str, Function | None] | None
    ) -> str | None:
        """Return the first test that fails with a module's text changed inside a function; names of files and folders
        stand for their tests, unknown names for none.

        A test that ends the process or takes longer than a minute has failed. Raises NotLoaded where the change cannot
        be made.
        """
        path, text, function = change or ("", "", None)
        name, first_line = (function.name, function.first_line) if function else ("", 0)
        request = json.dumps([tests, sorted(passed_over), path, text, name, first_line])
        os.write(self._requests, f"{request}\n".encode())
        answer = self._lines.readline()
        if not answer:
            raise RuntimeError("the tests could not be collected")
        failed, reason = json.loads(answer)
        if reason is not None:
            raise NotLoaded(reason)
        return None if failed is None else str(failed)

    def close(self) -> None:
        """End the process."""
        os.close(self._requests)
        self._process.wait()
        self._lines.close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Answer requests in place of running what was collected, until there are no more."""
    requests, answers = (int(each) for each in os.environ.pop(_PIPES).split(","))
    loaded = _loaded()
    # Or the garbage collection of each fork would copy all of the memory.
    gc.freeze()

    with os.fdopen(requests) as lines, os.fdopen(answers, "w") as out:
        for line in lines:
            out.write(json.dumps(_answer(session, loaded, *json.loads(line))) + "\n")
            out.flush()
    return True


def _answer(
    session: pytest.Session, loaded: _Loaded, tests: list[str], passed_over: list[str], *change: Any
) -> tuple[str | None, str | None]:
    by_name = {item.nodeid: item for item in session.items}
    items = [by_name[test] for test in tests if test in by_name]
    within = tuple(f"{test}{mark}" for test in tests if test not in by_name for mark in ("/", "::"))
    items += [item for item in session.items if item.nodeid.startswith(within)] if within else []
    items = [item for item in items if item.nodeid not in set(passed_over)]
    temporary = tempfile.mkdtemp(prefix="mutant")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run(session, items, loaded, change, temporary, writing)
    os.close(writing)
    said = _said(reading, child)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    shutil.rmtree(temporary, ignore_errors=True)
    if said and said[-1].startswith("!"):
        return None, said[-1]
    return (said[-1] if said and status != _PASSED else None), None


def _said(reading: int, child: int) -> list[str]:
    """Return the lines that a child writes; it is killed where none comes for long."""
    said = b""
    while True:
        ready, _, _ = select.select([reading], [], [], _SECONDS)
        if not ready:
            os.kill(child, signal.SIGKILL)
            break
        part = os.read(reading, 65536)
        if not part:
            break
        said += part
    os.close(reading)
    return [json.loads(line) for line in said.splitlines()]


def _run(
    session: pytest.Session,
    items: list[pytest.Item],
    loaded: _Loaded,
    change: tuple[Any, ...],
    temporary: str,
    out: int,
) -> None:
    """Run tests in a fork until one fails, and end it with that; never returns."""
    code = 1
    # Whatever a changed function raises, the fork may not go on as the parent.
    with suppress(BaseException):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = temporary
        reason = _change(loaded, *change) if change[0] else None
        if reason is not None:
            _say(out, f"!{reason}")
            os._exit(1)
        for item, following in zip_longest(items, items[1:]):
            _say(out, item.nodeid)
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed or session.shouldfail or session.shouldstop:
                os._exit(1)
        code = _PASSED
    os._exit(code)


def _say(out: int, line: str) -> None:
    os.write(out, (json.dumps(line) + "\n").encode())


def _loaded() -> _Loaded:
    found: _Loaded = defaultdict(list)
    for each in gc.get_objects():
        if type(each) is FunctionType:
            found[_key(each.__code__)].append(each)
    return found


def _key(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _change(loaded: _Loaded, path: str, text: str, name: str, first_line: int) -> str | None:
    """Put a function's changed code in place of what is loaded, or return why that is not possible."""
    key = str(Path(path).resolve()), name, first_line
    codes = [code for code in _codes(compile(text, key[0], "exec")) if _key(code) == key]
    functions = loaded.get(key, [])
    if len(codes) != 1 or not functions:
        return f"{len(codes)} codes, {len(functions)} functions"
    for function in functions:
        try:
            function.__code__ = codes[0]
        except ValueError as fault:
            return str(fault)
    return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)
