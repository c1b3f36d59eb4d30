"""Payloads in Parquet and compressed ones; what a bad payload leaves behind."""

import gzip
import io
import json
import tracemalloc
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from emulator import Eventhouse
from emulator.engine.ingestion import delimited, target
from emulator.errors import IngestionFault, KustoError
from tests.emulator.engine.payloads import parquet

COLUMNS = (
    "A: long, B: string, C: real, D: bool, E: datetime, F: timespan, G: decimal, H: dynamic, I: guid, J: int,"
    " K: datetime"
)


@pytest.fixture
def eventhouse(empty_database: Eventhouse) -> Eventhouse:
    empty_database.command(f".create table T ({COLUMNS})")
    return empty_database


def rows(eventhouse: Eventhouse, query: str = "T") -> list[tuple[object, ...]]:
    return list(eventhouse.query(query)[0].rows())


def test_parquet_columns_by_name_whatever_their_arrow_type(eventhouse: Eventhouse) -> None:
    data = parquet(
        {
            "K": pa.array([date(2026, 1, 2), None]),
            "J": pa.array([7, None], pa.int16()),
            "I": pa.array(["74be27de-1e4e-49d9-b579-fe0b331d3642", "none"]),
            "H": pa.array([{"x": [1, 2]}, None]),
            "G": pa.array([Decimal("1.25"), None]),
            "F": pa.array([timedelta(seconds=1.5), None], pa.duration("ms")),
            "E": pa.array([datetime(2026, 1, 2, 3, tzinfo=UTC), None], pa.timestamp("ns", "America/New_York")),
            "D": pa.array([True, None]),
            "C": pa.array([1.5, None], pa.float32()),
            "B": pa.array(["x", None]).dictionary_encode(),
            "A": pa.array([2**40, None], pa.uint64()),
            "Z": pa.array([1, 2]),
        }
    )
    assert eventhouse.ingest("T", data, format="parquet") == 2
    guid = "74be27de-1e4e-49d9-b579-fe0b331d3642"
    dynamic = '{"x":[1,2]}'
    first = (2**40, "x", 1.5, True, datetime(2026, 1, 2, 3), 15_000_000, Decimal("1.25"), dynamic, guid, 7)  # noqa: DTZ001
    assert rows(eventhouse) == [
        (*first, datetime(2026, 1, 2)),  # noqa: DTZ001 - results are naive UTC
        (None, "", *[None] * 9),
    ]


def test_parquet_columns_of_each_arrow_type_of_a_kind(eventhouse: Eventhouse) -> None:
    eventhouse.command(
        ".create table Kinds (Large: string, View: string, Bytes: string, LargeBytes: string, Fixed: string,"
        " Latin: string, Seconds: timespan, Micros: timespan, Nanos: timespan, Long: timespan, Days: datetime,"
        " Millis: datetime, LastSecond: datetime, LastNano: datetime, FirstNano: datetime, Unsigned: decimal)"
    )
    data = parquet(
        {
            "Large": pa.array(["é"], pa.large_string()),
            "View": pa.array(["v"], pa.string_view()),
            "Bytes": pa.array(["é".encode()], pa.binary()),
            "LargeBytes": pa.array([b"large"], pa.large_binary()),
            "Fixed": pa.array([b"four"], pa.binary(4)),
            "Latin": pa.array([b"caf\xe9"]),
            "Seconds": pa.array([time(1, 2, 3)], pa.time32("s")),
            "Micros": pa.array([time(1, 2, 3, 4)], pa.time64("us")),
            "Nanos": pa.array([1_234], pa.duration("ns")),
            "Long": pa.array([timedelta(days=100)], pa.duration("s")),
            "Days": pa.array([date(2026, 1, 2)], pa.date64()),
            "Millis": pa.array([1_767_323_045_678], pa.timestamp("ms")),
            "LastSecond": pa.array([253_402_300_799], pa.timestamp("s")),
            "LastNano": pa.array([2**63 - 1], pa.timestamp("ns")),
            "FirstNano": pa.array([-(2**63) + 1], pa.timestamp("ns")),
            "Unsigned": pa.array([2**64 - 1], pa.uint64()),
        }
    )
    assert eventhouse.ingest("Kinds", data, format="parquet") == 1
    texts = ("é", "v", "é", "large", "four", "caf\ufffd")
    ticks = (37_230_000_000, 37_230_000_040, 12, 86_400_000_000_000)
    moments = (
        "2026-01-02T00:00:00", "2026-01-02T03:04:05.678000", "9999-12-31T23:59:59", "2262-04-11T23:47:16.854775",
        "1677-09-21T00:12:43.145225",
    )  # fmt: skip
    assert rows(eventhouse, "Kinds") == [(*texts, *ticks, *map(datetime.fromisoformat, moments), Decimal(2**64 - 1))]


