"""Case files: texts that go in, and what has to come out; one dialect for all of tests/cases, see tests/README.md.

    Notes: what the file is about, and where the truth of its answers comes from.

    == title of a case
    > text that goes in
    . its next line
    answer
    > another text
    ! words of a fault

`< ` begins a payload instead of a text. What stands before the first `==` is for all cases of the file. An answer line
that is empty or looks like a mark has `\\` before it; empty lines without count for nothing.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from emulator.errors import KustoError

FOLDER = Path(__file__).parent / "cases"
TEXT, PAYLOAD = ">", "<"
_MARK = re.compile(r"(==|[><.!])(?: |$)")


@dataclass(frozen=True, slots=True)
class Fault:
    """The text of an error where an answer was asked for."""

    text: str


def outcome(run: Callable[[], str]) -> str | Fault:
    """Return the answer of a function, or the fault that it raises."""
    try:
        return run()
    except KustoError as error:
        return Fault(str(error))


@dataclass(frozen=True, slots=True)
class Step:
    """What goes in, and the whole answer or words of the fault; neither where it only has to succeed."""

    kind: str
    text: str
    answer: str | None = None
    faults: tuple[str, ...] = ()

    def updated(self, found: str | Fault) -> "Step":
        """Return the step as it should read if what was found is right; what agrees already stays as it is."""
        if self.agrees(found):
            return self
        if isinstance(found, Fault):
            return replace(self, answer=None, faults=(found.text.splitlines()[0],))
        return replace(self, answer=found, faults=())

    def agrees(self, found: str | Fault) -> bool:
        """Tell whether what was found is the whole answer, or a fault that holds all the words."""
        if isinstance(found, Fault):
            return bool(self.faults) and all(words in found.text for words in self.faults)
        return not self.faults and self.answer in (None, found)


@dataclass(frozen=True, slots=True)
class Case:
    path: Path
    title: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"{self.path.stem}: {self.title}"

    @property
    def step(self) -> Step:
        (only,) = self.steps
        return only


@dataclass(frozen=True, slots=True)
class CaseFile:
    path: Path
    notes: tuple[str, ...]
    preparation: tuple[Step, ...]
    cases: tuple[Case, ...]

    def text(self) -> str:
        """Return the file as it is written."""
        blocks = ["\n".join(self.notes), *(_written(step) for step in self.preparation)]
        blocks += ["\n".join([f"== {case.title}", *map(_written, case.steps)]) for case in self.cases]
        return "\n\n".join(filter(None, blocks)) + "\n"


@dataclass(slots=True)
class _Block:
    title: str = ""
    notes: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def read(path: Path) -> CaseFile:
    """Read a case file; an assertion names the line that is none of the dialect's."""
    head, *blocks = _blocks(path)
    cases = tuple(Case(path, block.title, tuple(block.steps)) for block in blocks)
    titles = [case.title for case in cases]
    assert len(set(titles)) == len(titles), f"{path} has two cases of one title"
    assert all(case.steps for case in cases), f"{path} has a case without a text"
    return CaseFile(path, tuple(head.notes), tuple(head.steps), cases)


def read_folder(name: str) -> list[CaseFile]:
    """Read all files of a folder of tests/cases."""
    return [read(path) for path in sorted((FOLDER / name).glob("*.txt"))]


def cases_in(*names: str) -> list[Case]:
    """Return all cases of folders or files of tests/cases."""
    paths = [path for name in names for path in sorted(FOLDER.glob(name if name.endswith(".txt") else f"{name}/*.txt"))]
    return [case for path in paths for case in read(path).cases]


def check(case: Case, position: int, found: str | Fault, *, update: bool = False) -> None:
    """Compare what was found with a step's whole answer, or write it into the file."""
    step = case.steps[position]
    if update:
        _write(case, position, step.updated(found))
        return
    if not step.agrees(found):
        expected = [f"! {words}" for words in step.faults] or step.answer
        assert (f"! {found.text}" if isinstance(found, Fault) else found) == expected, f"{case}\n{step.text}"


def _write(case: Case, position: int, step: Step) -> None:
    old = read(case.path)
    (stands,) = (each for each in old.cases if each.title == case.title)
    written = replace(stands, steps=(*stands.steps[:position], step, *stands.steps[position + 1 :]))
    cases = tuple(written if each is stands else each for each in old.cases)
    case.path.write_text(replace(old, cases=cases).text(), encoding="utf-8")


def _blocks(path: Path) -> Iterator[_Block]:
    block = _Block()
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        mark, rest = (found[1], line[found.end() :]) if (found := _MARK.match(line)) else ("", line)
        if mark == "==":
            yield block
            block = _Block(rest)
        elif mark in (TEXT, PAYLOAD):
            block.steps.append(Step(mark, rest))
        elif line and block.steps:
            block.steps[-1] = _with_line(block.steps[-1], mark, rest, f"{path}:{number}")
        elif line:
            assert not mark, f"{path}:{number}: there is no text before this line"
            assert not block.title, f"{path}:{number}: notes stand before the first case"
            block.notes.append(line)
    yield block


def _with_line(step: Step, mark: str, rest: str, place: str) -> Step:
    if mark == ".":
        assert step.answer is None, f"{place}: the text has been answered already"
        assert not step.faults, f"{place}: the text has been answered already"
        return replace(step, text=f"{step.text}\n{rest}")
    assert mark != "!" or step.answer is None, f"{place}: a fault has no answer"
    if mark == "!":
        return replace(step, faults=(*step.faults, rest))
    assert not step.faults, f"{place}: a fault has no answer"
    line = rest.removeprefix("\\")
    return replace(step, answer=line if step.answer is None else f"{step.answer}\n{line}")


def _written(step: Step) -> str:
    first, *rest = step.text.split("\n")
    lines = [f"{step.kind} {first}".rstrip(" ") if not first else f"{step.kind} {first}"]
    lines += [f". {line}" if line else "." for line in rest]
    lines += [f"! {words}" for words in step.faults]
    if step.answer is not None:
        lines += [_escaped(line) for line in step.answer.split("\n")]
    return "\n".join(lines)


def _escaped(line: str) -> str:
    return f"\\{line}" if not line or line.startswith("\\") or _MARK.match(line) else line
