"""Microsoft's queued ingestion client, unmodified: what arrives, what does not, and who is told."""

import gzip
import io
import json
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pandas as pd  # type: ignore[import-untyped]  # it has no stubs here
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.kusto.data import KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.data_format import DataFormat, IngestionMappingKind
from azure.kusto.ingest import (
    BlobDescriptor,
    ColumnMapping,
    IngestionProperties,
    IngestionStatus,
    KustoStreamingIngestClient,
    ManagedStreamingIngestClient,
    QueuedIngestClient,
    ReportLevel,
    StreamDescriptor,
)
from azure.kusto.ingest.status import KustoIngestStatusQueues, StatusMessage
from azure.storage.blob import BlobClient
from azure.storage.queue import QueueClient, TextBase64EncodePolicy
from starlette.types import Receive, Scope, Send

from emulator.engine.eventhouse import Eventhouse
from emulator.engine.queued.batching import BatchingLimits
from emulator.server.app import create_app
from tests.emulator.server.live import serving
from tests.emulator.server.queued import eventually, object_in, resource

DATABASE = "NetDefaultDB"
TOKEN = "secret"  # noqa: S105 - of a server in this test
CSV = b"1,a\n2,b\n"
ROWS = [[1, "a"], [2, "b"]]
MAPPING = '[{"column":"N","Properties":{"Path":"$.n"}},{"column":"S","Properties":{"Path":"$.s"}}]'


@pytest.fixture(scope="module")
def eventhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eventhouse]:
    eventhouse = Eventhouse.open(tmp_path_factory.mktemp("data"), batching=BatchingLimits(age=0.1, flush_age=0.05))
    yield eventhouse
    eventhouse.close()


@pytest.fixture(scope="module")
def ingest(url: str) -> Iterator[QueuedIngestClient]:
    with QueuedIngestClient(url) as ingest:
        yield ingest


@pytest.fixture
def table(client: KustoClient) -> str:
    name = f"T{uuid.uuid4().hex}"
    client.execute(DATABASE, f".create table {name} (N: long, S: string)")
    client.execute(DATABASE, f".create table {name} ingestion json mapping 'm' '{MAPPING}'")
    return name


def properties(table: str, format: DataFormat = DataFormat.CSV, **more: Any) -> IngestionProperties:
    return IngestionProperties(DATABASE, table, data_format=format, **{"flush_immediately": True, **more})


def rows(client: KustoClient, table: str) -> list[list[object]]:
    return [row.to_list() for row in client.execute(DATABASE, f"{table} | sort by N asc").primary_results[0]]


def arrived(client: KustoClient, table: str, count: int = 2) -> list[list[object]]:
    return eventually(lambda: rows(client, table), lambda found: len(found) >= count)


def failures(client: KustoClient, table: str, count: int = 1) -> list[dict[str, object]]:
    def look() -> list[dict[str, object]]:
        command = f".show ingestion failures | where Table == '{table}' | sort by FailedOn asc"
        return [row.to_dict() for row in client.execute(DATABASE, command).primary_results[0]]

    return eventually(look, lambda found: len(found) >= count)


def outcomes(ingest: QueuedIngestClient) -> KustoIngestStatusQueues:
    return KustoIngestStatusQueues(ingest)  # type: ignore[no-untyped-call]  # the SDK does not annotate it


