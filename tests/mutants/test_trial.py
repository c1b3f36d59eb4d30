"""When a change counts as noticed, tried in a small tree of its own."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.mutants import noting
from tests.mutants.sites import Site, sites
from tests.mutants.trial import Mutant, Verdict, Workplace

pytestmark = pytest.mark.slow

MODULE = """
def size(x):
    return x + 1

def unused():
    return 7 * 2
"""
TESTS = """
from pathlib import Path
import pytest
from kql.part import size

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
"""
TEST = "tests/kql/test_part.py::"
SIZE = f"{TEST}test_size[a | b - c]"


class Told:
    """Names the tests that run a line, in place of a record."""

    def __init__(self, *tests: str) -> None:
        self._tests = tests

    def tests_of(self, path: str, line: int) -> list[str]:
        assert (path, line) in {("kql/part.py", 3), ("kql/part.py", 6)}
        return [f"{TEST}{test}" for test in self._tests]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    tree = tmp_path / "tree"
    for package in ("api", "cli", "emulator", "kql", "producer", "tests/kql", "tests/api", "tests/mutants"):
        (tree / package).mkdir(parents=True)
        (tree / package / "__init__.py").touch()
    (tree / "tests/__init__.py").touch()
    (tree / "kql/part.py").write_text(MODULE, encoding="utf-8")
    (tree / "tests/kql/test_part.py").write_text(TESTS, encoding="utf-8")
    shutil.copy(noting.__file__, tree / "tests/mutants/noting.py")
    (tree / "pytest.ini").touch()
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    subprocess.run(["git", "add", "."], cwd=tree, check=True)
    monkeypatch.chdir(tree)
    copy = tmp_path / "copy"
    copy.mkdir()
    return Workplace(copy)


def _site(before: str) -> Site:
    return next(site for site in sites(MODULE) if site.before == before)


def _tried(place: Workplace, before: str, *tests: str) -> Verdict:
    return place.tried(Mutant("kql/part.py", _site(before)), Told(*tests))


def test_a_change_is_noticed_by_a_test_that_fails_for_it_alone(place: Workplace) -> None:
    verdict = _tried(place, "+", "test_another", "test_broken", "test_now_and_then", "test_size[a | b - c]")
    assert (verdict.failed, verdict.tests) == (SIZE, 4)


def test_tests_of_the_folder_follow_and_the_copy_is_put_back(place: Workplace, tmp_path: Path) -> None:
    file = tmp_path / "copy/tests/kql/test_part.py"
    file.write_text(TESTS.replace("def test_another", "def test_broken_too"), encoding="utf-8")
    assert _tried(place, "*", "test_gone").failed is None
    assert file.read_text(encoding="utf-8") == TESTS
    assert (tmp_path / "copy/kql/part.py").read_text(encoding="utf-8") == MODULE
