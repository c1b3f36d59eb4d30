"""What storage endpoints share: numbers of a query, addresses of blobs, times, and faults as documents."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from emulator.engine.queued.access import LIFETIME, Access, AccessDenied
from emulator.engine.queued.blobs import BlobNotFound
from emulator.errors import EngineFault, KustoError
from emulator.server.queued.storage import Storage, fault_response, http_date, number, without_query


@pytest.mark.parametrize(("text", "found"), [(None, 5), ("1", 1), ("32", 32), ("007", 7)])
def test_a_number_of_a_query(text: str | None, found: int) -> None:
    query: Mapping[str, str] = {} if text is None else {"n": text}
    assert number(query, "n", 5, 32) == found


@pytest.mark.parametrize("text", ["0", "33", "-1", "", "x", "1.0"])
def test_what_is_no_number_of_a_query(text: str) -> None:
    with pytest.raises(KustoError) as caught:
        number({"n": text}, "n", 5, 32)
    assert caught.value.message == f"'n' is a number from 1 to 32, found '{text}'."
    assert caught.value.code == "OutOfRangeQueryParameterValue"


@pytest.mark.parametrize(
    ("address", "rest"),
    [("https://a/b?c=d?e", "https://a/b"), ("https://a/b;key=c", "https://a/b"), ("https://a/b", "https://a/b")],
)
def test_an_address_without_its_secrets(address: str, rest: str) -> None:
    assert without_query(address) == rest


def test_times() -> None:
    moment = "Fri, 01 Mar 2024 15:00:00 GMT"
    assert http_date(1_709_305_200.0) == moment
    assert http_date(datetime(2024, 3, 1, 15)) == moment  # noqa: DTZ001 - naive UTC, as the engine keeps it


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (KustoError("m & n", "BlobNotFound", hint="h"), 404, "m &amp; n Hint: h"),
        (KustoError("m", "MessageNotFound"), 404, "m"),
        (KustoError("m", "ResourceNotFound"), 404, "m"),
        (KustoError("m", "EntityAlreadyExists"), 409, "m"),
        (BlobNotFound("m", "Another"), 404, "m"),
        (KustoError("m", "Another"), 400, "m"),
        (EngineFault("m", "InternalError"), 500, "m"),
    ],
)
def test_faults(fault: KustoError, status: int, text: str) -> None:
    answer = fault_response(fault)
    assert answer.status_code == status
    assert bytes(answer.body).decode() == (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{fault.code}</Code><Message>{text}</Message></Error>'
    )
    assert answer.headers["x-ms-error-code"] == fault.code
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["x-ms-version"] == "2021-08-06"
    assert len(answer.headers["x-ms-request-id"]) == 36


ACCESS = Access(b"key")


def refusal(address: str) -> tuple[str, str]:
    with pytest.raises(KustoError) as caught:
        Storage(ACCESS).own_blob(address)
    return caught.value.message, caught.value.code


@pytest.mark.parametrize("container", ["ingestion-blobs", "export-blobs"])
def test_a_blob_of_ours(container: str) -> None:
    signed = ACCESS.signed(container, "r")
    path, _, query = signed.partition("?")
    assert path == f"/storage/{container}"
    assert Storage(ACCESS).own_blob(f"http://here{path}/a%20b/c?{query}") == f"{container}/a b/c"


@pytest.mark.parametrize(
    "address",
    [
        "http://here/storage/ingestion-blobs",
        "http://here/storage/ingestion-blobs/",
        "http://here/storage/other/a",
        "http://here/elsewhere/ingestion-blobs/a",
        "ingestion-blobs/a",
        "http://[/storage/ingestion-blobs/a",
    ],
)
def test_a_blob_of_others(address: str) -> None:
    assert refusal(f"{address}?secret") == (
        f"'{address}' is no blob of this Eventhouse, and no other addresses are read.",
        "BadRequest_ForeignBlob",
    )


def test_a_blob_without_the_right_to_read_it() -> None:
    for permissions, message in (
        ("w", "The signature does not permit 'r'."),
        ("", "The signature does not permit 'r'."),
    ):
        path, _, query = ACCESS.signed("ingestion-blobs", permissions).partition("?")
        assert refusal(f"{path}/a?{query}") == (message, "AuthorizationPermissionMismatch")
    _, _, query = ACCESS.signed("export-blobs", "r").partition("?")
    assert refusal(f"/storage/ingestion-blobs/a?{query}") == (
        "The signature is missing or not valid for this resource.",
        "AuthenticationFailed",
    )


def test_a_signature_ends_after_its_last_second() -> None:
    made = datetime(2024, 3, 1, 15, tzinfo=UTC)
    query = dict(parse_qsl(ACCESS.signed("export-blobs", "rw", made).partition("?")[2]))
    ACCESS.check("export-blobs", query, "w", made + LIFETIME)
    with pytest.raises(AccessDenied) as caught:
        ACCESS.check("export-blobs", query, "w", made + LIFETIME + timedelta(seconds=1))
    assert caught.value.message == f"The signature ended at {query['se']}."