def test_parquet_values_convert_to_the_column(eventhouse: Eventhouse) -> None:
    data = parquet(
        {
            "A": pa.array(["12", "x"]),
            "B": pa.array([5, None]),
            "C": pa.array([3, 4]),
            "E": pa.array(["2026-01-02T03:00:00", "never"]),
            "F": pa.array([time(1, 2, 3), None], pa.time32("s")),
            "J": pa.array([2.9, 1e300]),
        }
    )
    eventhouse.ingest("T", data, format="parquet")
    found = rows(eventhouse, "T | project A, B, C, tostring(E), tostring(F)")
    assert found == [(12, "5", 3.0, "2026-01-02T03:00:00.0000000Z", "01:02:03"), (None, "", 4.0, "", "")]


def test_a_mapping_renames_parquet_columns(eventhouse: Eventhouse) -> None:
    eventhouse.command(
        """.create table T ingestion parquet mapping "m"
        '[{"column": "A", "Properties": {"Path": "$.a"}}, {"column": "B", "Properties": {"Field": "b"}},'
        ' {"column": "E", "Properties": {"Path": "$.t", "Transform": "DateTimeFromUnixNanoseconds"}}]'"""
    )
    data = parquet({"a": pa.array([1]), "b": pa.array(["x"]), "t": pa.array([1_767_323_045_678_901_234])})
    eventhouse.ingest("T", data, format="parquet", mapping="m")
    found = rows(eventhouse, "T | project A, B, tostring(E)")
    assert found == [(1, "x", "2026-01-02T03:04:05.6789010Z")]


def test_a_mapping_reaches_into_parquet_values(eventhouse: Eventhouse) -> None:
    eventhouse.command(
        """.create table T ingestion parquet mapping "m"
        '[{"column": "A", "Properties": {"Path": "$.a.x[1]"}}, {"column": "B", "Properties": {"Path": "$.a.y"}},'
        ' {"column": "C", "Properties": {"Path": "$.none.x"}}, {"column": "H", "Properties": {"Path": "$.a.x"}}]'"""
    )
    data = parquet({"a": pa.array([{"x": [1, 2], "y": "text"}, {"x": [], "y": None}])})
    assert eventhouse.ingest("T", data, format="parquet", mapping="m") == 2
    assert rows(eventhouse, "T | project A, B, C, H") == [(2, "text", None, "[1,2]"), (None, "", None, "[]")]


@pytest.mark.parametrize(
    "data", [b"", b"PAR1 and then nothing", parquet({"A": pa.array([1])})[:-9]], ids=["empty", "text", "cut"]
)
def test_a_damaged_parquet_file_is_refused(eventhouse: Eventhouse, data: bytes) -> None:
    with pytest.raises(IngestionFault, match="not a readable Parquet file"):
        eventhouse.ingest("T", data, format="parquet")
    assert rows(eventhouse) == []


def test_a_parquet_file_without_rows_or_known_columns(eventhouse: Eventhouse) -> None:
    assert eventhouse.ingest("T", parquet({"A": pa.array([], pa.int64())}), format="parquet") == 0
    assert eventhouse.ingest("T", parquet({"Other": pa.array([1, 2])}), format="parquet") == 2
    assert rows(eventhouse, "T | project A, B") == [(None, ""), (None, "")]


