"""Which functions of the project run, in order: what the walks of the documents are held to."""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType

from tests.documents.reading import ROOT, code_in, document, table_with_head

HEAD = ("file", "functions", "what happens")
Call = tuple[str, str]
"""A file of the project and the qualified name of a function in it."""


def walk(path: str, name: str, folder: str = "") -> list[Call]:
    """Return the functions that a walk names, in order; its files lie below the folder."""
    _, found, rest = document(path).partition(f"<!-- walk: {name} -->\n")
    assert found, f"{path} has no walk '{name}'"
    rows = table_with_head(rest.partition("\n\n")[0] + "\n", *HEAD)
    return [
        (f"{folder}{file}", function)
        for cell, functions, _ in rows
        for file in code_in(cell)
        for function in code_in(functions)
    ]


@dataclass(slots=True)
class Calls:
    """The functions that ran, or went on after waiting, while it was recording."""

    names: list[Call] = field(default_factory=list)
    is_recording: bool = False

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call, as Python's profiler tells of it."""
        if self.is_recording and event == "call":
            found = _name(frame.f_code)
            if found is not None:
                self.names.append(found)

    def in_order(self, wanted: Iterable[Call]) -> list[Call]:
        """Return how far the wanted calls stand in order among those that were noted."""
        noted = iter(self.names)
        return list(_until_missing(wanted, noted))


def _until_missing(wanted: Iterable[Call], noted: Iterator[Call]) -> Iterator[Call]:
    for call in wanted:
        if call not in noted:
            return
        yield call


def _name(code: CodeType) -> Call | None:
    folder = f"{ROOT}/"
    if not code.co_filename.startswith(folder):
        return None
    return code.co_filename.removeprefix(folder), code.co_qualname


@contextmanager
def profiled() -> Iterator[Calls]:
    """Note calls of this thread and of those that start meanwhile."""
    calls = Calls()
    before = sys.getprofile()
    sys.setprofile(calls.note)
    threading.setprofile(calls.note)
    try:
        yield calls
    finally:
        threading.setprofile(None)
        sys.setprofile(before)
