"""Connections that read: lent to one request at a time, and again after one that failed."""

from collections.abc import Iterator

import duckdb
import pytest

from emulator import Eventhouse
from emulator.engine.running.connections import ReadConnections
from emulator.errors import KustoError
from emulator.work import Work
from tests.emulator.engine.endless import ENDLESS, canceled_soon


@pytest.fixture
def connections() -> Iterator[ReadConnections]:
    database = duckdb.connect()
    opened = ReadConnections(database.cursor)
    yield opened
    opened.close()
    database.close()


def failing(connections: ReadConnections, *statements: str, closes: bool = False) -> duckdb.DuckDBPyConnection:
    """Return the connection of a request that failed after its statements, perhaps closed."""
    lent: list[duckdb.DuckDBPyConnection] = []

    def fail() -> None:
        with connections.lend() as connection:
            lent.append(connection)
            for statement in statements:
                connection.execute(statement)
            if closes:
                connection.close()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    return lent[0]


@pytest.mark.parametrize(
    "statements",
    [(), ("begin",), ("begin read only", "select * from range(100000)"), ("select * from range(100000)",)],
)
def test_a_connection_is_lent_again_after_a_failure(connections: ReadConnections, statements: tuple[str, ...]) -> None:
    failed = failing(connections, *statements)
    with connections.lend() as lent:
        assert lent is failed
        lent.begin()
        lent.commit()


def test_a_connection_that_is_of_no_use_is_not_lent_again(connections: ReadConnections) -> None:
    failed = failing(connections, closes=True)
    with connections.lend() as lent:
        assert lent is not failed
        assert lent.execute("select 1").fetchall() == [(1,)]


@pytest.mark.slow
def test_a_connection_that_was_interrupted_is_used_again() -> None:
    opened = Eventhouse.open(None)
    opened.query("print 1")
    (before,) = opened._core._readers._idle
    for _ in range(3):
        work = Work()
        with canceled_soon(work), pytest.raises(KustoError, match="E_QUERY_CANCELLED"):
            opened.query(ENDLESS, work=work)
        assert opened.query("print a = 1; print b = 2")[1].records() == [{"b": 2}]
    assert opened._core._readers._idle == [before]
    opened.close()
