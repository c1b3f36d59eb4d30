"""What waits for the writer: which jobs a commit takes, what becomes of each, and where marks move."""

import pyarrow as pa
import pytest

from emulator import Eventhouse
from emulator.engine.failures import ViewAborted
from emulator.engine.storage.rows import ArrowRows
from emulator.engine.writing import writer as writing
from emulator.engine.writing.jobs import Job, TableChanged
from emulator.engine.writing.mark_header import read_marks, write_marks
from emulator.engine.writing.marks import IMMOVABLE, IMMOVABLE_CODE, StaleMark, Stretch
from emulator.engine.writing.writer import Writer
from emulator.errors import CancelFault, IngestionFault, KustoError
from emulator.types import LONG, Column, Schema
from emulator.work import Work

SCHEMA = Schema((Column("X", LONG),))


@pytest.fixture
def writer(empty_database: Eventhouse) -> Writer:
    empty_database.command(".create table T (X: long)")
    return empty_database._core.writer


def job(eventhouse: Eventhouse, *numbers: int, schema: Schema = SCHEMA, marks: dict[str, Stretch] | None = None) -> Job:
    rows = ArrowRows(pa.table({"X": pa.array(numbers, pa.int64())}))
    return Job(eventhouse._default, "T", schema, (rows,), marks or {}, work=Work())


def rows(eventhouse: Eventhouse) -> list[object]:
    return [x for (x,) in eventhouse.query("T | sort by X asc")[0].rows()]


def test_a_commit_takes_those_that_wait_up_to_its_most_rows(
    empty_database: Eventhouse, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_MAX_ROWS_PER_COMMIT", 5)
    jobs = [job(empty_database, *range(count)) for count in (2, 3, 1, 9, 6)]
    gone = job(empty_database, 7)
    gone.work.cancel("no longer wanted")
    writer._waiting.extend([jobs[0], gone, *jobs[1:]])
    assert writer.waiting == 6
    taken = [writer._next_jobs() for _ in range(5)]
    assert [[jobs.index(each) for each in together] for together in taken] == [[0, 1], [2], [3], [4], []]
    assert (gone.is_done, str(gone.fault)) == (
        True,
        str(CancelFault("Request is canceled: no longer wanted", "E_QUERY_CANCELLED")),
    )
    assert [each.is_done for each in jobs] == [False] * 5
    assert writer.waiting == 0


def test_who_leaves_is_out_of_the_queue_and_one_that_was_taken_up_is_not(
    empty_database: Eventhouse, writer: Writer
) -> None:
    first, second = job(empty_database, 1), job(empty_database, 2)
    writer._waiting.extend([first, second])
    assert [writer._leave(second), writer._leave(second)] == [True, False]
    assert list(writer._waiting) == [first]
    writer._waiting.clear()


def test_a_job_that_fails_does_so_alone(empty_database: Eventhouse, writer: Writer) -> None:
    good, bad, other = job(empty_database, 1), job(empty_database, 2, schema=Schema(())), job(empty_database, 3)
    stale = job(empty_database, 4, marks={"s": Stretch(5, 6)})
    writer._waiting.extend([good, bad, other])
    writer.add(stale_free := job(empty_database, 5, marks={"s": Stretch(None, 3)}))
    with pytest.raises(StaleMark):
        writer.add(stale)
    assert rows(empty_database) == [1, 3, 5]
    assert [each.is_done for each in (good, bad, other, stale_free, stale)] == [True] * 5
    assert isinstance(bad.fault, TableChanged)
    assert bad.fault.message == "Table 'T' was altered during the ingestion."
    assert [good.fault, other.fault, stale_free.fault] == [None] * 3
    assert stale.fault is not None


@pytest.mark.parametrize(
    ("stretch", "message", "code"),
    [
        (Stretch(None, 5), "The source 's' is stored up to 3, so that nothing goes on from None.", "TH_StaleMark"),
        (Stretch(2, 5), "The source 's' is stored up to 3, so that nothing goes on from 2.", "TH_StaleMark"),
        (Stretch(3, 3), "The mark of 's' cannot move from 3 to 3.", IMMOVABLE_CODE),
        (Stretch(3, 2), "The mark of 's' cannot move from 3 to 2.", IMMOVABLE_CODE),
        (Stretch(None, 0), "The mark of 's' cannot move from None to 0.", IMMOVABLE_CODE),
        (IMMOVABLE, "The mark of 's' cannot move from 1 to 1.", IMMOVABLE_CODE),
    ],
)
def test_a_mark_moves_on_from_where_it_is(
    empty_database: Eventhouse, writer: Writer, stretch: Stretch, message: str, code: str
) -> None:
    name = f"{empty_database._default}:s"
    writer.add(
        job(
            empty_database,
            1,
            marks={name: Stretch(None, 3)},
        )
    )
    with pytest.raises(KustoError) as caught:
        writer.add(job(empty_database, 2, marks={name: stretch}))
    fault = caught.value
    assert (fault.message.replace(name, "s"), fault.code) == (message, code)
    assert fault.hint == ("read the mark, and go on from there" if isinstance(fault, StaleMark) else "")
    assert rows(empty_database) == [1]
    writer.add(job(empty_database, 4, marks={name: Stretch(3, 4)}))
    assert rows(empty_database) == [1, 4]


def test_a_source_never_read_is_told_so(empty_database: Eventhouse, writer: Writer) -> None:
    with pytest.raises(StaleMark) as caught:
        writer.add(job(empty_database, 2, marks={"never": Stretch(1, 2)}))
    assert caught.value.message == "The source 'never' is not stored yet, so that nothing goes on from 1."


def test_a_view_that_fails_for_a_change_itself_fails_it(empty_database: Eventhouse, writer: Writer) -> None:
    def change(_: object) -> None:
        raise ViewAborted((empty_database._default, "V"), "why")

    with pytest.raises(IngestionFault) as caught:
        writer.change(change)
    fault = caught.value
    assert (fault.message, fault.code) == ("Materialized view 'V' failed: why", "BadRequest_MaterializedViewFailure")


@pytest.mark.parametrize(
    ("header", "marks"),
    [(None, {}), ("{}", {}), ('{"a": [null, 10], "b": [1, 2]}', {"a": Stretch(None, 10), "b": Stretch(1, 2)})],
)
def test_marks_in_a_header(header: str | None, marks: dict[str, Stretch]) -> None:
    assert read_marks(header) == marks
    assert read_marks(write_marks(marks)) == marks


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ('{"a": [true, 10]}', "[true, 10] is no stretch"),
        ('{"a": [1, false]}', "[1, false] is no stretch"),
        ('{"a": [1, null]}', "[1, null] is no stretch"),
        ('{"a": [1]}', "[1] is no stretch"),
        ("[]", "'list' object has no attribute 'items'"),
    ],
)
def test_a_header_that_says_no_marks(header: str, reason: str) -> None:
    with pytest.raises(KustoError) as caught:
        read_marks(header)
    fault = caught.value
    assert (fault.message, fault.code, fault.hint) == (
        f"The header 'x-th-marks' cannot be read: {reason}", "TH_Mark", 'it is JSON such as {"source": [null, 10]}'
    )  # fmt: skip
