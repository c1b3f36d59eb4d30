"""Long chains of functions of serialized rows: SQL of linear size, and the rows of the operators one by one."""

from collections.abc import Iterator
from random import Random

import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.optimize import sharing
from tests.emulator.prices import Prices

CHAINS = {
    "prev": "extend A{0} = prev(A{1})",
    "independent": "extend A{0} = prev(Size, {0})",
    "filters": "extend A{0} = next(A{1}) | where A{0} != {0}",
    "serialize": "serialize A{0} = row_number() + A{1}",
}


def chain(step: str, count: int) -> str:
    steps = " | ".join(step.format(number, number - 1) for number in range(1, count + 1))
    return f"Days | sort by Size asc | extend A0 = Size | {steps}"


@pytest.mark.slow
@pytest.mark.parametrize("step", CHAINS.values(), ids=CHAINS)
def test_twice_as_many_operators_are_twice_as_much_sql(step: str) -> None:
    prices = Prices()
    shorter, longer = (len(prices.sql(chain(step, count))) for count in (96, 192))
    assert longer < 2.2 * shorter


@pytest.mark.slow
def test_a_chain_whose_end_is_read_alone_joins_nothing() -> None:
    sql = Prices().sql(f"{chain(CHAINS['prev'], 70)} | project A70")
    assert " JOIN " not in sql


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table Days (Size: long)")
    opened.ingest("Days", b"5\n3\n8\n1\n9\n2\n", format="csv")
    yield opened
    opened.close()


def rows(eventhouse: Eventhouse, text: str) -> tuple[list[str], list[tuple[object, ...]]]:
    (answer,) = eventhouse.query(text)
    return list(answer.schema.names), list(answer.rows())


@pytest.mark.slow
@pytest.mark.parametrize("by_group", [False, True], ids=["all", "groups"])
def test_a_chain_has_the_values_of_its_operators(eventhouse: Eventhouse, by_group: bool) -> None:
    count = 100
    steps = " | ".join(
        f"extend A{number} = A{number - 1} + prev(A{number - 1}, 1, 0)" for number in range(1, count + 1)
    )
    names = ["Size", *(f"A{number}" for number in range(count + 1))]
    columns = f"extend A0 = Size % 10 | {steps} | extend A1 = A1 * 2 | project {', '.join(names)}"
    expected: list[tuple[object, ...]] = []
    groups = [[1, 3, 5, 9], [2, 8]] if by_group else [[1, 2, 3, 5, 8, 9]]
    for sizes in groups:
        table = [sizes]
        for _ in range(count):
            last = table[-1]
            table.append([value + (last[place - 1] if place else 0) for place, value in enumerate(last)])
        table[1] = [2 * value for value in table[1]]
        expected += [(size, *values) for size, *values in zip(sizes, *table, strict=True)]
    if by_group:
        text = f"Days | extend G = Size % 2 | partition by G (sort by Size asc | {columns})"
        assert rows(eventhouse, f"{text} | sort by Size % 2 desc, Size asc") == (names, expected)
    else:
        assert rows(eventhouse, f"Days | sort by Size asc | {columns}") == (names, expected)


VALUES = [
    "prev({a}, 1, 0) + {b}",
    "next({a})",
    "row_cumsum({a} % 5, {b} % 2 == 0)",
    "row_number() + {a}",
    "row_rank_dense({a})",
    "prev(next({a}, 1, 1), 1, 2)",
    "prev({a} + {b}) + toscalar(Days | count)",
    "iff(row_cumsum({a}) in ((Days | project Size)), {a}, {b})",
    "{a} % 13",
]


def any_chain(random: Random) -> str:
    names, steps = ["Size"], []
    for number in range(random.choice([90, 120, 170])):
        if number % 40 == 39:
            steps.append(f"where {random.choice(names)} % 17 != 3")
        if number % 50 == 49:
            names = random.sample(names, len(names) - 3)
            steps.append(f"project {', '.join(names)}")
        value = random.choice(VALUES).format(a=random.choice(names), b=random.choice(names))
        name = f"A{number}" if random.random() < 0.8 else random.choice(names)
        steps.append(f"{random.choice(['extend', 'serialize'])} {name} = coalesce({value}, 3) % 1000")
        names += [name] if name not in names else []
    source = random.choice(["Days | sort by Size asc", "range Size from 1 to 6 step 1", "Days | top 5 by Size"])
    ends = ["", " | take 3", f" | project {names[-1]}, {names[0]}", f" | summarize sum({names[-1]}), count()"]
    return f"{source} | {' | '.join(steps)}{random.choice(ends)}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_any_chain_has_the_rows_that_it_has_operator_by_operator(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    text = any_chain(Random(seed))  # noqa: S311 - no secret
    in_blocks = rows(eventhouse, text)
    monkeypatch.setattr(sharing, "in_blocks", lambda plan, _: plan)
    # Another text, as the first one is compiled.
    assert rows(eventhouse, f"{text} ") == in_blocks
