"""Separated values: which rows come of a text, and which fault of one that is none."""

import csv
import io
import random
import re
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pytest

from emulator.engine.ingestion import separated
from emulator.engine.ingestion.separated import line_arrays, read_separated, table_of
from emulator.errors import IngestionFault

WIDE = 1_000_000


def records(data: bytes, width: int = 2, delimiter: str = ",") -> list[tuple[str | None, ...]]:
    found = read_separated(data, delimiter, range(width))
    assert found.column_names == [f"f{position}" for position in range(width)]
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";", "\x01"])
def test_fields_may_hold_breaks_quotes_and_separators_in_any_row(delimiter: str, ending: str) -> None:
    rows = ['"a{e}b"{d}1', '"{d}"{d}"say ""so"""', 'c"d{d}2', '""{d}', "e\0\u2028\x0bf{d}\x85"]
    data = ending.join(rows).format(d=delimiter, e=ending).encode()
    expected = [(f"a{ending}b", "1"), (delimiter, 'say "so"'), ('c"d', "2"), ("", ""), ("e\0\u2028\x0bf", "\x85")]
    assert records(data, 2, delimiter) == expected
    assert records(data + ending.encode(), 2, delimiter) == expected
    # One row of another width, and none is read by Arrow.
    assert records(data + (ending + "z").encode(), 2, delimiter) == [*expected, ("z", None)]


def test_rows_are_as_long_as_they_are_and_empty_lines_are_none() -> None:
    assert records(b"\n\r\n1\n\n2,b\n3,c,more\n\n", 3) == [("1", None, None), ("2", "b", None), ("3", "c", "more")]
    assert records(b"1,a\n2,b\n", 3) == [("1", "a", None), ("2", "b", None)]
    assert records(b"1,a,x\n2,b,y\n", 1) == [("1",), ("2",)]
    assert records(b"") == records(b"\n\r\n\n") == []


def test_only_the_places_asked_for_are_read() -> None:
    found = read_separated(b"a,b,c,d\ne,f\ng,h,i,j,k\n", ",", [1, 3, 9])
    assert found.to_pydict() == {"f1": ["b", "f", "h"], "f3": ["d", None, "j"], "f9": [None, None, None]}
    found = read_separated(b"a,b,c,d\ne,f,g,h\n", ",", [1, 3, 9])
    assert found.to_pydict() == {"f1": ["b", "f"], "f3": ["d", "h"], "f9": [None, None]}


UNCLOSED, BEHIND = (
    "The quote that begins its column {} is not closed.",
    "Text follows the quote that closes its column {}.",
)


@pytest.mark.parametrize(
    ("data", "row", "problem"),
    [
        ('"open,1\n', 1, UNCLOSED.format(1)),
        ('a,1\nb,"open\nc,2\n', 2, UNCLOSED.format(2)),
        ('a,1\n"b\n2",x,"', 2, UNCLOSED.format(3)),
        ('"a"x', 1, BEHIND.format(1)),
        ('a,1\n"b"c,2\n', 2, BEHIND.format(1)),
        ('a,1\nb,"x ""y"" "z\n', 2, BEHIND.format(2)),
        ('a,1\n\n"b,\n2","c" ,\n', 2, BEHIND.format(2)),
        # An even number of quotes, of which no field is wrong by itself.
        ('a"b,1\nc,"d"e\nf",2\n', 2, BEHIND.format(2)),
    ],
)
def test_a_malformed_row_is_named_with_its_column(data: str, row: int, problem: str) -> None:
    for ending in ("\n", "\r\n", "\r"):
        with pytest.raises(IngestionFault) as caught:
            records(data.replace("\n", ending).encode())
        assert caught.value.message.startswith(f"Row {row} is not delimited text: ")
        assert caught.value.message.endswith(problem)
        assert (caught.value.code, caught.value.permanent) == ("BadRequest_InvalidCsv", True)


def test_rows_that_are_no_text_are_named() -> None:
    for data, place in ((b"a,1\nb\xff,2\n", 5), ("a,1\nb,2\n".encode("utf-16"), 0), (b"a\n\xc3", 2)):
        with pytest.raises(IngestionFault, match=f"not UTF-8: byte {place} cannot be read") as caught:
            records(data)
        assert caught.value.code == "BadRequest_InvalidEncoding"


def test_a_row_of_more_fields_than_memory_is_for_is_refused_wherever_it_stands() -> None:
    wide = b"," * WIDE
    for data, row in ((wide, 1), (b"a\n" + wide, 2), (b'a\n"x\n",' + wide, 2), (wide[:-9] + b'"\n",' * 20, 1)):
        with pytest.raises(IngestionFault, match=f"Row {row} has more than 1000000 fields"):
            records(data)
    # Between quotes they are none.
    assert records(b'a\n"' + wide + b'",b') == [("a", None), (wide.decode(), "b")]


