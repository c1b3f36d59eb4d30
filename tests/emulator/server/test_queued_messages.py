"""Messages of queued ingestion, field by field: what clients leave out, how they write it, and what is refused."""

import base64
import json
import uuid
from hashlib import sha256

import pytest

from emulator.engine.queued.message import IngestionMessage, ReportLevel
from emulator.errors import KustoError
from emulator.server.queued.messages import MAX_MESSAGE, message_text, parse_message

ID = "11111111-2222-3333-4444-555555555555"
NAMED = {"Id": ID, "BlobPath": "https://here/blob?signature", "DatabaseName": "d", "TableName": "T"}
CSV = {"AdditionalProperties": {"format": "CSV"}}


def key_of(path: str) -> str:
    if path.startswith("https://here/"):
        return "key"
    raise KustoError(f"'{path}' is not a blob of this Eventhouse.", hint="upload it here")


def read(document: object) -> IngestionMessage:
    return parse_message(json.dumps(document), key_of)


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(KustoError) as caught:
        parse_message(text, key_of)
    return caught.value.message, caught.value.code


def in_queue(text: bytes) -> bytes:
    return b"<QueueMessage><MessageText>" + text + b"</MessageText></QueueMessage>"


def unreadable(body: bytes) -> str:
    with pytest.raises(KustoError) as caught:
        message_text(body)
    return caught.value.message


def test_what_a_client_leaves_out() -> None:
    document = NAMED | CSV
    assert read(document) == IngestionMessage(
        source_id=ID,
        database="d",
        table="T",
        format="csv",
        path="https://here/blob",
        blob="key",
        refusal="",
        mapping=None,
        inline_mapping=None,
        ignore_first_record=False,
        tags=(),
        if_not_exists=(),
        flush_immediately=False,
        retain_blob=True,
        report_level=ReportLevel.FAILURES,
        digest=sha256(json.dumps(document).encode()).hexdigest(),
    )


def test_everything_that_a_client_can_say() -> None:
    more = {
        "format": "json",
        "ingestionMappingReference": "M",
        "ingestionMapping": "[]",
        "ignoreFirstRecord": "True",
        "tags": '["a", "b"]',
        "ingestIfNotExists": ["c"],
    }
    document = NAMED | {
        "FlushImmediately": True,
        "RetainBlobOnSuccess": "false",
        "ReportLevel": 2,
        "AdditionalProperties": more,
    }
    assert read(document) == IngestionMessage(
        source_id=ID,
        database="d",
        table="T",
        format="json",
        path="https://here/blob",
        blob="key",
        mapping="M",
        inline_mapping="[]",
        ignore_first_record=True,
        tags=("a", "b"),
        if_not_exists=("c",),
        flush_immediately=True,
        retain_blob=False,
        report_level=ReportLevel.ALL,
        digest=sha256(json.dumps(document).encode()).hexdigest(),
    )


def test_a_message_without_an_id_gets_one_and_is_never_taken_for_another() -> None:
    document = {name: value for name, value in (NAMED | CSV).items() if name != "Id"}
    first, second = read(document), read(document)
    assert {first.digest, second.digest} == {""}
    assert str(uuid.UUID(first.source_id)) == first.source_id
    assert first.source_id != second.source_id


@pytest.mark.parametrize(
    ("given", "level"),
    [
        (0, ReportLevel.FAILURES),
        (1, ReportLevel.NONE),
        (2, ReportLevel.ALL),
        ("FailuresOnly", ReportLevel.FAILURES),
        ("DoNotReport", ReportLevel.NONE),
        ("None", ReportLevel.NONE),
        ("FailuresAndSuccesses", ReportLevel.ALL),
    ],
)
def test_levels_of_reports(given: object, level: ReportLevel) -> None:
    assert read(NAMED | CSV | {"ReportLevel": given}).report_level is level


