"""A message of queued ingestion as clients write it: JSON in base64 in XML."""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Mapping
from hashlib import sha256

from emulator.engine.queued.message import IngestionMessage, ReportLevel
from emulator.errors import KustoError
from emulator.server.queued.documents import NotReadable, read_document
from emulator.server.queued.storage import without_query

MAX_MESSAGE = 64 * 1024
# In base64, with the elements around it.
MAX_MESSAGE_BODY = 128 * 1024


def message_text(body: bytes) -> str:
    """Return the text of the message in the body of a request to a queue."""
    try:
        text = read_document(body).findtext("MessageText") or ""
        if len(text) > MAX_MESSAGE * 4 // 3 + 4:
            raise _bad(f"it is larger than {MAX_MESSAGE} bytes")
        return base64.b64decode(text, validate=True).decode()
    except NotReadable as error:
        raise _bad(f"the request {error}") from error
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _bad(f"its text is not base64 of UTF-8: {error}") from error


def parse_message(text: str, own_blob: Callable[[str], str]) -> IngestionMessage:
    """Read a message; `own_blob` turns an address into a key, or refuses it.

    A message that nobody could be told the outcome of is refused at once. Whatever else is wrong with one becomes its
    outcome, as on the service.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _bad(f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _bad("it is not a JSON object")
    more = document.get("AdditionalProperties") or {}
    if not isinstance(more, dict):
        raise _bad("'AdditionalProperties' is not a JSON object")
    path = _text(document, "BlobPath", required=True)
    blob = refusal = ""
    format_ = _text(more, "format")
    try:
        blob = own_blob(path)
        if not format_:
            raise KustoError("The message names no data format.", hint="set 'format' in AdditionalProperties")
    except KustoError as fault:
        blob, refusal = "", fault.message + (f" Hint: {fault.hint}" if fault.hint else "")
    source_id = _text(document, "Id")
    return IngestionMessage(
        source_id=source_id or str(uuid.uuid4()),
        database=_text(document, "DatabaseName", required=True),
        table=_text(document, "TableName", required=True),
        format=format_.lower(),
        path=without_query(path),
        blob=blob,
        refusal=refusal,
        mapping=_text(more, "ingestionMappingReference") or _text(more, "mappingReference") or None,
        inline_mapping=_text(more, "ingestionMapping") or None,
        ignore_first_record=_flag(more, "ignoreFirstRecord", default=False),
        tags=_list(more, "tags"),
        if_not_exists=_list(more, "ingestIfNotExists"),
        flush_immediately=_flag(document, "FlushImmediately", default=False),
        retain_blob=_flag(document, "RetainBlobOnSuccess", default=True),
        report_level=_level(document.get("ReportLevel", 0)),
        # Clients write the time and an id into a message, and send the same text again when no answer came.
        digest=sha256(text.encode()).hexdigest() if source_id else "",
    )


def _text(document: Mapping[str, object], name: str, *, required: bool = False) -> str:
    value = document.get(name)
    if isinstance(value, str) and (value or not required):
        return value
    if value is None and not required:
        return ""
    raise _bad(f"'{name}' is missing" if value in (None, "") else f"'{name}' is not a text")


def _flag(document: Mapping[str, object], name: str, *, default: bool) -> bool:
    value = document.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _bad(f"'{name}' is neither true nor false")


def _list(document: Mapping[str, object], name: str) -> tuple[str, ...]:
    # A JSON list in a string; a bare list is read too.
    value = document.get(name)
    if value in (None, ""):
        return ()
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise _bad(f"'{name}' is not a JSON list: {error}") from error
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise _bad(f"'{name}' is not a JSON list of texts")
    return tuple(listed)


def _level(value: object) -> ReportLevel:
    names = {"failuresonly": 0, "donotreport": 1, "none": 1, "failuresandsuccesses": 2}
    found = names.get(value.lower(), value) if isinstance(value, str) else value
    if found in (0, 1, 2):
        return ReportLevel(int(str(found)))
    raise _bad(f"'ReportLevel' is 0, 1 or 2, found {value!r}")


def _bad(problem: str) -> KustoError:
    return KustoError(f"The ingestion message cannot be read: {problem}.", "InvalidIngestionMessage")