@pytest.mark.slow
def test_wide_rows_do_not_widen_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    padded: list[int] = []
    real = separated._batch

    def batch(rows: list[list[str]], schema: object) -> object:
        padded.append(len(rows) * max(map(len, rows)))
        return real(rows, schema)

    monkeypatch.setattr(separated, "_batch", batch)
    wide = [str(number) for number in range(10_000)]
    found = table_of(iter([*[["a"]] * 1_000, wide, *[["b"]] * 1_000]), range(10_000))
    assert found.num_rows == 2_001
    assert found.column("f0").to_pylist() == [*["a"] * 1_000, "0", *["b"] * 1_000]
    assert found.column("f9999").to_pylist() == [*[None] * 1_000, "9999", *[None] * 1_000]
    assert sum(padded) < 2 * 2**18


@pytest.mark.parametrize(
    ("last", "by_rows"),
    [
        ('"open,1\n', 1),
        ('"a"x,1\n', 1),
        ('a,"x"",""y",b"\n', 1),
        ('a,"x\ny""\n"z"\n', 3),
        ('a"b,1\n' + 3 * "c,2\n", 4),
    ],
)
def test_rows_before_the_first_quote_out_of_place_are_read_by_arrow(
    monkeypatch: pytest.MonkeyPatch, last: str, by_rows: int
) -> None:
    read: list[int] = []
    real = separated._lines

    def lines(data: bytes, start: int = 0) -> object:
        found = list(real(data, start))
        read.append(len(found))
        return iter(found)

    monkeypatch.setattr(separated, "_lines", lines)
    even = 'a,1\n\n"b\nb",""\n"c,""\n",2\n'
    alone, together = (outcome(partial(read_separated, text.encode(), ",", [0, 1])) for text in (last, even + last))
    if isinstance(alone, dict):
        before = {"f0": ["a", "b\nb", 'c,"\n'], "f1": ["1", "", "2"]}
        assert together == {name: before[name] + values for name, values in alone.items()}
    else:
        assert together == str(alone).replace("Row 1 ", "Row 4 ")
    assert read[-1] == by_rows


def test_the_place_of_a_byte_that_is_no_text_is_that_in_the_payload() -> None:
    with pytest.raises(IngestionFault, match="byte 8 cannot be read"):
        records(b'a,1\na"b,\xff\n')


def test_a_record_of_many_lines_is_not_kept_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separated, "_JOINED_AT_ONCE", 1_000)
    source = separated._Source(iter(["x\n"] * 10_000), 1, ",")
    for _ in range(10_000):
        next(source)
        assert len(source._newest) <= 501
    assert source.record == "x\n" * 10_000


def outcome(read: Callable[[], pa.Table]) -> object:
    try:
        return read().to_pydict()
    except IngestionFault as fault:
        return str(fault)


@pytest.mark.slow
def test_both_ways_of_reading_agree() -> None:
    chance = random.Random(7)  # noqa: S311 - texts to try, no secrets
    parts = ["a", '"', ",", "\n", "\r\n", "\r", '"a"', '""', " ", "é", "\0", '"b\n"']
    for _ in range(1_000):
        even = chance.choice(("", "x,y\n", '"x\n""",y\n'))
        data = (even + "".join(chance.choices(parts, k=chance.randint(0, 14)))).encode()
        ordinals = sorted(chance.sample(range(5), 2))
        by_rows = outcome(partial(lambda text, places: table_of(separated._records(text, ","), places), data, ordinals))
        assert outcome(partial(read_separated, data, ",", ordinals)) == by_rows, data


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_empty_lines_are_passed_over_wherever_they_stand(end: bytes, delimiter: str) -> None:
    many = end * 50_000
    first, second = f'x"y{delimiter}1'.encode(), f"z{delimiter}2{delimiter}3".encode()
    # Neither row is read by Arrow: a quote out of place, and another width.
    data = many + first + many + second + many
    assert records(data, 2, delimiter) == [('x"y', "1"), ("z", "2")]
    assert records(many, 2, delimiter) == []


def test_empty_lines_are_no_rows_for_the_reader_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    begin = separated._Source.begin

    def counted(source: separated._Source) -> None:
        seen.append("")
        begin(source)

    monkeypatch.setattr(separated._Source, "begin", counted)
    assert records(b"\n" * 100_000) == []
    assert records(b"a,1\n" + b"\n" * 100_000 + b"b\n") == [("a", "1"), ("b", None)]
    assert len(seen) < 20


def arrays(data: bytes) -> list[str]:
    return [line for some in line_arrays(data) for line in some.to_pylist()]


