"""Memory is bounded: Kusto's caps, ranges that stream, what fits of a result, and queries that need too much."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import Eventhouse
from emulator.context import RequestProperties
from emulator.engine.session.memory import MemoryLimits
from emulator.errors import LimitFault, QueryTooComplex, SemanticFault
from emulator.memory import bound_process, machine_memory
from emulator.result import TruncationFault
from emulator.syntax.parser import MAX_QUERY_TEXT
from emulator.types import MAX_ITEMS

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("query", "length"),
    [
        ("print n = array_length(range(1, 100000000))", MAX_ITEMS),
        ("print n = array_length(range(100000000, 1, -7))", MAX_ITEMS),
        ("print n = array_length(range(0.0, 1e9, 0.5))", MAX_ITEMS),
        ("print n = array_length(range(datetime(2000-01-01), datetime(2026-01-01), 1s))", MAX_ITEMS),
        ("print n = array_length(range(9223372036854775800, 9223372036854775807, 3))", 3),
        ("print n = array_length(range(-9223372036854775800, -9223372036854775807, -4))", 2),
        ("print n = array_length(repeat(1, 300000000))", MAX_ITEMS),
        ("print n = array_length(repeat('ab', 3))", 3),
        ("print n = array_length(repeat(1, -1))", None),
        ("print n = strlen(strrep('ab', 5000))", 2048),
        ("range x from 1 to 1048580 step 1 | summarize n = array_length(make_list(x))", MAX_ITEMS),
        ("range x from 1 to 1048580 step 1 | summarize n = array_length(make_list(x, 2000000))", MAX_ITEMS),
        ("range x from 1 to 1048580 step 1 | summarize n = array_length(make_list_with_nulls(x))", MAX_ITEMS),
        ("range x from 1 to 1048580 step 1 | summarize n = array_length(make_set(x))", MAX_ITEMS),
        ("range x from 1 to 1048580 step 1 | summarize n = array_length(make_set_if(x, x > 0))", MAX_ITEMS),
        ("range x from 1 to 9 step 1 | summarize n = array_length(make_list(x, 4))", 4),
    ],
)
@pytest.mark.slow
def test_arrays_and_texts_are_cut_where_kusto_cuts_them(
    query: str, length: int | None, empty_database: Eventhouse
) -> None:
    assert empty_database.query(query)[0].records() == [{"n": length}]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("range x from 1 to 1000000000000 step 1 | take 3", [1, 2, 3]),
        ("range x from 1 to 1000000000000 step 1 | where x % 2 == 0 | extend y = x | project x | take 3", [2, 4, 6]),
        ("range x from 1000000000000 to 1 step -1 | take 2", [1000000000000, 999999999999]),
        ("let n = toscalar(print 7); range x from 1 to n step 3", [1, 4, 7]),
        ("let n = toscalar(print 0); range x from 1 to n step 1", []),
        ("let n = toscalar(print -5000000); range x from 1 to n step 1", []),
        ("let n = toscalar(print 5); range x from 1 to n step 0", []),
        ("let n = toscalar(print 3000000); range x from 1 to n step 1 | summarize x = sum(x)", [4500001500000]),
        ("let n = toscalar(print 1048577); range x from 1 to n step 1 | summarize x = max(x)", [1048577]),
        ("let n = toscalar(print 2049); range x from 1 to n step 1 | where x in (1, 1024, 1025, 2048, 2049)", None),
        ("range x from 1 to 100000 step 1 | sort by x desc | take 2", [100000, 99999]),
    ],
)
def test_a_long_range_streams(query: str, rows: list[int] | None, empty_database: Eventhouse) -> None:
    found = [record["x"] for record in empty_database.query(query)[0].records()]

    assert found == ([1, 1024, 1025, 2048, 2049] if rows is None else rows)


@pytest.mark.parametrize(
    ("query", "size", "kept"),
    [
        ("set truncationmaxrecords = 3; range x from 1 to 1000 step 1", None, 3),
        # Eight bytes a row, and a bit that says whether it is null.
        ("range x from 1 to 1000 step 1", 800, 98),
        ("print x = strrep('a', 1000)", 10, 0),
        ("range n from 1 to 5 step 1 | project x = strrep('a', 995)", 2010, 2),
        ("set truncationmaxrecords = 50; range x from 1 to 1000 step 1", 800, 50),
    ],
)
def test_what_fits_of_a_result_comes_with_the_fault(
    query: str, size: int | None, kept: int, empty_database: Eventhouse
) -> None:
    properties = RequestProperties(options={"truncationmaxsize": size})
    with pytest.raises(TruncationFault) as caught:
        empty_database.query(query, properties=properties)

    assert [len(table.records()) for table in caught.value.tables] == [kept]
    assert caught.value.code == "E_QUERY_RESULT_SET_TOO_LARGE"


@pytest.fixture(scope="module")
def small() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None, memory=256 * MIB)
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "bomb",
    [
        "range x from 1 to 100000 step 1 | extend l = repeat(x, 1048576) | summarize max(array_length(l))",
        "range x from 1 to 2000 step 1 | extend l = range(x, x + 1000000) | mv-expand l | summarize max(tolong(l))",
        "print s = strrep('0123456789', 1024)" + " | extend s = strcat(s, s)" * 17 + " | project strlen(s)",
        "range x from 1 to 1000000000 step 1 | summarize l = make_list(x) | project array_length(l)",
    ],
)
def test_a_query_that_needs_too_much_ends_and_others_go_on(bomb: str, small: Eventhouse) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(LimitFault) as caught:
        small.query(bomb, properties=RequestProperties(options={"servertimeout": "00:01:00"}))

    assert caught.value.code == "E_RUNAWAY_QUERY"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024 * 1024  # kilobytes
    assert small.query("print x = 1")[0].records() == [{"x": 1}]


LONG_TEXT = "strrep(strrep('x', 1024), 1024)"


def grown(levels: int) -> str:
    """Return texts that are each three times the one within."""
    return "print x = " + "strrep(pack_array(" * levels + "'x'" + "), 3, dynamic([1]))" * levels


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bomb", "function"),
    [
        ("print repeat(strrep('x', 1024), 1048576)", "repeat"),
        (f"print strrep({LONG_TEXT}, 1024)", "strrep"),
        (f"print strrep('x', 1024, {LONG_TEXT})", "strrep"),
        (f"range n from 1 to 2 step 1 | extend x = {LONG_TEXT} | project strlen(strrep(x, 100 + n * 20))", "strrep"),
        (grown(40), "strrep"),
    ],
)
def test_many_copies_of_a_long_text_are_refused(empty_database: Eventhouse, bomb: str, function: str) -> None:
    with pytest.raises(SemanticFault) as caught:
        empty_database.query(bomb)

    most = {"repeat": 134_217_728, "strrep": 8_388_608}[function]
    assert caught.value.message == f"A value cannot be computed: {function}: more than {most} bytes"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("print strlen(strrep(strrep('x', 1024), 1024))", 1 << 20),
        ("print strlen(strrep(strrep('x', 1000), 100, strrep('y', 10)))", 100_990),
        ("print strrep(tostring(now() > now()), 2, tostring(1))", "False1False"),
        ("print strrep('x', -1)", ""),
    ],
)
def test_copies_of_a_text_that_are_few_enough_are_made(empty_database: Eventhouse, text: str, answer: object) -> None:
    assert list(empty_database.query(text)[0].rows()) == [(answer,)]


def test_a_text_of_too_many_characters_is_refused_before_it_is_read(empty_database: Eventhouse) -> None:
    with pytest.raises(QueryTooComplex) as caught:
        empty_database.query("print 1".ljust(MAX_QUERY_TEXT + 1))

    assert (caught.value.code, caught.value.message) == (
        "E_QUERY_TOO_COMPLEX",
        "The query is too long: its text has 2,000,001 characters, of 2,000,000 that it may have",
    )
    assert list(empty_database.query("print 1".ljust(MAX_QUERY_TEXT))[0].rows()) == [(1,)]


@pytest.mark.parametrize(
    "text",
    [".set New <| print 1", ".create function F() { 1 }", ".show tables | count", ".ingest inline into table T with ("],
)
def test_a_command_has_as_many_characters_as_a_query(empty_database: Eventhouse, text: str) -> None:
    with pytest.raises(QueryTooComplex) as caught:
        empty_database.command(text.ljust(MAX_QUERY_TEXT) + "x")

    assert (caught.value.code, caught.value.message) == (
        "E_QUERY_TOO_COMPLEX",
        "The command is too long: its text has 2,000,001 characters, of 2,000,000 that it may have",
    )


def test_a_command_of_a_script_has_as_many_characters_as_a_query(empty_database: Eventhouse) -> None:
    inner = ".set New <| print 1".ljust(MAX_QUERY_TEXT) + "x"
    (outcome,) = empty_database.command(f".execute database script <|\n{inner}").records()
    assert (outcome["Result"], str(outcome["Reason"]).partition(", of")[0]) == (
        "Failed",
        "Limit exceeded: E_QUERY_TOO_COMPLEX: The command is too long: its text has 2,000,001 characters",
    )


@pytest.mark.slow
def test_data_and_scripts_may_be_longer_than_a_query(empty_database: Eventhouse) -> None:
    empty_database.command(".create table T (A: long)")
    empty_database.command(".ingest inline into table T <| 1".ljust(MAX_QUERY_TEXT + 10))
    commands = "\n\n".join(f".set-or-append T <| print {number}".ljust(900_000) for number in range(3))
    empty_database.command(f".execute database script <|\n{commands}")
    assert sorted(empty_database.query("T")[0].rows()) == [(0,), (1,), (1,), (2,)]


@pytest.mark.slow
def test_a_large_sort_spills_beside_the_data_in_place_of_filling_memory(tmp_path: Path) -> None:
    opened = Eventhouse.open(tmp_path / "data", memory=256 * MIB)
    try:
        found = opened.query("range x from 1 to 3000000 step 1 | sort by hash(x) asc | serialize | summarize max(x)")
    finally:
        opened.close()

    assert found[0].records() == [{"max_x": 3000000}]


@pytest.mark.slow
def test_what_nothing_counts_fails_in_a_process_that_is_bounded() -> None:
    # Arrays of constants, which DuckDB computes while it plans.
    arrays = "array_concat(" + ", ".join(["l"] * 8) + ")"
    query = (
        f"print l = repeat(dynamic([1]), 1048576) | extend l = {arrays} | extend l = {arrays} | project array_length(l)"
    )
    script = f"""
