"""On how many cores statements run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from emulator.binder.bind import bind_query
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database
from emulator.engine.commands.dispatch import run_command
from emulator.engine.core import Core
from emulator.engine.ingestion.payload import Payload
from emulator.engine.session import cores as cores_module
from emulator.engine.session import workload as workload_module
from emulator.engine.session.cores import Cores
from emulator.engine.session.memory import MemoryLimits
from emulator.engine.session.workload import TableSizes, Workload
from emulator.syntax.parser import parse_query

MANY = 200_000
ALL = 3


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores_module, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(workload_module, "_SIZES_SECONDS", 0.0)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": ALL}) as opened:
        opened.execute("CREATE TABLE few AS SELECT range AS a FROM range(1000)")
        opened.execute("CREATE TABLE hundred AS SELECT range AS a FROM range(100)")
        opened.execute('CREATE TABLE "many$parts" AS SELECT range AS a FROM range($many)', {"many": MANY})
        yield opened


@pytest.fixture
def core() -> Iterator[Core]:
    opened = Core(lambda: duckdb.connect(":memory:", config={"threads": ALL}), MemoryLimits.of(None), None, None)
    opened.writer.change(lambda transaction: transaction.put(Database("D")))
    run_command(opened, ".create table T (X: long)", "D")
    yield opened
    opened.close()


def threads(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.cursor().execute("SELECT current_setting('threads')").fetchall()[0][0])


def load(*reads: str, joined: tuple[str, str] | None = None) -> Workload:
    return Workload(frozenset(reads), () if joined is None else ((frozenset({joined[0]}), frozenset({joined[1]})),))


def cores_of(connection: duckdb.DuckDBPyConnection) -> Cores:
    return Cores(connection, TableSizes(connection))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (load(), 1),
        (load("few"), 1),
        (load("few", "many"), ALL),
        (load("unknown"), ALL),
        (load("few", joined=("few", "few")), ALL),
        (load("few", "hundred", joined=("few", "hundred")), 1),
    ],
)
def test_a_statement_gets_the_cores_that_it_can_use(
    connection: duckdb.DuckDBPyConnection, wanted: Workload, expected: int
) -> None:
    cores = cores_of(connection)
    for _ in range(2):
        with cores.fit(wanted):
            assert threads(connection) == expected
    with cores.fit(load("few")):
        assert threads(connection) == 1


def test_a_small_statement_takes_no_core_from_a_large_one(connection: duckdb.DuckDBPyConnection) -> None:
    cores = cores_of(connection)
    with cores.fit(load("many")):
        with cores.fit(load("many")):
            pass
        with cores.fit(load("few")):
            assert threads(connection) == ALL
    cores.rest()
    assert threads(connection) == 1


def test_all_cores_stay_for_a_while(connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores_module, "_QUIET_SECONDS", 3600.0)
    cores = cores_of(connection)
    with cores.fit(load("many")):
        pass
    with cores.fit(load("few")):
        assert threads(connection) == ALL


def test_one_core_is_left_as_it_is() -> None:
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        cores = cores_of(connection)
        for each in (load("unknown"), load()):
            with cores.fit(each):
                assert threads(connection) == 1


@pytest.mark.slow
def test_statements_side_by_side_change_the_cores_and_keep_their_answers(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    cores = cores_of(connection)
    sums = {"few": "SELECT sum(a) FROM few", "many": 'SELECT sum(a) FROM "many$parts"'}

    def total(name: str) -> set[int]:
        cursor = connection.cursor()
        found = set()
        for _ in range(100):
            with cores.fit(load(name)):
                found |= {cursor.execute(sums[name]).fetchall()[0][0]}
        return found

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(total, ["few", "many", "few", "many"]))
    assert found == [{499_500}, {MANY * (MANY - 1) // 2}] * 2
    cores.rest()
    assert threads(connection) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("T | where X > 1 | summarize count() by X | top 3 by X", []),
        ("union T, (T | extend X = toscalar(T | summarize max(X)))", []),
        ("range X from 1 to 10 step 1", []),
        ("T | join (print X = 1) on X", [("T", "")]),
        ("T | join T on X | join T on X", [("T", "T"), ("T", "T")]),
        ("T | where X in (T | lookup T on X | project X)", [("T", "T")]),
    ],
)
def test_a_load_knows_the_joins_of_its_query(core: Core, query: str, expected: list[tuple[str, str]]) -> None:
    (plan,) = bind_query(parse_query(query), Entities(core.database("D"))).results
    names = {core.database("D").tables["T"].relation: "T"}
    joined = Workload.of(plan, ()).joined
    assert [tuple("".join(names[each] for each in side) for side in sides) for sides in joined] == expected


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "expected"), [(500, 1), (1_000, ALL)])
def test_a_join_of_many_pairs_gets_all_cores(core: Core, rows: int, expected: int) -> None:
    core.ingest("D", "T", Payload("\n".join(map(str, range(rows))).encode(), "csv", None))
    (answer,) = core.query("T | join kind=inner T on X | count", "D")
    assert answer.records() == [{"Count": rows}]
    assert threads(core._connection) == expected


@pytest.mark.slow
def test_an_eventhouse_works_on_one_core_until_there_is_much_to_do(core: Core) -> None:
    connection = core._connection
    assert threads(connection) == ALL
    few, many = b'{"X": 1}\n{"X": 2}', "\n".join(map(str, range(MANY))).encode()
    core.ingest("D", "T", Payload(few, "json", None))
    core.ingest("D", "T", Payload(few, "json", None))
    assert threads(connection) == 1
    (answer,) = core.query("T | count", "D")
    assert answer.records() == [{"Count": 4}]
    assert threads(connection) == 1
    core.ingest("D", "T", Payload(many, "csv", None))
    assert threads(connection) == ALL
    core.ingest("D", "T", Payload(few, "json", None))
    assert threads(connection) == 1
    (answer,) = core.query("T | count", "D")
    assert answer.records() == [{"Count": MANY + 6}]
    assert threads(connection) == ALL


@pytest.mark.slow
def test_an_eventhouse_knows_at_once_that_a_table_is_no_longer_small(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workload_module, "_SIZES_SECONDS", 3600.0)
    core.ingest("D", "T", Payload(b'{"X": 1}', "json", None))
    core.query("T | count", "D")
    assert threads(core._connection) == 1
    core.ingest("D", "T", Payload("\n".join(map(str, range(MANY))).encode(), "csv", None))
    core.query("print 1", "D")
    assert threads(core._connection) == 1
    core.query("T | count", "D")
    assert threads(core._connection) == ALL


def test_no_thread_is_ended_while_a_statement_runs_that_counts_as_small(connection: duckdb.DuckDBPyConnection) -> None:
    # It reads no table and may take minutes all the same; whoever ended a thread of its would wait for it.
    cores = cores_of(connection)
    with cores.fit(load()):
        assert threads(connection) == 1
        with cores.fit(load("many")):
            pass
        cores.rest()
        assert threads(connection) == ALL
        with cores.fit(load("few")):
            assert threads(connection) == ALL
    cores.rest()
    assert threads(connection) == 1
