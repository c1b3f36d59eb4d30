"""Records of JSON: each key once, documents apart from each other, and how long one may be."""

import pytest

from emulator.engine.ingestion import json_records
from emulator.engine.ingestion.json_records import (
    Record,
    document_array,
    last_of_each,
    line_array,
    pieces_of_lines,
    record,
    texts,
)
from emulator.errors import IngestionFault


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"a":1,"a":2}', '{"a":2}'),
        ('{"a":{"b":1,"b":1.50},"c":[{"d":1,"d":"é"}]}', '{"a":{"b":1.50},"c":[{"d":"é"}]}'),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ('{"a":1,"a":"\\ud800"}', '{"a": "\\ud800"}'),
        ('{"a":1,"a":2', '{"a":1,"a":2'),
        ('{"a":' * 100_000, '{"a":' * 100_000),
    ],
)
def test_the_last_of_each_key_stays(line: str, found: str) -> None:
    assert last_of_each(line) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"a":1}', Record('{"a":1}', {"a": 1})),
        ('{"a" :1}', Record('{"a" :1}', {"a": 1})),
        ('{"a":1,"a":2}', Record('{"a":2}', {"a": 2})),
        ('{"a":{"b":1,"b":2}}', Record('{"a":{"b":2}}', {"a": {"b": 2}})),
        ("[1]", None),
        ('{"a":1,}', None),
    ],
)
def test_a_record_has_each_key_once(line: str, found: Record | None) -> None:
    assert record(line) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":1}{"b":2} [3, {"c":4}][] , [] 5', ['{"a":1}', '{"b":2}', "3", '{"c":4}', "5"]),
        ("[ ]\n", []),
        ('{"a":18446744073709551616}', ['{"a": 18446744073709551616}']),
    ],
)
def test_documents_are_lines(text: str, found: list[str]) -> None:
    assert list(texts(document_array(text.encode()))) == found


def test_lines_that_are_blank_are_left_out_and_longer_ones_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records, "LONGEST_RECORD", 5)
    assert list(texts(line_array(b"1234\n \n\t\n12\n1"))) == ["1234\n", "12\n", "1"]
    with pytest.raises(IngestionFault) as raised:
        line_array(b"1234\n12345\n")
    found = (raised.value.code, raised.value.message)
    assert found == ("Stream_InputStreamTooLarge", "Row 2 is longer than 5 bytes.")


@pytest.mark.parametrize("payload", ["[]", "[ ]\n", ",", " ", "[],", "[\t\n]"])
def test_many_of_nothing_are_nothing_in_a_large_payload_too(payload: str) -> None:
    data = (payload * (2_000_000 // len(payload))).encode()
    assert document_array(data).to_pylist() == []
    assert document_array(data + b'{"a":1}' + data + b'[{"b":2}]' + data).to_pylist() == ['{"a":1}', '{"b":2}']


def test_pieces_of_lines_are_all_of_a_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records, "_SCANNED_AT_ONCE", 4)
    for data in (b"", b"a", b"\n", b"a\nb", b"a\n\n\n\n\nb\n", b"abcdefgh\nij\nklmnop"):
        pieces = [data[start:end] for start, end in pieces_of_lines(data)]
        assert b"".join(pieces) == data
        assert all(piece.endswith(b"\n") for piece in pieces[:-1])
