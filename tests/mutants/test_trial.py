"""When a change counts as noticed, tried in a small tree of its own."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from tests.mutants import noting, warm
from tests.mutants.sites import Site, sites
from tests.mutants.trial import Mutant, Verdict, Workplace
from tests.mutants.warm import Function, inside_function

pytestmark = pytest.mark.slow

MODULE = """
def size(x):
    return x + 1

def unused():
    return 7 * 2

class Kept:
    @staticmethod
    def of(x):
        return [x for each in range(3)]

of = Kept.of

def twice(x):
    return x * 2

FOUR = twice(2)
"""
TESTS = """
from pathlib import Path
import pytest
from kql.part import size, twice

def test_another():
    pass

def test_broken():
    assert False

@pytest.mark.parametrize("text", ["a | b - c"])
def test_size(text):
    assert size(1) == 2

def test_now_and_then():
    tried = Path(__file__).parent / "tried"
    is_first = not tried.exists()
    tried.touch()
    assert not is_first

def test_kept():
    from kql.part import of
    assert of("a") == ["a", "a", "a"]

@pytest.mark.slow
def test_of_a_part():
    assert twice(3) == 6
"""
TEST = "tests/kql/test_part.py::"
SIZE = f"{TEST}test_size[a | b - c]"


class Told:
    """Names the tests that run a line, in place of a record."""

    def __init__(self, *tests: str, on_import: bool) -> None:
        self._tests = tests
        self._on_import = on_import
        self.written = inf

    def tests_of(self, path: str, line: int) -> list[str]:
        assert path == "kql/part.py"
        return [f"{TEST}{test}" for test in self._tests]

    def runs_on_import(self, path: str, lines: range) -> bool:
        assert path == "kql/part.py"
        return self._on_import or lines == range(16, 17)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    tree = tmp_path / "tree"
    for package in ("api", "cli", "emulator", "kql", "producer", "tests/kql", "tests/api", "tests/mutants"):
        (tree / package).mkdir(parents=True)
        (tree / package / "__init__.py").touch()
    (tree / "tests/__init__.py").touch()
    (tree / "kql/part.py").write_text(MODULE, encoding="utf-8")
    (tree / "tests/kql/test_part.py").write_text(TESTS, encoding="utf-8")
    for plugin in (noting, warm):
        shutil.copy(str(plugin.__file__), tree / "tests/mutants")
    (tree / "pytest.ini").write_text("[pytest]\nmarkers = slow\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    subprocess.run(["git", "add", "."], cwd=tree, check=True)
    monkeypatch.chdir(tree)
    copy = tmp_path / "copy"
    copy.mkdir()
    opened = Workplace(copy)
    yield opened
    opened.close()


def _site(before: str) -> Site:
    return next(site for site in sites(MODULE) if site.before == before)


def _tried(place: Workplace, before: str, *tests: str, on_import: bool = False) -> Verdict:
    return place.tried(Mutant("kql/part.py", _site(before)), Told(*tests, on_import=on_import))


@pytest.mark.parametrize("on_import", [False, True])
def test_a_change_is_noticed_by_a_test_that_fails_for_it_alone(place: Workplace, on_import: bool) -> None:
    tests = ("test_another", "test_broken", "test_now_and_then", "test_size[a | b - c]")
    verdict = _tried(place, "+", *tests, on_import=on_import)
    assert (verdict.failed, verdict.tests) == (SIZE, 4)


@pytest.mark.parametrize("on_import", [False, True])
def test_tests_of_the_folder_follow_and_the_copy_is_put_back(place: Workplace, tmp_path: Path, on_import: bool) -> None:
    file = tmp_path / "copy/tests/kql/test_part.py"
    file.write_text(TESTS.replace("def test_another", "def test_broken_too"), encoding="utf-8")
    assert _tried(place, "7 * 2", "test_gone", on_import=on_import).failed is None
    assert file.read_text(encoding="utf-8") == TESTS
    assert (tmp_path / "copy/kql/part.py").read_text(encoding="utf-8") == MODULE


def test_a_function_that_lost_its_comprehension_is_changed_where_it_is_bound(place: Workplace) -> None:
    assert _tried(place, "[x for each in range(3)]", "test_kept").failed == f"{TEST}test_kept"


def test_slow_tests_of_files_that_name_the_module_come_last(place: Workplace) -> None:
    verdict = _tried(place, "x * 2")
    assert verdict.failed is None
    assert place.tried_slowly(verdict).failed == f"{TEST}test_of_a_part"


def test_a_test_that_ends_the_process_has_failed(place: Workplace, tmp_path: Path) -> None:
    ending = Mutant("kql/part.py", replace(_site("x + 1"), after="__import__('os')._exit(0)"))
    told = Told("test_another", "test_size[a | b - c]", on_import=False)
    assert place.tried(ending, told).failed == SIZE


def test_functions_are_found_with_their_classes_and_without_their_defaults() -> None:
    text = "class Ä:\n    @d('ü')\n    def f(s, b=1):\n        return 'ä' + \\\n            s\ng = 2\n"
    found = [inside_function(text, text.index(mark)) for mark in ("1", "s\ng", "2", "'ä'")]
    function = Function("Ä.f", 2, range(4, 6))
    assert found == [None, function, None, function]
