"""What one emission shares, and when an operand is worth computing once."""

from collections.abc import Callable
from typing import cast

import pytest

from emulator.emit import context
from emulator.emit.context import Emission, Storage
from emulator.emit.relation import Relation
from emulator.functions.copies import Copies, Written
from emulator.sql.ast import Call, ColumnRef, Cte, Literal, Select, Sql, TableRef, With


def emission() -> Emission:
    return Emission(cast(Storage, None), cast(Callable[..., Relation], None))


def weighing(emitting: Emission, weight: int, *operands: tuple[Sql, int], once: tuple[Sql, ...] = ()) -> Sql:
    """Return SQL that is written with a weight, and with so many copies of its operands."""
    made = Call("made", (ColumnRef("x"),))
    copies = tuple(Copies(number, in_lambda=False) for _, number in operands)
    emitting.weigh(made, lambda: Written(copies, weight), tuple(sql for sql, _ in operands), once)
    return made


@pytest.mark.parametrize(
    ("weight", "number", "in_lambda", "is_dear"),
    [
        (100, 3, False, True),
        (100, 2, False, False),
        (199, 2, False, False),
        (200, 2, False, True),
        (1 << 50, 1, False, False),
        (8, 1, True, True),
        (7, 1, True, False),
        (8, 0, True, False),
        (200, 2, True, True),
        (7, 29, True, False),
        (7, 30, True, True),
    ],
)
def test_an_operand_is_dear_by_its_weight_and_its_copies(
    weight: int, number: int, in_lambda: bool, is_dear: bool
) -> None:
    emitting = emission()
    assert emitting.is_dear(weighing(emitting, weight), Copies(number, in_lambda=in_lambda)) is is_dear


@pytest.mark.parametrize("cheap", [ColumnRef("x"), Literal("1")])
def test_names_and_literals_are_never_dear(cheap: Sql) -> None:
    assert emission().is_dear(cheap, Copies(10**6, in_lambda=True)) is False


def test_a_weight_is_that_of_what_is_written_and_of_each_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    emitting = emission()
    small, large = weighing(emitting, 3), weighing(emitting, 10)
    unknown = Call("unknown", ())
    made = weighing(emitting, 5, (small, 4), (large, 1), once=(unknown, large))
    assert [emitting._weight(each) for each in (small, large, unknown, made)] == [3, 10, 1, 5 + 1 + 10 + 12 + 10]
    monkeypatch.setattr(context, "_HEAVIEST", 50)
    assert emitting._weight(weighing(emitting, 20, (made, 3))) == 50


def test_a_call_that_is_its_operand_is_not_made_of_itself() -> None:
    emitting = emission()
    itself = Call("itself", ())
    emitting.weigh(itself, lambda: Written((), 7), (itself,))
    assert emitting._weight(itself) == 1


def test_names_are_fresh_and_parameters_keep_theirs() -> None:
    emitting = emission()
    assert [emitting.alias(), emitting.alias("$p"), emitting.alias()] == ["t1", "$p2", "t3"]
    assert [emitting.parameter(name) for name in ("a", "b", "a")] == ["q_1", "q_2", "q_1"]


def test_what_is_read_twice_is_computed_once() -> None:
    emitting = emission()
    query = Select(())
    assert emitting.complete(query) is query
    names = [emitting.cte(query, "part"), emitting.cte(query, "part"), emitting.cte(query, "kept", materialized=True)]
    assert names == ["$part1", "$part2", "$kept3"]
    assert [emitting.table(name, "t") for name in (names[0], names[1], names[1])] == [
        TableRef((names[0],), "t"), TableRef((names[1],), "t"), TableRef((names[1],), "t")
    ]  # fmt: skip
    assert emitting.complete(query) == With(
        (Cte("$part1", query, False), Cte("$part2", query, True), Cte("$kept3", query, True)), query
    )