def zipped(*files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, data in enumerate(files):
            archive.writestr(f"{number}.json", data)
    return buffer.getvalue()


LINE = b'{"A": 1}\n'


@pytest.mark.parametrize(
    "data",
    [gzip.compress(LINE), gzip.compress(LINE[:4]) + gzip.compress(LINE[4:]), zipped(LINE)],
    ids=["gz", "parts", "zip"],
)
def test_compression_is_seen_in_the_bytes(eventhouse: Eventhouse, data: bytes) -> None:
    assert eventhouse.ingest("T", data, format="json") == 1
    assert rows(eventhouse, "T | project A") == [(1,)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (gzip.compress(LINE)[:-4], "damaged"),
        (zipped(LINE)[:-30], "damaged"),
        (zipped(LINE, LINE), "holds 2 files"),
        (b"\xff\xfe", "not UTF-8"),
    ],
    # Compressed bytes carry the time of day, which has no place in the name of a test.
    ids=["gz", "zip", "two files", "bytes"],
)
def test_a_damaged_payload_is_refused(eventhouse: Eventhouse, data: bytes, problem: str) -> None:
    with pytest.raises(IngestionFault, match=problem):
        eventhouse.ingest("T", data, format="json")
    with pytest.raises(IngestionFault, match=problem):
        eventhouse.ingest("T", data, format="csv")
    assert rows(eventhouse) == []


def test_a_zip_archive_of_more_files_than_are_counted_is_refused(eventhouse: Eventhouse) -> None:
    # One file among folders is one file, as far as the directory is read.
    for folders, outcome in ((999, ""), (1_000, "it holds more than 1000 files")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for number in range(folders):
                archive.mkdir(str(number))
            archive.writestr("a.json", LINE)
        if not outcome:
            assert eventhouse.ingest("T", buffer.getvalue(), format="json") == 1
            continue
        with pytest.raises(IngestionFault) as caught:
            eventhouse.ingest("T", buffer.getvalue(), format="json")
        assert caught.value.message == f"The compressed payload is damaged: {outcome}."
        assert (caught.value.code, caught.value.permanent) == ("BadRequest_CorruptData", True)


@pytest.mark.slow
def test_a_zip_archive_that_says_less_than_it_holds_is_inflated_no_further(eventhouse: Eventhouse) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(64 << 20))
    data = bytearray(buffer.getvalue())
    size = data.rfind(b"PK\x01\x02") + 24
    data[size : size + 4] = (1000).to_bytes(4, "little")
    tracemalloc.start()
    with pytest.raises(IngestionFault) as caught:
        eventhouse.ingest("T", bytes(data), format="csv")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.message == "The compressed payload is damaged: Bad CRC-32 for file 'a.csv'."
    assert peak < 20 << 20


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_archive_is_of_deflate(eventhouse: Eventhouse, method: int) -> None:
    # Of the others 2 kB may be gigabytes, and they inflate all of it at once.
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.json", LINE)
    with pytest.raises(IngestionFault) as caught:
        eventhouse.ingest("T", buffer.getvalue(), format="json")
    assert caught.value.message == "The compressed payload is damaged: it is compressed by another method than deflate."
    assert (caught.value.code, caught.value.permanent) == ("BadRequest_CorruptData", True)


def test_decimals_of_more_digits_than_a_column_has(eventhouse: Eventhouse) -> None:
    numbers = pa.array([Decimal(12), None, Decimal(10**60)], pa.decimal256(70, 3))
    assert eventhouse.ingest("T", parquet({"A": numbers, "B": numbers, "G": numbers}), format="parquet") == 3
    assert rows(eventhouse, "T | project A, B, G") == [
        (12, "12.000", Decimal(12)),
        (None, "", None),
        (None, f"{10**60}.000", None),
    ]


def test_a_byte_order_mark_is_no_data(eventhouse: Eventhouse) -> None:
    eventhouse.ingest("T", b"\xef\xbb\xbf" + LINE, format="json")
    eventhouse.ingest("T", b"\xef\xbb\xbf2,x", format="csv")
    assert rows(eventhouse, "T | project A | sort by A asc") == [(1,), (2,)]


