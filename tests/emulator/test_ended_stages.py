"""Every stage of compiling ends with its work, however long the text is."""

from collections.abc import Callable

import pytest

from emulator.binder.bind import bind_query
from emulator.binder.entities import NoEntities
from emulator.emit.relations import emit_query
from emulator.errors import CancelFault
from emulator.optimize.narrow import narrowed
from emulator.optimize.request_values import separated
from emulator.sql.render import render
from emulator.syntax.lexer import scan
from emulator.syntax.parser import parse_query
from emulator.work import Work, doing
from tests.emulator.conformance_adapter import NoStorage

TEXT = (
    "declare query_parameters(p: long = 1); print x = p + 1, y = dynamic([1, 2]) | where x > p | summarize sum(x) by x"
)
QUERY = parse_query(TEXT)
(PLAN,) = bind_query(QUERY, NoEntities()).results
SQL = emit_query(PLAN, NoStorage()).query
STAGES: dict[str, Callable[[], object]] = {
    "scan": lambda: scan("1"),
    "scan a dynamic literal": lambda: scan("dynamic([1])"),
    "parse": lambda: parse_query(TEXT),
    "bind": lambda: bind_query(QUERY, NoEntities()),
    "narrow": lambda: narrowed(PLAN),
    "separate": lambda: separated(PLAN),
    "emit": lambda: emit_query(PLAN, NoStorage()),
    "render": lambda: render(SQL),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_ends_with_its_work(stage: str) -> None:
    STAGES[stage]()
    canceled = Work()
    canceled.cancel()
    with pytest.raises(CancelFault), doing(canceled):
        STAGES[stage]()


class Counted(Work):
    """Work that counts how often it is asked whether it has to end."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    @property
    def is_over(self) -> bool:
        """Count, and go on."""
        self.asked += 1
        return False


def asked(stage: Callable[[], object]) -> int:
    work = Counted()
    with doing(work):
        stage()
    return work.asked


LONG: dict[str, Callable[[int], str]] = {
    "terms": lambda size: "print x = 1 | where " + " or ".join(f"x == {i}" for i in range(size)),
    "columns": lambda size: "print " + ", ".join(f"c{i} = {i}" for i in range(size)),
    "operators": lambda size: "print x = 1" + "| take 9" * size,
    "list": lambda size: f"print x = 1 | where x in ({', '.join(map(str, range(size)))})",
    "union": lambda size: "union " + ", ".join(f"(print x = {i})" for i in range(size)),
}


@pytest.mark.parametrize("text", LONG)
def test_longer_texts_ask_more_often_in_every_stage(text: str) -> None:
    # Narrowing goes from operator to operator, and takes the terms of one together.
    within_one = text in ("columns", "list")
    for stage in (parsed, bound, *(() if within_one else (narrow,)), emitted, rendered):
        few, many = (asked(stage(LONG[text](size))) for size in (10, 40))
        assert many >= few + 30, stage


def parsed(text: str) -> Callable[[], object]:
    return lambda: parse_query(text)


def bound(text: str) -> Callable[[], object]:
    query = parse_query(text)
    return lambda: bind_query(query, NoEntities())


def narrow(text: str) -> Callable[[], object]:
    (plan,) = bind_query(parse_query(text), NoEntities()).results
    return lambda: narrowed(plan)


def emitted(text: str) -> Callable[[], object]:
    (plan,) = bind_query(parse_query(text), NoEntities()).results
    return lambda: emit_query(plan, NoStorage())


def rendered(text: str) -> Callable[[], object]:
    (plan,) = bind_query(parse_query(text), NoEntities()).results
    query = emit_query(plan, NoStorage()).query
    return lambda: render(query)