from emulator import Eventhouse
from emulator.errors import KustoError
from emulator.memory import bound_process

eventhouse = Eventhouse.open(None)
bound_process(512 * 1024 * 1024)
try:
    print(eventhouse.query({query!r})[0].records())
except KustoError as fault:
    print(fault.code)
print(eventhouse.query("print x = 1")[0].records())
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ended.stdout.splitlines() == ["E_RUNAWAY_QUERY", "[{'x': 1}]"]


def test_limits_are_shares_of_what_there_is(tmp_path: Path) -> None:
    there = MemoryLimits.of(tmp_path, 1000 * MIB)
    in_memory = MemoryLimits.of(None, 1000 * MIB)

    assert (there.buffers, in_memory.buffers, in_memory.spilled) == (600 * MIB, 600 * MIB, 0)
    assert 0 < there.query < there.buffers
    assert there.spilled > 0
    assert MemoryLimits.of(None).buffers == int(machine_memory() * 0.6)


def test_a_lower_limit_of_the_process_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (700, 900)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.update(now=new))

    bound_process(10)

    assert limits == {"now": (700, 900)}


def test_a_limit_of_addresses_counts_as_less_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_AS: (4096 * MIB, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)

    # What DuckDB and threads reserve without using it is among the addresses.
    assert machine_memory() == 2560 * MIB
