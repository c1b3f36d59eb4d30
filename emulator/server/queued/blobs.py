"""Blob endpoints: upload at once or by blocks, read, and ask for the size."""

import re

from starlette.requests import Request
from starlette.responses import Response

from emulator.engine.queued.blobs import Blob, BlobStore
from emulator.errors import KustoError
from emulator.lanes.lanes import Lanes
from emulator.server.bodies import MAX_BODY
from emulator.server.queued.documents import NotReadable, read_document
from emulator.server.queued.storage import SECONDS, Storage, http_date
from emulator.work import Work

# Names of 50,000 blocks, the most that a blob has on the service.
_MAX_LIST = 8 * 1024 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class BlobEndpoint:
    """The blobs of the containers that were handed out."""

    def __init__(self, blobs: BlobStore, storage: Storage, lanes: Lanes) -> None:
        self._blobs = blobs
        self._storage = storage
        self._lanes = lanes

    async def run(self, request: Request) -> Response:
        """Answer one request for a blob."""
        return await self._storage.run(request, self._put if request.method == "PUT" else self._get)

    async def _put(self, request: Request) -> Response:
        key = self._key(request, "w")
        part = request.query_params.get("comp", "")
        async with self._storage.body(request, _MAX_LIST if part == "blocklist" else MAX_BODY) as data:
            match part:
                case "":
                    if request.headers.get("x-ms-blob-type", "BlockBlob").lower() != "blockblob":
                        raise KustoError("Only block blobs are kept.", "InvalidBlobType")
                    blob = await self._lanes.ingest(Work(SECONDS), lambda _: self._blobs.put(key, data))
                case "block":
                    block = request.query_params.get("blockid", "")
                    await self._lanes.ingest(Work(SECONDS), lambda _: self._blobs.put_block(key, block, data))
                    return Response(status_code=201)
                case "blocklist":
                    blob = await self._lanes.ingest(
                        Work(SECONDS), lambda _: self._blobs.commit_blocks(key, _block_list(data))
                    )
                case _:
                    raise KustoError(f"'comp={part}' of a blob is not built here.", "UnsupportedQueryParameter")
        return Response(status_code=201, headers=_headers(blob))

    async def _get(self, request: Request) -> Response:
        key = self._key(request, "r")
        blob = await self._lanes.ingest(Work(SECONDS), lambda _: self._blobs.find(key))
        headers = {**_headers(blob), "x-ms-blob-type": "BlockBlob", "Accept-Ranges": "bytes"}
        if request.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(blob.size)}, media_type=_MEDIA_TYPE)
        asked = request.headers.get("x-ms-range") or request.headers.get("range")
        if not asked:
            data = await self._lanes.ingest(Work(SECONDS), lambda _: self._blobs.read(key))
            return Response(data, headers=headers, media_type=_MEDIA_TYPE)
        start, end = _range(asked, blob.size)
        data = await self._lanes.ingest(Work(SECONDS), lambda _: self._blobs.read(key, start, end - start))
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size}"
        return Response(data, 206, headers, _MEDIA_TYPE)

    def _key(self, request: Request, permission: str) -> str:
        container = request.path_params["container"]
        self._storage.check(request, container, permission)
        return f"{container}/{request.path_params['blob']}"


_MEDIA_TYPE = "application/octet-stream"


def _headers(blob: Blob) -> dict[str, str]:
    return {"ETag": blob.tag, "Last-Modified": http_date(blob.modified), "x-ms-request-server-encrypted": "false"}


def _block_list(data: bytes) -> list[str]:
    try:
        root = read_document(data)
    except NotReadable as error:
        raise KustoError(f"The list of blocks {error}.", "InvalidXmlDocument") from error
    return [each.text or "" for each in root if each.tag in ("Latest", "Uncommitted", "Committed")]


def _range(text: str, size: int) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None or int(match[1]) >= size:
        raise _OutOfRange(f"The range '{text}' is not within the {size} bytes of the blob.", "InvalidRange")
    return int(match[1]), min(int(match[2]) + 1, size) if match[2] else size


class _OutOfRange(KustoError):
    http_status = 416