@pytest.mark.parametrize("seed", range(20))
def test_lines_are_the_same_however_they_are_cut(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a choice of texts
    text = "".join(
        chance.choices(["a", "é\u2028", "\n", "\r", "\r\n", "\n\n", "longer than a piece", '"', "\t"], k=100)
    )
    monkeypatch.setattr(separated, "_SCANNED_AT_ONCE", 1 + seed % 8)
    assert arrays(text.encode()) == [line for line in re.split("\r\n|\r|\n", text) if line]


def test_a_line_has_a_length_and_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separated, "LONGEST_RECORD", 5)
    assert arrays("ééééé\n12345\n".encode()) == ["ééééé", "12345"]
    with pytest.raises(IngestionFault, match="Row 3 is longer than 5 characters"):
        arrays(b"1\n\n123456\n")
    with pytest.raises(IngestionFault, match="byte 2 cannot be read"):
        arrays(b"1\n\xff\n")


KNOBS = ("_CELLS_AT_ONCE", "_SCANNED_AT_ONCE", "_JOINED_AT_ONCE", "_LOOKED_BACK", "_PASSED_OVER_AT_ONCE")


def answer(data: bytes, ordinals: list[int]) -> object:
    try:
        found = read_separated(data, ",", ordinals)
    except IngestionFault as fault:
        return fault.message
    assert found.column_names == [f"f{each}" for each in ordinals]
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_a_payload_is_the_same_however_much_of_it_is_taken_at_once(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chosen = random.Random(seed)  # noqa: S311 - a sample
    parts = ["a", ",", ",", "\n", "\r\n", "\r", '"b,""\nc"', '"d"', "\n" * 9, ',"",', "é"] + ['"'] * (seed % 3)
    ordinals = sorted(chosen.sample(range(6), 1 + seed % 3))
    payloads = ["".join(chosen.choices(parts, k=length)).encode() for length in (1, 3, 7, 15, 30, 60) for _ in range(3)]
    rows = [csv_rows(data, ordinals) for data in payloads]
    assert [answer(data, ordinals) for data in payloads if csv_rows(data, ordinals) is not None] == [
        each for each in rows if each is not None
    ]
    expected = [answer(data, ordinals) for data in payloads]
    for size in (1, 2, 5):
        for knob in KNOBS:
            monkeypatch.setattr(separated, knob, size)
        assert [answer(data, ordinals) for data in payloads] == expected


def csv_rows(data: bytes, ordinals: list[int]) -> list[tuple[str | None, ...]] | None:
    """Return the rows as Python's own reader takes them, None where it refuses the text."""
    try:
        records = [each for each in csv.reader(io.StringIO(data.decode(), newline=""), strict=True) if each]
    except csv.Error:
        return None
    return [tuple(each[place] if place < len(each) else None for place in ordinals) for each in records]


@pytest.mark.parametrize(
    ("size", "text", "fields", "fault"),
    [
        (9, "a,b\n12345678\n", [("a", "b"), ("12345678", None)], None),
        (8, "a,b\n123456789\n", None, "Row 2 is longer than 8 characters."),
        (8, 'a\n"1\n2\n3\n4"\n', None, "Row 2 is longer than 8 characters."),
        (9, 'a\n"1\n2\n34"\n', [("a", None), ("1\n2\n34", None)], None),
    ],
)
def test_a_record_has_a_length(
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    text: str,
    fields: list[tuple[str | None, ...]] | None,
    fault: str | None,
) -> None:
    monkeypatch.setattr(separated, "LONGEST_RECORD", size)
    monkeypatch.setattr(separated, "_JOINED_AT_ONCE", 4)
    read = partial(separated._records, text.encode(), ",")
    if fault is not None:
        with pytest.raises(IngestionFault) as caught:
            list(read())
        assert (caught.value.message, caught.value.code) == (fault, "Stream_InputStreamTooLarge")
        assert caught.value.hint == "a closing quote may be missing"
    else:
        assert [tuple([*record, None][:2]) for record in read()] == fields


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [("a,b\n", False), ("x\na,b,c\n", True), ('"a,b,c",d\n', False), ('"a,\nb,c",d\n', False), ('"a",b,"c"\n', True)],
)
def test_a_record_has_a_number_of_fields(monkeypatch: pytest.MonkeyPatch, text: str, is_refused: bool) -> None:
    monkeypatch.setattr(separated, "MOST_FIELDS", 2)
    row = 2 if text.startswith("x") else 1
    if is_refused:
        with pytest.raises(IngestionFault) as caught:
            list(separated._records(text.encode(), ","))
        fault = caught.value
        assert (fault.message, fault.code, fault.hint) == (
            f"Row {row} has more than 2 fields.", "BadRequest_InvalidCsv", "split it"
        )  # fmt: skip
    else:
        assert len(list(separated._records(text.encode(), ","))) == 1