RECORDS: list[dict[str, object]] = [
    {"A": -(1 << 63), "B": "it's \\ \"quoted\" $line $1 '); DROP TABLE T; --", "C": 0.1, "D": True, "J": 7},
    {"B": "a\0b\n\t", "E": "2026-01-05T14:30:00.1234567Z", "F": "1.02:03:04", "G": "1.25", "C": "1e5"},
    {"B": "Zürich – 東京 😀 \u2028", "H": {"x": [1, {"y": "'"}]}, "I": "74be27de-1e4e-49d9-b579-fe0b331d3642"},
    {"A": None, "B": None, "C": None, "H": None},
    {},
    {"B": "x" * 2_000, "A": 5},
    {"B": "x" * (1_024 - len('{"B": ""}')), "A": 6},
    {"B": "short again"},
]


def test_lines_that_come_one_by_one_make_the_rows_of_those_that_come_together(eventhouse: Eventhouse) -> None:
    lines = [json.dumps(record).encode() for record in RECORDS]
    for line in lines:
        assert eventhouse.ingest("T", line, format="json") == 1
    one_by_one = sorted(map(repr, rows(eventhouse)))
    eventhouse.command(".clear table T data")
    eventhouse.ingest("T", b"\n".join(lines), format="json")
    assert sorted(map(repr, rows(eventhouse))) == one_by_one
    assert sorted(str(row[1]) for row in rows(eventhouse)) == sorted(str(record.get("B") or "") for record in RECORDS)


