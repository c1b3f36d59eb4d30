"""Keys: what is usable, and what a header has to look like to carry one."""

import base64
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from emulator.listening.keys import Key, UnusableKey, read_key, usable_key

KEYS = ["key-1", "schlüssel", "ключ", "🔑", "a b", "a:b", "Ã©"]


def headers(name: str, value: bytes) -> Headers:
    return Headers(raw=[(name.encode(), value)])


def presents(key: str, value: bytes) -> tuple[bool, bool, bool]:
    """Return whether a value is a key, a bearer's token, and a password."""
    sent = headers("authorization", value)
    return (
        Key(key).is_in(headers("x-api-key", value), "x-api-key"),
        Key(key).is_bearer_of(sent),
        Key(key).is_password_of(sent),
    )


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_of_any_letters(key: str) -> None:
    assert presents(key, key.encode()) == (True, False, False)
    for scheme in (b"Bearer ", b"bearer ", b"BEARER  "):
        assert presents(key, scheme + key.encode()) == (False, True, False)
    assert presents(key, b"bAsIc " + base64.b64encode(f"anyone:{key}".encode())) == (False, False, True)


def test_a_key_in_latin_letters_may_come_as_such() -> None:
    assert presents("schlüssel", "schlüssel".encode("latin-1")) == (True, False, False)
    assert presents("schlüssel", "Bearer schlüssel".encode("latin-1")) == (False, True, False)


@pytest.mark.parametrize(
    "sent",
    [b"", b"Bearer", b"Bearer ", b"Bearer key", b"Bearer key-12", b"Bearer\tkey-1", b"Basic key-1", b"Basic \xe9",
     b"Basic " + base64.b64encode(b"key-1:"), b"Digest key-1", b"key-1 Bearer", b"\xff\xfe"],
)  # fmt: skip
def test_anything_else_is_no_key(sent: bytes) -> None:
    assert presents("key-1", sent) == (False, False, False)


@pytest.mark.parametrize("key", KEYS)
def test_what_a_header_can_carry_is_usable(key: str) -> None:
    assert usable_key(key) == key


def test_no_key_is_none() -> None:
    assert usable_key(None) is None


@pytest.mark.parametrize("key", ["", " ", "\t", "\u00a0", "\n", " key", "key ", "a\nb", "a\0b", "a\x7fb", "\ud800"])
def test_what_would_lock_everyone_out_is_refused(key: str) -> None:
    with pytest.raises(UnusableKey, match=r"the key (is blank|begins or ends with a blank, or has)"):
        usable_key(key)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"key-1", "key-1"),
        (b"key-1\n", "key-1"),
        (b"key-1\r\n", "key-1"),
        (b"\xef\xbb\xbfkey-1\n", "key-1"),
        ("schlüssel 🔑\n".encode(), "schlüssel 🔑"),
        # A key holds no other line, and no blank at its end: `usable_key` refuses these.
        (b"a\nb\n", "a\nb"),
        (b"key-1 \n", "key-1 "),
        (b"\n", ""),
        (b"k" * 8_192, "k" * 8_192),
    ],
)
def test_a_file_holds_a_key_in_one_line(tmp_path: Path, content: bytes, key: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    assert read_key(path) == key


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for content, problem in (
        (None, f"the key file '{path}' cannot be read: No such file or directory"),
        (b"k" * 8_193, f"the key file '{path}' has more than 8192 bytes"),
        (b"\xff", f"the key file '{path}' is not UTF-8 text"),
    ):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UnusableKey) as caught:
            read_key(path)
        assert str(caught.value) == problem
    with pytest.raises(UnusableKey, match="cannot be read: Is a directory"):
        read_key(tmp_path)
