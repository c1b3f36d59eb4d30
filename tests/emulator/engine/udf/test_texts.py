"""Encodings, hashes and replacements of texts."""

import base64
import gzip
import zlib
from decimal import Decimal

import pytest

from emulator.engine.udf import encodings, hashing, texts

GUID = "ae3133f2-6e22-49ae-b06a-16e6a9b212eb"


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        # From the specification's test vectors and its reference implementation, as unsigned numbers.
        ("", 0xEF46DB3751D8E999),
        ("a", 0xD24EC4F1A98C6E5B),
        ("abc", 0x44BC2CF5AD770999),
        ("Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ],
)
def test_the_hash_of_a_text(text: str, hashed: int) -> None:
    assert hashing.hash_text(text) % (1 << 64) == hashed
    assert -(1 << 63) <= hashing.hash_text(text) < 1 << 63


def test_the_hash_of_a_number_is_that_of_its_eight_bytes() -> None:
    assert hashing.hash_number(0x6867666564636261) == hashing.hash_text("abcdefgh")
    assert hashing.hash_number(-1) == hashing.hash_number((1 << 64) - 1) != hashing.hash_number(1)


def test_base64() -> None:
    assert encodings.base64_encode("Kusto é") == "S3VzdG8gw6k="
    assert encodings.base64_decode("S3VzdG8gw6k=") == "Kusto é"
    assert encodings.base64_decode("S3VzdG8") is None
    assert encodings.base64_decode("/w==") is None
    assert encodings.base64_bytes("/wA=") == [255, 0]
    assert encodings.base64_bytes("!") is None
    assert encodings.base64_of_bytes([255, 0]) == "/wA="
    assert encodings.base64_of_bytes([]) == ""
    assert [encodings.base64_of_bytes([value]) for value in (256, -1, None)] == [None, None, None]


def test_guids_in_base64() -> None:
    assert encodings.base64_of_guid(GUID) == "8jMxriJurkmwahbmqbIS6w=="
    assert encodings.base64_guid("8jMxriJurkmwahbmqbIS6w==") == GUID
    assert encodings.base64_guid("8jMxriJurkmwahbmqbIS") is None
    assert encodings.base64_guid("!") is None


def test_url_encoding() -> None:
    text = "https://a.b/ü c?d=(1)*2!&e~'f'"
    assert encodings.url_encode(text) == "https%3a%2f%2fa.b%2f%c3%bc+c%3fd%3d(1)*2!%26e~%27f%27"
    assert encodings.url_encode_component(text) == "https%3a%2f%2fa.b%2f%c3%bc%20c%3fd%3d(1)*2!%26e~%27f%27"
    assert encodings.url_decode("a%3aB+c%20d") == "a:B c d"


def test_compressed_texts() -> None:
    zipped = base64.b64encode(zlib.compress(b"1234567890")).decode()
    gzipped = base64.b64encode(gzip.compress(b"1234567890")).decode()
    assert [encodings.decompress_zlib(text) for text in (zipped, gzipped, "!")] == ["1234567890", None, None]
    assert [encodings.decompress_gzip(text) for text in (gzipped, zipped, "!")] == ["1234567890", None, None]
    assert encodings.decompress_zlib(base64.b64encode(zlib.compress(b"\xff")).decode()) is None


def test_punycode_and_domains() -> None:
    assert encodings.punycode_encode("académie-française") == "acadmie-franaise-npb1a"
    assert encodings.punycode_decode("acadmie-franaise-npb1a") == "académie-française"
    assert encodings.punycode_decode("é") is None
    assert encodings.domain_encode("www.bücher。de") == "www.xn--bcher-kva.de"
    assert encodings.domain_decode("WWW.XN--bcher-kva.de") == "WWW.bücher.de"
    assert encodings.domain_decode("xn--é.de") is None


def test_urls() -> None:
    assert encodings.parse_url("https://Bob:word@Host:81/a/b?k=1&l=&k=2#top") == (
        '{"Scheme": "https", "Host": "host", "Port": "81", "Path": "/a/b", "Username": "Bob", "Password": "word", '
        '"Query Parameters": {"k": "2", "l": ""}, "Fragment": "top"}'
    )
    nothing = (
        '{"Scheme": "", "Host": "", "Port": "", "Path": "", "Username": "", "Password": "", '
        '"Query Parameters": {}, "Fragment": ""}'
    )
    assert [encodings.parse_url(text) for text in ("", "http://a:x")] == [nothing, nothing]
    assert encodings.parse_urlquery("a=é&b=") == '{"Query Parameters": {"a": "é", "b": ""}}'


def test_fields_of_a_line() -> None:
    assert encodings.csv_fields('a,"b,c",d\ne,f') == ["a", "b,c", "d"]
    assert encodings.csv_fields("") == [""]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", "1000000000000000000000000"),
        ("1.2.3.40", "1000000020000000300000040"),
        ("0.0.0.1", "1"),
        ("12345678", "12345678000000000000000000000000"),
        ("123456789", None),
        ("1.2.3.4.5", None),
        ("1.a", None),
        ("1.", None),
        ("1.²", None),
        ("", None),
    ],
)
def test_versions(text: str, number: str | None) -> None:
    assert encodings.version_number(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("text", "lookups", "rewrites", "replaced"),
    [
        ("aXbXc", '["X"]', '["-"]', "a-b-c"),
        ("abc", '["a","b"]', '["b","c"]', "bcc"),
        ("abab", '["ab","b"]', '["b","x"]', "bb"),
        ("abc", '["a",5,"","b"]', '["1","2","3","4"]', "14c"),
        ("aba", '["a","a"]', '[5,"x"]', "aba"),
        ("abc", '["a"]', "[]", None),
        ("abc", '"a"', '["b"]', None),
        ("abc", '["a"]', '"b"', None),
    ],
)
def test_replacements(text: str, lookups: str, rewrites: str, replaced: str | None) -> None:
    assert texts.replace_strings(text, lookups, rewrites) == replaced


@pytest.mark.parametrize(
    ("text", "search", "replacement", "translated"),
    [
        ("krasp otsku", "krasp", "otsku", "otsku otkou"),
        ("abcd", "abc", "x", "xxxd"),
        ("abcd", "abc", "xy", "xyyd"),
        ("abcd", "ab", "", "cd"),
        ("aa", "aba", "xyz", "xx"),
        ("abc", "a", "xyz", "xbc"),
    ],
)
def test_characters_for_others(text: str, search: str, replacement: str, translated: str) -> None:
    assert texts.translate(text, search, replacement) == translated