def test_a_field_may_be_longer_than_the_reader_of_rows_takes_by_itself(eventhouse: Eventhouse) -> None:
    long = b"x" * 131_073
    for data in (b"1,a,2\n2," + long, b"2," + long + b"\n1,a\n", b'1,a\n2,"' + long + b'"'):
        assert eventhouse.ingest("T", data, format="csv") == 2
        assert rows(eventhouse, "T | project A, strlen(B) | sort by A asc") == [(1, 1), (2, 131_073)]
        eventhouse.command(".clear table T data")


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        ("csv", '5,{long},7\n6,"short",8\n'),
        ("csv", '5,"{long}",7\n6,short\n'),
        ("tsve", "5\t{long}\n6\tshort\n"),
        ("json", '{{"A":5,"B":"{long}"}}\n{{"A":6,"B":"short"}}'),
        ("multijson", '[{{"A":5,"B":"{long}"}},\n{{"A":6,"B":"short"}}]'),
    ],
)
def test_a_text_above_a_megabyte_is_cut_at_a_character(eventhouse: Eventhouse, format_: str, data: str) -> None:
    # Two bytes a character, and one before them: the last character that begins below the limit does not end there.
    assert eventhouse.ingest("T", data.format(long="x" + "é" * MEGABYTE).encode(), format=format_) == 2
    found = rows(eventhouse, "T | sort by A asc | project A, B")
    assert found == [(5, "x" + "é" * (MEGABYTE // 2 - 1)), (6, "short")]


@pytest.mark.slow
def test_a_text_of_a_megabyte_is_whole_and_a_larger_dynamic_value_is_null(eventhouse: Eventhouse) -> None:
    text, items = "y" * MEGABYTE, list(range(MEGABYTE // 2))
    lines = [json.dumps({"A": 1, "B": text, "H": [1]}), json.dumps({"A": 2, "B": "z", "H": items})]
    assert eventhouse.ingest("T", "\n".join(lines).encode(), format="json") == 2
    assert eventhouse.ingest("T", parquet({"A": pa.array([3]), "B": pa.array([text + "e"])}), format="parquet") == 1
    assert rows(eventhouse, "T | sort by A asc | project A, B, H") == [
        (1, text, "[1]"),
        (2, "z", None),
        (3, text, None),
    ]


NO_TIMES = (
    "infinity", "-infinity", "epoch", "5", "2026-11-29T10:00:00+25:00", "9999-12-31T23:59:59-10:00",
    "0001-01-01T00:00:00+10:00", "10000-01-01", "0000-01-01T00:00:00", "0000-01-01", "9999-12-31T24:00:00Z", "99999",
)  # fmt: skip
FIRST_MOMENT = datetime(1, 1, 1)  # noqa: DTZ001 - results are naive UTC
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001 - results are naive UTC


@pytest.mark.parametrize("format_", ["csv", "tsv", "psv", "tsve", "json", "many lines", "multijson", "parquet"])
def test_times_that_are_none_are_null_in_every_format(eventhouse: Eventhouse, format_: str) -> None:
    times = [*NO_TIMES, "9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00"]
    numbers = list(range(len(times)))
    separator = {"csv": ",", "psv": "|"}.get(format_, "\t")
    match format_:
        case "parquet":
            data = parquet({"A": pa.array(numbers), "E": pa.array(times)})
        case "json" | "many lines":
            lines = [json.dumps({"A": number, "E": time}) for number, time in zip(numbers, times, strict=True)]
            data = "\n".join(lines + ["{}"] * (5_000 if format_ == "many lines" else 0)).encode()
        case "multijson":
            data = json.dumps([{"A": number, "E": time} for number, time in zip(numbers, times, strict=True)]).encode()
        case _:
            fields = [[str(number), "", "", "", time] for number, time in zip(numbers, times, strict=True)]
            data = "\n".join(map(separator.join, fields)).encode()
    eventhouse.ingest("T", data, format="json" if format_ == "many lines" else format_)
    found = rows(eventhouse, "T | where isnotnull(A) | sort by A asc | project E")
    assert found == [*[(None,)] * len(NO_TIMES), (LAST_MOMENT,), (FIRST_MOMENT,)]


def test_parquet_times_of_any_unit_beyond_the_datetimes_are_null(eventhouse: Eventhouse) -> None:
    first, last = -62_135_596_800, 253_402_300_799
    for unit, per_second in (("s", 1), ("ms", 10**3), ("us", 10**6)):
        inside = [first * per_second, (last + 1) * per_second - 1]
        outside = [
            inside[0] - 1,
            inside[1] + 1,
            9 * 10**15 * min(per_second, 10**3),
            -9 * 10**15 * min(per_second, 10**3),
        ]
        eventhouse.ingest("T", parquet({"E": pa.array(inside + outside, pa.timestamp(unit))}), format="parquet")
        found = rows(eventhouse, "T | project E")
        until = datetime(9999, 12, 31, 23, 59, 59, 10**6 - 10**6 // per_second)  # noqa: DTZ001 - naive UTC
        assert found == [(FIRST_MOMENT,), (until,), *[(None,)] * 4]
        eventhouse.command(".clear table T data")
    days = pa.array([-719_162, 2_932_896, -719_163, 2_932_897, 2**31 - 1], pa.int32()).cast(pa.date32())
    ticks = pa.array([0, 3_155_378_975_999_999_999, 3_155_378_976_000_000_000, None, None], pa.int64())
    eventhouse.ingest("T", parquet({"E": days, "K": ticks}), format="parquet")
    last_day = datetime(9999, 12, 31)  # noqa: DTZ001 - naive UTC
    assert rows(eventhouse, "T | project E, K") == [
        (FIRST_MOMENT, FIRST_MOMENT), (last_day, LAST_MOMENT), *[(None, None)] * 3
    ]  # fmt: skip
    stored = eventhouse.query("T | where isnotnull(E) or isnotnull(K) | count")[0]
    assert list(stored.rows()) == [(2,)]


def test_unix_times_beyond_the_datetimes_are_null(eventhouse: Eventhouse) -> None:
    eventhouse.command(
        """.create table T ingestion json mapping "unix"
        '[{"column": "A", "Properties": {"Path": "$.A"}},'
        ' {"column": "E", "Properties": {"Path": "$.E", "Transform": "DateTimeFromUnixSeconds"}}]'"""
    )
    times: list[object] = [253_402_300_799, 253_402_300_800, -62_135_596_801, 2**63 - 1, 1e300, "NaN", 10**30]
    lines = [json.dumps({"A": number, "E": time}) for number, time in enumerate(times)]
    eventhouse.ingest("T", "\n".join(lines).encode(), format="json", mapping="unix")
    found = rows(eventhouse, "T | sort by A asc | project E")
    assert found == [(datetime(9999, 12, 31, 23, 59, 59),), *[(None,)] * 6]  # noqa: DTZ001 - naive UTC


TWICE = [
    '{"A": 1, "B": "first", "A": 2}',
    '{"A" : 1, "A"\t:2, "B": "\\":"}',
    '{"B": "x", "H": {"k": 1, "k": [{"z": 1, "z": 2.5}]}, "A": 2}',
    '{"A": 1, "\\u0041": 2, "G": 1.25}',
]
LAST = [
    (2, "first", None, None),
    (2, '":', None, None),
    (2, "x", '{"k":[{"z":2.5}]}', None),
    (2, "", None, Decimal("1.25")),
]


@pytest.mark.slow
@pytest.mark.parametrize("line", range(len(TWICE)))
@pytest.mark.parametrize("others", [0, 5_000], ids=["alone", "among many"])
def test_of_a_key_that_stands_twice_the_last_counts(eventhouse: Eventhouse, line: int, others: int) -> None:
    # Many lines are read by DuckDB, which takes the first.
    data = "\n".join([*['{"A": 1, "B": "y"}'] * others, TWICE[line]]).encode()
    assert eventhouse.ingest("T", data, format="json") == others + 1
    assert rows(eventhouse, 'T | where B <> "y" | project A, B, H, G') == [LAST[line]]
    eventhouse.command(".clear table T data")
    assert eventhouse.ingest("T", TWICE[line].encode(), format="multijson") == 1
    assert [row[0] for row in rows(eventhouse)] == [2]


@pytest.mark.slow
def test_lines_of_a_large_payload_are_those_of_a_small_one(eventhouse: Eventhouse) -> None:
    few = ["", '{"A": 1, "B": "\u2028"}', " \t\r", '  {"A": 2, "B": "é"}\r', '{"A": 3}']
    many = [*few, *[f'{{"A": 0, "C": {"0.1" + "1" * 120}}}'] * 10_000]
    for ending in ("", "\n"):
        assert eventhouse.ingest("T", ("\n".join(many) + ending).encode(), format="json") == 10_003
        assert rows(eventhouse, "T | where A > 0 | sort by A asc | project A, B") == [(1, "\u2028"), (2, "é"), (3, "")]
        eventhouse.command(".clear table T data")
    for bad, problem in (
        ("[1]", "found an array"),
        ('{"A":', "unexpected end of data"),
        ("\x00{}", "Row 10004 is not"),
    ):
        with pytest.raises(IngestionFault, match="Row 10004 is not a JSON record") as caught:
            eventhouse.ingest("T", "\n".join([*many, bad]).encode(), format="json")
        assert problem in caught.value.message
    with pytest.raises(IngestionFault, match="not UTF-8: byte"):
        eventhouse.ingest("T", "\n".join(many).encode() + b'\n{"B": "\xff"}', format="json")


def test_a_payload_that_makes_more_values_than_are_converted_at_once_is_refused(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "MOST_VALUES", 109)
    for format_, data in (
        ("csv", b"1\n" * 10),
        ("txt", b"1\n" * 10),
        ("tsve", b"1\n" * 10),
        ("json", b"{}\n" * 5_000),
        ("parquet", parquet({"A": pa.array([1] * 10)})),
    ):
        with pytest.raises(IngestionFault, match="columns, more than 109 values") as caught:
            eventhouse.ingest("T", data, format=format_)
        assert (caught.value.code, caught.value.permanent) == ("BadRequest_FileTooLarge", True)
    assert eventhouse.ingest("T", b"1\n" * 9, format="csv") == 9


def test_whatever_keeps_a_payload_from_being_read_is_permanent(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("not foreseen\nat all")

    monkeypatch.setattr(delimited, "read_separated", fail)
    with pytest.raises(IngestionFault, match="not foreseen") as caught:
        eventhouse.ingest("T", b"1,a", format="csv")
    assert caught.value.message == "The payload cannot be read as csv: not foreseen."
    assert (caught.value.code, caught.value.permanent) == ("BadRequest_InvalidBlob", True)
    assert [record.message for record in caplog.records] == ["a payload of 3 bytes of csv cannot be read"]


def test_documents_of_multijson_stand_apart_by_anything_empty(eventhouse: Eventhouse) -> None:
    assert eventhouse.ingest("T", b" ," * 5_000 + LINE + b",\n" * 5_000 + LINE, format="multijson") == 2
    assert rows(eventhouse, "T | project A") == [(1,), (1,)]


@pytest.mark.slow
def test_multijson_of_any_number_and_text_is_stored(eventhouse: Eventhouse) -> None:
    data = b'[{"B": 123456789012345678901234567890, "A": 1}, {"B": "\\ud83d\\ude00"}]'
    assert eventhouse.ingest("T", data, format="multijson") == 2
    assert rows(eventhouse, "T | project A, B | sort by A asc nulls first") == [
        (None, "😀"),
        (1, "123456789012345678901234567890"),
    ]


def test_multijson_that_is_nested_too_deeply_is_refused(eventhouse: Eventhouse) -> None:
    with pytest.raises(IngestionFault, match="Row 2 is not a JSON record: it is nested too deeply"):
        eventhouse.ingest("T", LINE + b"[" * 200_000, format="multijson")
    assert rows(eventhouse) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "time",
    [
        "2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.1",
        "2026-02-30T00:00:00Z", "2026-01-02T23:59:60Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05+02:00",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2026-01-02", " 2026-01-02T03:04:05Z", "", "5",
        "\u0662026-01-02T03:04:05Z", 1767323045, True, None, {"a": 1},
    ],
)  # fmt: skip
def test_a_time_is_read_alike_alone_and_beside_one_in_another_form(time: object, eventhouse: Eventhouse) -> None:
    alone = json.dumps({"A": 1, "E": time, "K": "2026-01-02T03:04:05Z"})
    other = json.dumps({"A": 2, "E": "Fri, 02 Jan 2026 03:04:05 GMT"})
    eventhouse.ingest("T", alone.encode(), format="json")
    eventhouse.ingest("T", f"{alone}\n{other}".encode(), format="json")

    noon = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - results are naive UTC
    found = rows(eventhouse, "T | project A, E, K")
    assert [(row[0], row[2]) for row in found] == [(1, noon), (1, noon), (2, None)]
    assert found[0] == found[1]
    assert found[2][1] == noon


@pytest.mark.parametrize("path", ["$.E", "$['E']", "$.a.E", "$[0]"])
def test_a_time_is_read_wherever_its_mapping_finds_it(path: str, eventhouse: Eventhouse) -> None:
    fields = [
        {"column": "E", "path": path},
        {"column": "K", "path": "$.k", "transform": "DateTimeFromUnixSeconds"},
    ]
    eventhouse.command(f".create table T ingestion json mapping 'M' ```{json.dumps(fields)}```")
    line = {"E": "2026-01-02 03:04:05", "a": {"E": "Fri, 02 Jan 2026 03:04:05 GMT"}, "0": "", "k": 5}
    eventhouse.ingest("T", json.dumps(line).encode(), format="json", mapping="M")

    noon = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - results are naive UTC
    assert rows(eventhouse, "T | project E, K") == [
        (None if path == "$[0]" else noon, datetime(1970, 1, 1, 0, 0, 5))  # noqa: DTZ001
    ]


def test_a_file_for_which_memory_lacks_is_not_called_damaged(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 400088896 failed")

    monkeypatch.setattr("emulator.engine.ingestion.parquet.read_parquet", lacking)
    with pytest.raises(KustoError) as caught:
        eventhouse.ingest("T", b"PAR1", format="parquet")

    assert (caught.value.code, caught.value.message) == (
        "OutOfMemory",
        "The payload needs more memory than this Eventhouse may use.",
    )
