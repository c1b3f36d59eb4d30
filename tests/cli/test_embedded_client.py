"""The client of an Eventhouse in this process: what goes to the engine, in which lane, and for how long."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import pytest

from cli.composition.embedded import EmbeddedEventhouse
from emulator.context import NO_PROPERTIES, RequestProperties
from emulator.engine.eventhouse import Eventhouse
from emulator.lanes.lanes import Lanes
from emulator.result import ResultTable
from emulator.types import Scalar
from emulator.work import Work
from kql.client import IngestionResult
from tests.cli.test_printing import table

FIRST, SECOND = table({"N": Scalar.LONG}, (1,)), table({"N": Scalar.LONG}, (2,))


class Lane:
    """Runs what it is given, and writes down in which lane and with how many seconds."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def run(work: Work, call: Callable[[Work], object]) -> object:
            self.asked.append((name, round(work.seconds_left or 0)))
            return call(work)

        return run

    async def close(self) -> None:
        self.asked.append("closed")


class Engine:
    def __init__(self, asked: list[object]) -> None:
        self.asked = asked

    @contextmanager
    def announced(
        self, text: str, work: Work, *, database: str, properties: RequestProperties = NO_PROPERTIES
    ) -> Iterator[None]:
        assert work.seconds_left is not None
        self.asked.append(("announced", text, database, properties.parameters))
        yield
        self.asked.append("over")

    def query(
        self, text: str, *, database: str, properties: RequestProperties, work: Work
    ) -> tuple[ResultTable, ResultTable]:
        assert work.seconds_left is not None
        self.asked.append((text, database, properties.parameters, properties.options))
        return FIRST, SECOND

    def command(self, text: str, *, database: str, work: Work) -> ResultTable:
        assert work.seconds_left is not None
        self.asked.append((text, database))
        return FIRST

    def ingest(self, name: str, data: bytes, *, format: str, mapping: str | None, database: str, work: Work) -> int:
        assert work.seconds_left is not None
        self.asked.append((name, data, format, mapping, database))
        return 7

    def close(self) -> None:
        self.asked.append("engine closed")


def client(lanes: Lane, *, owns_engine: bool = False) -> EmbeddedEventhouse:
    engine = cast("Eventhouse", Engine(lanes.asked))
    return EmbeddedEventhouse(engine, "D", owns_engine=owns_engine, lanes=cast("Lanes", lanes))


@pytest.mark.parametrize(("options", "seconds"), [(None, 240), ({"servertimeout": "00:00:07"}, 7)])
async def test_a_query_is_asked_in_its_lane_for_as_long_as_it_may_take(
    options: Mapping[str, object] | None, seconds: int
) -> None:
    lanes = Lane()
    here = client(lanes)
    assert await here.query_all("print 1", parameters={"a": 1}, options=options) == (FIRST, SECOND)
    # It is listed from the moment on when it waits for the lane.
    assert lanes.asked == [
        ("announced", "print 1", "D", {"a": 1}),
        ("query", seconds),
        ("print 1", "D", {"a": 1}, options or {}),
        "over",
    ]
    assert (await here.query("print 1"), here.database) == (FIRST, "D")


@pytest.mark.parametrize(
    ("text", "lane"),
    [
        (".create table T (X: long)", "control"),
        (".append T <| print 1", "command"),
        (".show tables | count", "query"),
        (".show tables", "urgent"),
        ('.cancel query "a"', "urgent"),
    ],
)
async def test_a_command_goes_to_the_lane_of_its_kind_also_where_a_query_is_asked(text: str, lane: str) -> None:
    lanes = Lane()
    here = client(lanes)
    assert await here.command(text) == FIRST
    assert await here.query_all(text) == (FIRST,)
    assert await here.query(text) == FIRST
    assert lanes.asked == [("announced", text, "D", {}), (lane, 600), (text, "D"), "over"] * 3


async def test_a_batch_is_ingested_in_its_lane() -> None:
    lanes = Lane()
    assert await client(lanes).ingest("T", b"1", format="csv", mapping="m") == IngestionResult(7)
    assert lanes.asked == [("ingest", 600), ("T", b"1", "csv", "m", "D")]


@pytest.mark.parametrize(("owns_engine", "expected"), [(False, ["closed"]), (True, ["closed", "engine closed"])])
async def test_a_client_closes_the_engine_that_it_owns(owns_engine: bool, expected: list[str]) -> None:
    lanes = Lane()
    await client(lanes, owns_engine=owns_engine).close()
    assert lanes.asked == expected
