"""Batches into a remote Eventhouse with the SDK's clients: streaming, queued, or streaming with a fall-back."""

import io
import threading
from typing import assert_never

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

from emulator.errors import EngineFault
from kql.client import IngestionWay
from kql.client.connection import connection

_TOO_LARGE = 413


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

    def send(self, data: bytes, properties: IngestionProperties) -> bool:
        """Ingest a batch and return whether it is queued. Raises the SDK's errors."""
        client = self._open()
        try:
            result = client.ingest_from_stream(io.BytesIO(data), properties)
        except KustoServiceError as error:
            if not isinstance(client, ManagedStreamingIngestClient):
                raise
            result = _after(error, client, data, properties)
        return result.status is IngestionStatus.QUEUED

    def close(self) -> None:
        """Release the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()

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
