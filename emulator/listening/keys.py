"""Keys as callers send them: which are usable, and whether a header carries the right one."""

import base64
import binascii
import hmac
from pathlib import Path

from starlette.datastructures import Headers

from emulator.listening.sockets import ListenError

# Far more than any key has; a wrong file is not read whole.
_LONGEST_FILE = 8_192


class UnusableKey(ListenError):
    """No header could carry the key, so that it would lock everyone out."""


def usable_key(key: str | None) -> str | None:
    """Return a key as it is, None where there is none; raise UnusableKey for what cannot be sent."""
    if key is None:
        return None
    if not key.strip():
        raise UnusableKey("the key is blank")
    if key != key.strip() or not all(character.isprintable() for character in key):
        raise UnusableKey("the key begins or ends with a blank, or has characters in it that no header can carry")
    return key


def read_key(path: Path) -> str:
    """Return the key that a file holds, in UTF-8, without the end of its line; raise UnusableKey if it cannot be read.

    Unlike a command line, a file can be kept from others on the machine. A pipe is read to its end.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise UnusableKey(f"the key file '{path}' cannot be read: {error.strerror}") from error
    if len(data) > _LONGEST_FILE:
        raise UnusableKey(f"the key file '{path}' has more than {_LONGEST_FILE} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableKey(f"the key file '{path}' is not UTF-8 text") from error
    return text.removesuffix("\n").removesuffix("\r")


class Key:
    """A key to compare with, in constant time."""

    def __init__(self, text: str) -> None:
        self._bytes = text.encode()

    def is_bearer_of(self, headers: Headers) -> bool:
        """Whether the request presents the key as a bearer token, under any spelling of the scheme (RFC 9110, 11.1)."""
        return self._is(_credentials(headers, "bearer"))

    def is_password_of(self, headers: Headers) -> bool:
        """Whether the request presents the key as a password, which is what a browser can ask its user for."""
        try:
            sent = base64.b64decode(_credentials(headers, "basic").encode("latin-1"), validate=True)
        except binascii.Error:
            return False
        return self._is(sent.partition(b":")[2].decode("latin-1"))

    def is_in(self, headers: Headers, name: str) -> bool:
        """Whether a header is the key."""
        return self._is(headers.get(name, ""))

    def _is(self, sent: str) -> bool:
        # Clients write headers in UTF-8 or in Latin-1; here they come as Latin-1, whatever was meant.
        as_utf8 = hmac.compare_digest(sent.encode("latin-1"), self._bytes)
        as_latin = hmac.compare_digest(sent.encode(), self._bytes)
        return as_utf8 or as_latin


def _credentials(headers: Headers, scheme: str) -> str:
    sent, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip(" ") if sent.lower() == scheme else ""