def reports(messages: Sequence[StatusMessage], table: str) -> list[dict[str, object]]:
    found = [dict(json.loads(str(message))) for message in messages]
    return [each for each in found if each["Table"] == table]


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "format", "more"),
    [
        ("rows.csv", CSV, DataFormat.CSV, {}),
        ("rows.csv.gz", gzip.compress(CSV), DataFormat.CSV, {}),
        ("rows.csv.zip", zipped(CSV), DataFormat.CSV, {}),
        ("rows.csv", b"N,S\n" + CSV, DataFormat.CSV, {"ignore_first_record": True}),
        ("rows.tsv", CSV.replace(b",", b"\t"), DataFormat.TSV, {}),
        ("rows.json", b'{"N": 1, "S": "a"}\n{"N": 2, "S": "b"}\n', DataFormat.JSON, {}),
        (
            "rows.json",
            b'{"n": 1, "s": "a"}\n{"n": 2, "s": "b"}\n',
            DataFormat.JSON,
            {"ingestion_mapping_reference": "m", "ingestion_mapping_kind": IngestionMappingKind.JSON},
        ),
        (
            "rows.json",
            b'{"x": 1, "y": "a"}\n{"x": 2, "y": "b"}\n',
            DataFormat.JSON,
            {"column_mappings": [ColumnMapping("N", "long", path="$.x"), ColumnMapping("S", "string", path="$.y")]},
        ),
        (
            "rows.csv",
            b"a,1\nb,2\n",
            DataFormat.CSV,
            {"column_mappings": [ColumnMapping("S", "string", ordinal=0), ColumnMapping("N", "long", ordinal=1)]},
        ),
    ],
    ids=["plain", "gzip", "zip", "header", "tsv", "json", "mapping", "inline json mapping", "inline csv mapping"],
)
def test_a_file_arrives(
    ingest: QueuedIngestClient,
    client: KustoClient,
    table: str,
    tmp_path: Path,
    name: str,
    data: bytes,
    format: DataFormat,
    more: dict[str, object],
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    result = ingest.ingest_from_file(str(file), properties(table, format, **more))
    assert result.status is IngestionStatus.QUEUED
    assert arrived(client, table) == ROWS


def test_a_data_frame_arrives(ingest: QueuedIngestClient, client: KustoClient, table: str) -> None:
    ingest.ingest_from_dataframe(pd.DataFrame({"N": [1, 2], "S": ["a", "b"]}), properties(table, DataFormat.JSON))
    assert arrived(client, table) == ROWS


@pytest.mark.slow
def test_without_a_flush_rows_come_with_their_batch(
    ingest: QueuedIngestClient, client: KustoClient, table: str
) -> None:
    for number in range(5):
        ingest.ingest_from_stream(io.BytesIO(b"%d,x\n" % number), properties(table, flush_immediately=False))
    assert arrived(client, table, 5) == [[number, "x"] for number in range(5)]


@pytest.mark.slow
def test_a_large_blob_comes_in_blocks(ingest: QueuedIngestClient, client: KustoClient, table: str) -> None:
    data = b"".join(b"%d,%d\n" % (number, number) for number in range(1000))
    address = object_in(resource(client, "TempStorage"), "folder/large.csv")
    with BlobClient.from_blob_url(address, max_single_put_size=1024, max_block_size=1024) as blob:
        blob.upload_blob(data)
        assert blob.get_blob_properties().size == len(data)
        assert blob.download_blob().readall() == data
        assert blob.download_blob(offset=10, length=20).readall() == data[10:30]
    ingest.ingest_from_blob(BlobDescriptor(address), properties(table))
    assert arrived(client, table, 1000)[999] == [999, "999"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "format", "more", "code", "words"),
    [
        (b'{"N": ', DataFormat.JSON, {}, "BadRequest_InvalidJson", "JSON"),
        (b"", DataFormat.JSON, {}, "BadRequest_EmptyBlob", "empty"),
        (
            CSV,
            DataFormat.CSV,
            {"column_mappings": [ColumnMapping("Nowhere", "long", ordinal=0)]},
            "BadRequest_InvalidMapping",
            "Nowhere",
        ),
        (
            b"{}",
            DataFormat.JSON,
            {"ingestion_mapping_reference": "none", "ingestion_mapping_kind": IngestionMappingKind.JSON},
            "BadRequest_EntityNotFound",
            "none",
        ),
        (CSV, DataFormat.ORC, {}, "BadRequest_InvalidFormat", "orc"),
        (
            b"{}",
            DataFormat.JSON,
            {"ignore_first_record": True},
            "BadRequest_InvalidIngestionProperty",
            "ignoreFirstRecord",
        ),
    ],
)
def test_what_cannot_be_ingested_says_why(
    ingest: QueuedIngestClient,
    client: KustoClient,
    table: str,
    data: bytes,
    format: DataFormat,
    more: dict[str, object],
    code: str,
    words: str,
) -> None:
    stream = StreamDescriptor(io.BytesIO(data), is_compressed=True)
    result = ingest.ingest_from_stream(stream, properties(table, format, report_level=ReportLevel.FailuresOnly, **more))
    (failure,) = failures(client, table)
    assert failure["ErrorCode"] == code
    assert words in str(failure["Details"])
    assert str(result.source_id) in str(failure["IngestionSourcePath"])
    assert "sig=" not in str(failure)
    assert rows(client, table) == []
    (report,) = reports(outcomes(ingest).failure.pop(20), table)
    assert (report["IngestionSourceId"], report["ErrorCode"]) == (str(result.source_id), code)


def test_an_unknown_table_is_reported(ingest: QueuedIngestClient, client: KustoClient) -> None:
    ingest.ingest_from_stream(io.BytesIO(CSV), properties("Nowhere"))
    assert "Nowhere" in str(failures(client, "Nowhere")[0]["Details"])


