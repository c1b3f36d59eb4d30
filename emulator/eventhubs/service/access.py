"""Who may do what: shared access signatures, as `sr`, `sig`, `se` and `skn` of a token."""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, quote_plus, urlsplit

from emulator.eventhubs.errors import HubError

POLICY = "RootManageSharedAccessKey"
# What a connection string must carry even where nobody checks it.
OPEN_KEY = "SAS_KEY_VALUE"
_PREFIX = "SharedAccessSignature "
_MOST_FIELDS = 100
_SAS = "servicebus.windows.net:sastoken"
UNAUTHORIZED = "amqp:unauthorized-access"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: everything below a path, until a time in seconds since 1970."""

    path: str
    expires: float

    def covers(self, entity: str) -> bool:
        """Say whether the grant is for an entity, and still valid."""
        is_below = self.path == "" or f"{entity.lower()}/".startswith(f"{self.path}/")
        return is_below and time.time() < self.expires


class Access:
    """The grants of one connection; without a key everything is allowed."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        # By what they allow: a client that sends its token again and again has one.
        self._grants: dict[str, Grant] = {}
        self._has_shown = False

    @property
    def is_known(self) -> bool:
        """Whether the client may be anyone, or has shown a valid token once."""
        return self._key is None or self._has_shown

    def put(self, token: str, kind: str) -> None:
        """Take a token over, or raise HubError saying why it is no good."""
        if self._key is None:
            return
        if kind != _SAS:
            raise HubError(UNAUTHORIZED, f"A token of type '{kind}' cannot be checked here; use a connection string")
        grant = _verified(token, self._key)
        self._grants[grant.path] = grant
        self._has_shown = True

    def check(self, entity: str) -> None:
        """Raise HubError unless an entity may be used."""
        if self._key is None:
            return
        self._grants = {path: grant for path, grant in self._grants.items() if time.time() < grant.expires}
        if not any(grant.covers(entity) for grant in self._grants.values()):
            raise HubError(UNAUTHORIZED, f"Unauthorized access to '{entity}': no valid token was presented for it")


def _verified(token: str, key: str) -> Grant:
    try:
        fields = parse_qs(token.removeprefix(_PREFIX), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        resource, signature, expiry = (fields[name][0] for name in ("sr", "sig", "se"))
        path = urlsplit(resource).path.strip("/").lower()
        expires = float(expiry)
    except (KeyError, ValueError) as error:
        raise HubError(UNAUTHORIZED, f"The token is malformed: {error}") from error
    if fields.get("skn", [POLICY])[0] != POLICY:
        raise HubError(UNAUTHORIZED, f"The policy '{fields['skn'][0]}' does not exist; use '{POLICY}'")
    signed = f"{quote_plus(resource)}\n{expiry}".encode()
    expected = base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest())
    # A plus sign that a client left unquoted reads as a blank.
    if not hmac.compare_digest(expected, signature.replace(" ", "+").encode()):
        raise HubError(UNAUTHORIZED, "The token has an invalid signature")
    if time.time() >= expires:
        raise HubError(UNAUTHORIZED, "The token has expired")
    return Grant(path, expires)
