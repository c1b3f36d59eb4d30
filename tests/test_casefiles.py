"""The one reader of case files: what it reads, what it refuses, and what --update-cases writes."""

from pathlib import Path

import pytest

from tests.casefiles import FOLDER, Case, CaseFile, Fault, Step, cases_in, check, read

MAY_ONLY_SUCCEED = ("commands", "ingestion")
FILES = sorted(FOLDER.rglob("*.txt"))
TEXT = """\
Notes.

< T(a: long)
. 1

== first
> a
.
. b
\\
\\> not a text
\\\\ one
< csv T
! words
! others

== second
>
answer
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "some.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_file_stands_as_it_would_be_written(file: Path) -> None:
    assert read(file).text() == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_file_says_in_notes_where_its_answers_are_from(file: Path) -> None:
    assert read(file).notes


def test_only_commands_and_payloads_may_go_without_an_answer() -> None:
    unanswered = {
        case.path.parent.name
        for case in cases_in("**")
        for step in case.steps
        if step.answer is None and not step.faults
    }
    assert unanswered == set(MAY_ONLY_SUCCEED)


def test_what_is_read(path: Path) -> None:
    first = Case(
        path, "first", (Step(">", "a\n\nb", "\n> not a text\n\\ one"), Step("<", "csv T", None, ("words", "others")))
    )
    second = Case(path, "second", (Step(">", "", "answer"),))
    assert read(path) == CaseFile(path, ("Notes.",), (Step("<", "T(a: long)\n1"),), (first, second))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("== a\nanswer\n", "notes stand before"),
        ("== a\n! words\n", "no text before"),
        ("== a\n> x\nanswer\n! words\n", "a fault has no answer"),
        ("== a\n> x\n! words\nanswer\n", "a fault has no answer"),
        ("== a\n> x\nanswer\n. y\n", "answered already"),
        ("== a\n> x\n== a\n> y\n", "two cases of one title"),
        ("== a\n", "without a text"),
    ],
)
def test_what_is_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (Step(">", "", "1\n2"), "1\n2\n3"),
        (Step(">", "", "1\n2"), "0\n1\n2"),
        (Step(">", "", "1\n2"), "1"),
        (Step(">", "", "1\n2"), "2\n1"),
        (Step(">", "", ""), "null"),
        (Step(">", "", "1"), Fault("1")),
        (Step(">", ""), Fault("1")),
        (Step(">", "", None, ("words",)), "words"),
        (Step(">", "", None, ("words", "others")), Fault("words")),
    ],
)
def test_an_answer_is_right_as_a_whole_or_wrong(path: Path, step: Step, found: str | Fault) -> None:
    with pytest.raises(AssertionError):
        check(Case(path, "", (step,)), 0, found)


def test_an_update_writes_what_differs_and_nothing_else(path: Path) -> None:
    first, second = read(path).cases
    check(first, 0, "1\n\n2", update=True)
    check(first, 1, Fault("the words and the others\nline"), update=True)
    check(second, 0, Fault("refused\nhint"), update=True)
    old, new = "\\\n\\> not a text\n\\\\ one\n", "1\n\\\n2\n"
    assert path.read_text(encoding="utf-8") == TEXT.replace(old, new).replace("\nanswer\n", "\n! refused\n")