@pytest.mark.slow
def test_other_addresses_are_never_read(ingest: QueuedIngestClient, client: KustoClient, table: str) -> None:
    asked: list[str] = []

    async def tempting(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(str(scope["path"]))

    with serving(tempting) as elsewhere:
        asked.clear()
        for address in (f"{elsewhere}/storage/ingestion-blobs/rows.csv?sig=x", "file:///etc/passwd", "/etc/passwd"):
            ingest.ingest_from_blob(BlobDescriptor(address), properties(table))
        found = failures(client, table, 3)
    assert [each["ErrorCode"] for each in found] == ["BadRequest_InvalidBlob"] * 3
    assert asked == []


@pytest.mark.slow
def test_a_bad_message_leaves_its_neighbors_alone(ingest: QueuedIngestClient, client: KustoClient, table: str) -> None:
    for data in (b"1,a\n", b"\xff\xfe,\xff", b"2,b\n"):
        ingest.ingest_from_stream(
            StreamDescriptor(io.BytesIO(data), is_compressed=True), properties(table, flush_immediately=False)
        )
    assert arrived(client, table) == ROWS
    assert failures(client, table)[0]["ErrorCode"] == "BadRequest_InvalidEncoding"


@pytest.mark.slow
def test_a_tag_is_ingested_once_while_its_rows_are_there(
    ingest: QueuedIngestClient, client: KustoClient, table: str
) -> None:
    wanted = properties(
        table, ingest_by_tags=["day 5"], ingest_if_not_exists=["day 5"], report_level=ReportLevel.FailuresAndSuccesses
    )
    for _ in range(3):
        ingest.ingest_from_stream(io.BytesIO(CSV), wanted)
    queue = outcomes(ingest).failure
    skipped = eventually(lambda: reports(queue.peek(20), table), lambda found: len(found) >= 2)
    assert {each["ErrorCode"] for each in skipped} == {"Skipped_IngestByTagAlreadyExists"}
    assert rows(client, table) == ROWS
    client.execute(DATABASE, f".clear table {table} data")
    ingest.ingest_from_stream(io.BytesIO(CSV), wanted)
    assert arrived(client, table) == ROWS


@pytest.mark.slow
def test_successes_are_reported_to_who_asks(ingest: QueuedIngestClient, client: KustoClient, table: str) -> None:
    for level in (ReportLevel.FailuresOnly, ReportLevel.DoNotReport, ReportLevel.FailuresAndSuccesses):
        ingest.ingest_from_stream(io.BytesIO(CSV), properties(table, report_level=level))
        arrived(client, table, 2 * level + 2)
    queue = outcomes(ingest).success
    (success,) = eventually(lambda: reports(queue.pop(20), table), bool)
    assert (success["Database"], success["Table"]) == (DATABASE, table)
    assert reports(queue.peek(20), table) == []


def send(client: KustoClient, document: object) -> None:
    address = resource(client, "SecuredReadyForAggregationQueue")
    text = document if isinstance(document, str) else json.dumps(document)
    with QueueClient.from_queue_url(address, message_encode_policy=TextBase64EncodePolicy()) as queue:
        queue.send_message(text)


@pytest.mark.slow
def test_a_message_that_is_sent_again_is_one_message(client: KustoClient, table: str) -> None:
    address = object_in(resource(client, "TempStorage"), f"{table}.csv")
    with BlobClient.from_blob_url(address) as blob:
        blob.upload_blob(CSV)
    message = {
        "Id": str(uuid.uuid4()), "BlobPath": address, "DatabaseName": DATABASE, "TableName": table,
        "SourceMessageCreationTime": "2026-01-05T10:00:00", "AdditionalProperties": {"format": "csv"},
    }  # fmt: skip
    send(client, message)
    send(client, message)
    assert arrived(client, table) == ROWS
    # After its ingestion too; a message of its own is another one, and comes after what is not to come.
    send(client, message)
    send(client, {**message, "SourceMessageCreationTime": "2026-01-05T10:00:01"})
    assert arrived(client, table, 4) == [[1, "a"], [1, "a"], [2, "b"], [2, "b"]]


@pytest.mark.parametrize("is_retained", [True, False])
def test_a_blob_goes_after_its_ingestion_as_asked(client: KustoClient, table: str, is_retained: bool) -> None:
    address = object_in(resource(client, "TempStorage"), f"{table}.csv")
    with BlobClient.from_blob_url(address) as blob:
        blob.upload_blob(CSV)
        message = {
            "BlobPath": address, "DatabaseName": DATABASE, "TableName": table, "RetainBlobOnSuccess": is_retained,
            "AdditionalProperties": {"format": "csv"},
        }  # fmt: skip
        send(client, message)
        assert arrived(client, table) == ROWS
        if is_retained:
            assert blob.get_blob_properties().size == len(CSV)
        else:
            assert eventually(blob.exists, lambda exists: not exists) is False


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ({"BlobPath": "x", "DatabaseName": DATABASE}, "TableName"),
        ({"DatabaseName": DATABASE, "TableName": "T"}, "BlobPath"),
        ({"BlobPath": "x", "DatabaseName": DATABASE, "TableName": "T", "ReportLevel": 7}, "ReportLevel"),
        (
            {
                "BlobPath": "x", "DatabaseName": DATABASE, "TableName": "T",
                "AdditionalProperties": {"ingestIfNotExists": "no list"},
            },
            "ingestIfNotExists",
        ),
    ],
)  # fmt: skip
def test_a_message_that_nobody_could_be_told_of_is_refused(client: KustoClient, document: object, words: str) -> None:
    with pytest.raises(HttpResponseError, match=words) as caught:
        send(client, document)
    assert caught.value.status_code == 400


