"""The recipes as they are read: every line that they show and every commit that they name is there."""

import re
import subprocess

import pytest

from tests.recipes.project import ROOT, Hunk, code_recipes

SHOWN = [
    pytest.param(hunk, id=f"{heading}: {hunk.path}")
    for heading, changes in code_recipes("CONTRIBUTING.md").items()
    for hunk in changes
    if hunk.before
]


@pytest.mark.parametrize("hunk", SHOWN)
def test_the_lines_that_a_recipe_shows_are_in_one_place(hunk: Hunk) -> None:
    text = (ROOT / hunk.path).read_text(encoding="utf-8")
    assert f"\n{text}".count(f"\n{hunk.before}") == 1, hunk.before


def git(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(("git", "-C", str(ROOT), *arguments), capture_output=True, text=True, check=False)


def test_the_commits_that_recipes_name_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    examples = re.findall(r"^Worked example: (.*?\.)$", text, re.MULTILINE | re.DOTALL)
    assert len(examples) == text.count("\n### ")
    named = {" ".join(each.split()) for example in examples for each in re.findall(r'"(.*?)"', example, re.DOTALL)}
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("needs the whole history")
    assert named - set(git("log", "--format=%s").stdout.splitlines()) == set()
