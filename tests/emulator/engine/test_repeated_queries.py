"""Queries that come again: each with its own parameters, moment, rows and limits, whatever was kept of the last one."""

from collections.abc import Iterator

import pytest

from emulator.context import RequestProperties
from emulator.engine.catalog.records import Database
from emulator.engine.commands.dispatch import run_command
from emulator.engine.core import Core
from emulator.engine.ingestion.payload import Payload
from emulator.result import TruncationFault

TEXTS = [
    "",
    "AAPL",
    "it's",
    "'); DROP TABLE t; --",
    "\\x27 $p1 $$ \\",
    'say "x"',
    "a\0b",
    "line\r\nline\t",
    "Zürich – 東京 😀",
    "x" * 1_024,
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Core]:
    opened = Core.open(None)
    opened.writer.change(lambda transaction: transaction.put(Database("D")))
    yield opened
    opened.close()


@pytest.fixture
def core(shared: Core) -> Core:
    run_command(shared, ".drop table T ifexists", "D")
    run_command(shared, ".create table T (X: long)", "D")
    add(shared, 1, 2, 3, 4, 5)
    shared.query("T", "D")
    return shared


def add(core: Core, *numbers: int) -> None:
    core.ingest("D", "T", Payload("\n".join(map(str, numbers)).encode(), "csv", None))


def rows(core: Core, text: str, **parameters: str | int) -> list[tuple[object, ...]]:
    return list(core.query(text, "D", RequestProperties(parameters=parameters))[0].rows())


@pytest.mark.parametrize("text", [*TEXTS, "x" * 2_000])
def test_a_query_sees_its_own_parameters(core: Core, text: str) -> None:
    query = "declare query_parameters(a: string, b: long); T | where X <= b | extend A = a, B = b, C = a"
    for number in (1, 2, 3, 2):
        expected = [(each + 1, text, number, text) for each in range(number)]
        assert sorted(rows(core, query, a=text, b=number)) == expected


def test_a_query_sees_new_rows_and_another_moment(core: Core) -> None:
    moments, numbers = set(), set()
    for count in range(5, 10):
        ((found, moment, number),) = rows(core, "T | summarize count() | extend now(), rand()")
        assert found == count
        moments.add(moment)
        numbers.add(number)
        add(core, count + 1)
    assert len(moments) == len(numbers) == 5


def test_a_query_sees_a_changed_schema(core: Core) -> None:
    for _ in range(3):
        assert rows(core, "T | top 1 by X") == [(5,)]
    run_command(core, ".alter-merge table T (Y: string)", "D")
    for _ in range(3):
        assert rows(core, "T | top 1 by X") == [(5, "")]
    run_command(core, ".drop table T", "D")
    run_command(core, ".create table T (X: long)", "D")
    add(core, 7)
    for _ in range(3):
        assert rows(core, "T | top 1 by X") == [(7,)]


def test_a_result_ends_at_the_limit_of_its_request(core: Core) -> None:
    for _ in range(3):
        with pytest.raises(TruncationFault, match="limit of 3 records") as caught:
            core.query("T | sort by X asc", "D", RequestProperties(options={"truncationmaxrecords": 3}))
        (table,) = caught.value.tables
        assert list(table.rows()) == [(1,), (2,), (3,)]
        assert rows(core, "T | sort by X asc") == [(1,), (2,), (3,), (4,), (5,)]