def test_a_mapping_by_its_other_name_and_empty_lists() -> None:
    more = {"format": "csv", "mappingReference": "M", "tags": "", "ingestIfNotExists": "[]"}
    found = read(NAMED | {"AdditionalProperties": more})
    assert (found.mapping, found.tags, found.if_not_exists) == ("M", (), ())


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (
            {"BlobPath": "https://there/blob?s", **CSV},
            "'https://there/blob?s' is not a blob of this Eventhouse. Hint: upload it here",
        ),
        ({}, "The message names no data format. Hint: set 'format' in AdditionalProperties"),
        (
            {"AdditionalProperties": None},
            "The message names no data format. Hint: set 'format' in AdditionalProperties",
        ),
    ],
)
def test_what_becomes_the_outcome_of_a_message(changes: dict[str, object], refusal: str) -> None:
    found = read(NAMED | changes)
    assert (found.blob, found.refusal) == ("", refusal)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"AdditionalProperties": [1]}, "'AdditionalProperties' is not a JSON object"),
        ({"BlobPath": None}, "'BlobPath' is missing"),
        ({"DatabaseName": ""}, "'DatabaseName' is missing"),
        ({"TableName": 5}, "'TableName' is not a text"),
        ({"Id": 5}, "'Id' is not a text"),
        ({"FlushImmediately": 1}, "'FlushImmediately' is neither true nor false"),
        ({"RetainBlobOnSuccess": "no"}, "'RetainBlobOnSuccess' is neither true nor false"),
        ({"ReportLevel": 3}, "'ReportLevel' is 0, 1 or 2, found 3"),
        ({"ReportLevel": "all"}, "'ReportLevel' is 0, 1 or 2, found 'all'"),
        ({"AdditionalProperties": {"format": "csv", "tags": "{}"}}, "'tags' is not a JSON list of texts"),
        ({"AdditionalProperties": {"format": "csv", "tags": [1]}}, "'tags' is not a JSON list of texts"),
        (
            {"AdditionalProperties": {"format": "csv", "tags": "["}},
            "'tags' is not a JSON list: Expecting value: line 1 column 2 (char 1)",
        ),
    ],
)
def test_what_is_refused_at_once(changes: dict[str, object], problem: str) -> None:
    text = json.dumps(NAMED | CSV | changes)
    assert refused(text) == (f"The ingestion message cannot be read: {problem}.", "InvalidIngestionMessage")


def test_what_is_no_message() -> None:
    begin = "The ingestion message cannot be read: it is not"
    assert refused("[]")[0] == f"{begin} a JSON object."
    assert refused("{")[0] == (
        f"{begin} JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."
    )


def test_the_text_of_a_request_to_a_queue() -> None:
    assert message_text(in_queue(base64.b64encode("é {}".encode()))) == "é {}"
    assert message_text(b"<QueueMessage/>") == ""
    largest = b"x" * MAX_MESSAGE
    assert message_text(in_queue(base64.b64encode(largest))) == largest.decode()


# The letters of the type in any coding that the parser knows by itself or by the declaration.
CODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
BOMB = '<!DOCTYPE a [<!ENTITY b "c">]><QueueMessage><MessageText>&b;</MessageText></QueueMessage>'


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (in_queue(b"!"), "its text is not base64 of UTF-8: Only base64 data is allowed"),
        (
            in_queue(base64.b64encode(b"\xff")),
            "its text is not base64 of UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (b"<Queue", "the request is not XML: unclosed token: line 1, column 0"),
        (b"<!DOCTYPE a []><QueueMessage/>", "the request may not declare a document type"),
        *((BOMB.encode(coding), "the request may not declare a document type") for coding in CODINGS),
        (in_queue(base64.b64encode(b"x" * (MAX_MESSAGE + 4))), f"it is larger than {MAX_MESSAGE} bytes"),
    ],
)
def test_requests_to_a_queue_that_cannot_be_read(body: bytes, problem: str) -> None:
    assert unreadable(body) == f"The ingestion message cannot be read: {problem}."
