"""Batches into a remote Eventhouse with the SDK's clients: streaming, queued, or streaming with a fall-back.

Loading this module loads the SDK's packages for ingestion, so only `remote` does it, for the first batch.
"""

import io
import threading
from typing import assert_never

from azure.kusto.data.data_format import DataFormat
from azure.kusto.data.exceptions import KustoServiceError
from azure.kusto.ingest import (
    IngestionProperties,
    IngestionResult,
    IngestionStatus,
    KustoStreamingIngestClient,
    ManagedStreamingIngestClient,
    QueuedIngestClient,
)
from azure.kusto.ingest.base_ingest_client import BaseIngestClient
from azure.kusto.ingest.exceptions import KustoQueueError

from emulator.errors import EngineFault
from kql.client import IngestFormat, IngestionWay
from kql.client.connection import connection
from kql.client.faults import not_queued

_TOO_LARGE = 413
_FORMATS: dict[IngestFormat, DataFormat] = {
    "json": DataFormat.JSON,
    "multijson": DataFormat.MULTIJSON,
    "csv": DataFormat.CSV,
    "parquet": DataFormat.PARQUET,
}


class RemoteIngestion:
    """One of the SDK's clients, opened for the first batch. Its methods block; they may be called from several threads.

    The managed client asks three times, with waits of up to some seconds, before it queues a batch or gives up: a batch
    may arrive twice, and only what is written once per event id is safe with it.
    """

    def __init__(self, url: str, way: IngestionWay) -> None:
        self._url = url
        self._way = way
        self._lock = threading.Lock()
        self._client: BaseIngestClient | None = None

    def send(self, database: str, table: str, data: bytes, format: IngestFormat, mapping: str | None) -> bool:
        """Ingest a batch and return whether it is queued. Raises the SDK's errors, or EngineFault without a queue."""
        properties = IngestionProperties(
            database,
            table,
            data_format=_FORMATS[format],
            ingestion_mapping_reference=mapping,
            ingestion_mapping_kind=_FORMATS[format].ingestion_mapping_kind if mapping else None,
        )
        try:
            return self._send(data, properties).status is IngestionStatus.QUEUED
        except KustoQueueError as error:
            raise not_queued(error) from error

    def close(self) -> None:
        """Release the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()

    def _send(self, data: bytes, properties: IngestionProperties) -> IngestionResult:
        client = self._open()
        try:
            return client.ingest_from_stream(io.BytesIO(data), properties)
        except KustoServiceError as error:
            if not isinstance(client, ManagedStreamingIngestClient):
                raise
            return _after(error, client, data, properties)

    def _open(self) -> BaseIngestClient:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> BaseIngestClient:
        match self._way:
            case "streaming":
                return KustoStreamingIngestClient(connection(self._url, is_async=False))
            case "queued":
                return QueuedIngestClient(connection(self._url, is_async=False))
            case "managed":
                return ManagedStreamingIngestClient(
                    connection(self._url, is_async=False), connection(self._url, is_async=False)
                )
            case _:
                assert_never(self._way)


def _after(
    error: KustoServiceError, client: ManagedStreamingIngestClient, data: bytes, properties: IngestionProperties
) -> IngestionResult:
    """Do what the managed client leaves undone after an error, or raise it."""
    answer = error.http_response
    if getattr(answer, "status_code", None) == _TOO_LARGE:
        # The client measures compressed data, the service may not.
        return client.queued_client.ingest_from_stream(io.BytesIO(data), properties)
    if "/rest/ingest/" not in str(getattr(answer, "url", "/rest/ingest/")):
        # The service was asked for its queues because streaming failed for now: that is what may pass.
        raise EngineFault(
            "streaming ingestion is not possible for now, and there is no queue to fall back on", "TH_NO_QUEUE"
        ) from error
    raise error
