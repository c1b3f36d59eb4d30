"""Microsoft's streaming ingestion client, unmodified: formats, mappings, compression, data frames."""

import gzip
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd  # type: ignore[import-untyped]  # it has no stubs here
import pytest
from azure.kusto.data import KustoClient
from azure.kusto.data.data_format import DataFormat, IngestionMappingKind
from azure.kusto.data.exceptions import KustoApiError
from azure.kusto.ingest import IngestionProperties, KustoStreamingIngestClient, StreamDescriptor

from tests.emulator.server.sdk import status_of

DATABASE = "NetDefaultDB"


@pytest.fixture
def ingest(url: str, client: KustoClient) -> Iterator[KustoStreamingIngestClient]:
    with KustoStreamingIngestClient(url) as ingest:
        yield ingest
    client.execute(DATABASE, ".clear table Readings data")


def readings(client: KustoClient) -> list[list[object]]:
    table = client.execute(DATABASE, "Readings | sort by At asc, Sensor asc").primary_results[0]
    return [row.to_list() for row in table]


def properties(format: DataFormat, mapping: str | None = None, table: str = "Readings") -> IngestionProperties:
    if mapping is None:
        return IngestionProperties(DATABASE, table, data_format=format)
    return IngestionProperties(
        DATABASE,
        table,
        data_format=format,
        ingestion_mapping_kind=IngestionMappingKind.JSON,
        ingestion_mapping_reference=mapping,
    )


EXPECTED = [
    [datetime(2026, 1, 5, 10, tzinfo=UTC), "a", 1.5],
    [datetime(2026, 1, 5, 11, tzinfo=UTC), 'it\'s, "b"', None],
]
JSON_LINES = (
    b'{"at": "2026-01-05T10:00:00Z", "sensor": "a", "value": 1.5}\n'
    b'{"at": "2026-01-05T11:00:00Z", "sensor": "it\'s, \\"b\\"", "value": null}\n'
)
CSV_LINES = b'2026-01-05T10:00:00Z,a,1.5\n2026-01-05T11:00:00Z,"it\'s, ""b""",\n'


def test_json_lines_go_through_a_mapping(ingest: KustoStreamingIngestClient, client: KustoClient) -> None:
    ingest.ingest_from_stream(io.BytesIO(JSON_LINES), properties(DataFormat.JSON, "readings"))
    assert readings(client) == EXPECTED


def test_csv_needs_no_mapping(ingest: KustoStreamingIngestClient, client: KustoClient) -> None:
    ingest.ingest_from_stream(io.BytesIO(CSV_LINES), properties(DataFormat.CSV))
    assert readings(client) == EXPECTED


def test_data_compressed_by_the_caller_are_recognized(ingest: KustoStreamingIngestClient, client: KustoClient) -> None:
    stream = StreamDescriptor(io.BytesIO(gzip.compress(CSV_LINES)), is_compressed=True)
    ingest.ingest_from_stream(stream, properties(DataFormat.CSV))
    assert readings(client) == EXPECTED


def test_parquet_is_not_gzip_whatever_the_header_says(ingest: KustoStreamingIngestClient, client: KustoClient) -> None:
    frame = pd.DataFrame({"At": pd.to_datetime(["2026-01-05T10:00:00"]), "Sensor": ["a"], "Value": [1.5]})
    stream = io.BytesIO(frame.to_parquet(index=False))
    ingest.ingest_from_stream(stream, properties(DataFormat.PARQUET))
    assert readings(client) == EXPECTED[:1]


def test_a_data_frame_is_ingested_by_the_names_of_its_columns(
    ingest: KustoStreamingIngestClient, client: KustoClient
) -> None:
    frame = pd.DataFrame(
        {"At": pd.to_datetime(["2026-01-05T10:00:00", "2026-01-05T11:00:00"]), "Sensor": ["a", EXPECTED[1][1]],
         "Value": [1.5, None]}
    )  # fmt: skip
    ingest.ingest_from_dataframe(frame, properties(DataFormat.JSON))
    assert readings(client) == EXPECTED


def test_every_type_of_a_data_frame_arrives(ingest: KustoStreamingIngestClient, client: KustoClient) -> None:
    frame = pd.DataFrame(
        {
            "rownumber": [1],
            "xdouble": [0.5],
            "xbool": [True],
            "xint64": [2**53],
            "xdate": pd.to_datetime(["2026-01-02T03:04:05.678"]),
            "xsmalltext": ["é"],
            "xtime": [pd.Timedelta(days=1, seconds=2)],
            "xguid": ["74be27de-1e4e-49d9-b579-fe0b331d3642"],
            "xdynamic": [{"a": [1, 2]}],
        }
    )
    ingest.ingest_from_dataframe(frame, properties(DataFormat.JSON, table="Types"))
    (row,) = client.execute(DATABASE, "Types").primary_results[0]
    assert (row["rownumber"], row["xdouble"], row["xbool"], row["xint64"]) == (1, 0.5, True, 2**53)
    assert row["xdate"] == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert row["xtime"].total_seconds() == 86_402
    assert (row["xsmalltext"], row["xguid"], row["xdynamic"]) == ("é", frame["xguid"][0], {"a": [1, 2]})
    assert row["xint32"] is None


@pytest.mark.parametrize(
    ("data", "wanted", "words"),
    [
        (JSON_LINES, properties(DataFormat.JSON, "no_such_mapping"), "no_such_mapping"),
        (CSV_LINES, properties(DataFormat.CSV, table="NoSuchTable"), "NoSuchTable"),
        (b'{"at": ', properties(DataFormat.JSON, "readings"), "JSON"),
    ],
)
def test_a_refused_batch_says_why_and_leaves_nothing(
    ingest: KustoStreamingIngestClient, client: KustoClient, data: bytes, wanted: IngestionProperties, words: str
) -> None:
    with pytest.raises(KustoApiError, match=words) as caught:
        ingest.ingest_from_stream(io.BytesIO(data), wanted)
    assert status_of(caught.value) == 400
    assert readings(client) == []


def test_an_acknowledged_batch_is_visible_at_once(ingest: KustoStreamingIngestClient, client: KustoClient) -> None:
    for expected in (2, 4, 6):
        ingest.ingest_from_stream(io.BytesIO(CSV_LINES), properties(DataFormat.CSV))
        assert client.execute(DATABASE, "Readings | count").primary_results[0][0][0] == expected