@pytest.mark.slow
def test_a_status_is_found_by_its_source(ingest: QueuedIngestClient, client: KustoClient, table: str) -> None:
    result = ingest.ingest_from_stream(io.BytesIO(CSV), properties(table))
    key = f"(PartitionKey='{result.source_id}',RowKey='{result.source_id}')"
    root, _, signature = resource(client, "IngestionsStatusTable").partition("?")

    def status() -> dict[str, object]:
        return dict(httpx.get(f"{root}{key}?{signature}").json())

    entity = eventually(status, lambda found: found.get("Status") != "Queued")
    assert (entity["Status"], entity["Table"]) == ("Succeeded", table)
    unknown = httpx.get(f"{root}{key.replace(str(result.source_id), 'x')}?{signature}")
    assert unknown.status_code == 404


@pytest.mark.parametrize("kind", [KustoStreamingIngestClient, ManagedStreamingIngestClient])
def test_a_blob_of_ours_is_streamed_at_once(
    url: str,
    client: KustoClient,
    table: str,
    kind: type[KustoStreamingIngestClient] | type[ManagedStreamingIngestClient],
) -> None:
    root = str(client.execute(DATABASE, ".show export containers").primary_results[0][0]["StorageRoot"])
    address = object_in(root, f"{table}.csv.gz")
    with BlobClient.from_blob_url(address) as blob, kind(url) as streaming:
        blob.upload_blob(gzip.compress(CSV))
        result = streaming.ingest_from_blob(BlobDescriptor(address), properties(table))
        assert result.status is IngestionStatus.SUCCESS
        assert rows(client, table) == ROWS


@pytest.mark.slow
def test_only_what_was_handed_out_opens_a_resource(client: KustoClient) -> None:
    blobs, queue = resource(client, "TempStorage"), resource(client, "SecuredReadyForAggregationQueue")
    signature = blobs.partition("?")[2]
    address = object_in(blobs, "x")
    for refused in (
        address.partition("?")[0],
        address[:-1] + ("0" if address[-1] != "0" else "1"),
        address.replace("ingestion-blobs", "export-blobs"),
        address.replace("sp=rw", "sp=rwd"),
        address.replace("se=20", "se=21"),
    ):
        assert httpx.put(refused, content=b"x").status_code == 403
    assert httpx.get(f"{queue.replace('?', '/messages?')}&peekonly=true").status_code == 403
    assert httpx.post(f"{queue.partition('?')[0]}/messages?{signature}", content=b"x").status_code == 403
    assert httpx.put(address, content=b"x").status_code == 201
    with pytest.raises(ResourceNotFoundError, match="does not exist"):
        BlobClient.from_blob_url(object_in(blobs, "missing")).download_blob()


@pytest.mark.slow
def test_a_token_guards_what_hands_out_the_addresses(eventhouse: Eventhouse, client: KustoClient, table: str) -> None:
    with serving(create_app(eventhouse, token=TOKEN)) as guarded:
        builder = KustoConnectionStringBuilder.with_aad_user_token_authentication(guarded, TOKEN)
        with QueuedIngestClient(builder) as ingest:
            ingest.ingest_from_stream(io.BytesIO(CSV), properties(table))
        assert arrived(client, table) == ROWS
        assert httpx.put(f"{guarded}/storage/ingestion-blobs/x", content=b"x").status_code == 403
        assert httpx.post(f"{guarded}/v1/rest/mgmt", json={"csl": ".get ingestion resources"}).status_code == 401
