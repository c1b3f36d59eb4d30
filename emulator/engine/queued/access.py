"""Shared access signatures: who holds one may use one container, queue or table, until it ends.

They are how clients that were let in once reach the blob and queue endpoints, which know no other sign of it.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

import duckdb

from emulator.errors import KustoError
from emulator.sql.ast import Select
from emulator.sql.build import columns
from emulator.sql.record_table import RecordTable
from emulator.sql.render import render

ACCOUNT = "storage"
SCRATCH = "ingestion-blobs"
EXPORT = "export-blobs"
INGESTION_QUEUE = "ready-for-aggregation"
STATUS_TABLE = "ingestionstatuses"
LIFETIME = timedelta(days=1)

_KEYS = RecordTable("$storage_key", {"key": "BLOB"})
_VERSION = "2021-08-06"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class AccessDenied(KustoError):
    """A request to the storage endpoints without a valid signature."""

    kind = "Access denied"
    http_status = 403


@dataclass(frozen=True, slots=True)
class Access:
    """Makes signatures and checks them."""

    key: bytes

    def signed(self, resource: str, permissions: str, now: datetime | None = None) -> str:
        """Return the path of a resource with a signature for letters such as `rw`."""
        expiry = ((now or datetime.now(UTC)) + LIFETIME).strftime(_TIME)
        query = {"sv": _VERSION, "sp": permissions, "se": expiry, "sig": self._signature(resource, permissions, expiry)}
        return f"/{ACCOUNT}/{resource}?{urlencode(query)}"

    def check(self, resource: str, query: Mapping[str, str], permission: str = "", now: datetime | None = None) -> None:
        """Raise AccessDenied unless a request's query carries a valid signature with this permission."""
        permissions, expiry = query.get("sp", ""), query.get("se", "")
        expected = self._signature(resource, permissions, expiry)
        if not hmac.compare_digest(query.get("sig", "").encode(), expected.encode()):
            raise AccessDenied(
                "The signature is missing or not valid for this resource.",
                "AuthenticationFailed",
                hint="take the address from '.get ingestion resources'",
            )
        if expiry < (now or datetime.now(UTC)).strftime(_TIME):
            raise AccessDenied(f"The signature ended at {expiry}.", "AuthenticationFailed", hint="ask for a new one")
        if permission not in permissions:
            raise AccessDenied(f"The signature does not permit '{permission}'.", "AuthorizationPermissionMismatch")

    def identity_token(self) -> str:
        """Return what clients send along with their messages."""
        return self._signature("identity", "", "")

    def _signature(self, resource: str, permissions: str, expiry: str) -> str:
        text = f"{ACCOUNT}/{resource}\n{permissions}\n{expiry}"
        return hmac.new(self.key, text.encode(), sha256).hexdigest()


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the key of this Eventhouse where there is none: signatures outlive the process."""
    connection.execute(render(_KEYS.creation))
    if not _keys(connection):
        connection.execute(render(_KEYS.insertion), {"key": secrets.token_bytes()})


def open_access(connection: duckdb.DuckDBPyConnection) -> Access:
    """Return the access with the key of this Eventhouse."""
    ((key,),) = _keys(connection)
    return Access(bytes(key))


def _keys(connection: duckdb.DuckDBPyConnection) -> list[tuple[bytes]]:
    return connection.execute(render(Select(columns(_KEYS.types), _KEYS.rows))).fetchall()
