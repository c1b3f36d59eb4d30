"""Addresses and prefixes, at their limits: parse-ipv4-function.md and the pages beside it."""

import pytest

from emulator.engine.udf import networks


@pytest.mark.parametrize(
    ("text", "prefix", "number"),
    [
        ("192.168.1.1", 32, 3232235777),
        ("192.168.1.1/24", 32, 3232235776),
        ("192.168.1.1/24", 16, 3232235520),
        ("192.168.1.1/8", 16, 3221225472),
        ("255.255.255.255/0", 32, 0),
        ("255.255.255.255", 0, 0),
        ("255.255.255.255/32", 32, 4294967295),
        ("192.168.1.1", 33, None),
        ("192.168.1.1", -1, None),
        ("192.168.1.1/33", 32, None),
        ("192.168.1.1/", 32, None),
        ("192.168.1.1/x", 32, None),
        ("256.0.0.1", 32, None),
        ("", 32, None),
    ],
)
def test_an_address_as_a_number(text: str, prefix: int, number: int | None) -> None:
    assert networks.ipv4_number(text, prefix) == number


@pytest.mark.parametrize(
    ("first", "second", "prefix", "order"),
    [
        ("1.2.3.4", "1.2.3.4", 32, 0),
        ("1.2.3.4", "1.2.3.5", 32, -1),
        ("1.2.3.5", "1.2.3.4", 32, 1),
        ("1.2.3.4/24", "1.2.3.5", 32, 0),
        ("1.2.3.4", "1.2.3.5/24", 32, 0),
        ("1.2.3.4", "1.2.3.5", 31, 0),
        ("9.9.9.9", "1.1.1.1", 0, 0),
        ("1.2.3.4", "1.2.3.5", 33, None),
        ("1.2.3.4", "1.2.3.5", -1, None),
        ("x", "1.2.3.5", 32, None),
        ("1.2.3.4", "x", 32, None),
    ],
)
def test_the_order_of_two_addresses(first: str, second: str, prefix: int, order: int | None) -> None:
    assert networks.ipv4_compare(first, second, prefix) == order


@pytest.mark.parametrize(
    ("text", "ranges", "is_in"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("11.1.2.3", ["10.0.0.0/8", "11.1.2.3"], True),
        ("11.1.2.3", ["x", None, "11.0.0.0/8"], True),
        ("11.1.2.3", ["x", None], None),
        ("11.1.2.3", [], None),
        ("x", ["10.0.0.0/8"], None),
    ],
)
def test_an_address_in_ranges(text: str, ranges: list[str | None], is_in: bool | None) -> None:
    assert networks.ipv4_in_any_range(text, ranges) is is_in


@pytest.mark.parametrize(
    ("text", "is_private"),
    [
        ("9.255.255.255", False),
        ("10.0.0.0", True),
        ("10.255.255.255/8", True),
        ("10.0.0.0/7", False),
        ("11.0.0.0", False),
        ("172.15.255.255", False),
        ("172.16.0.0/12", True),
        ("172.31.255.255", True),
        ("172.16.0.0/11", False),
        ("172.32.0.0", False),
        ("192.167.255.255", False),
        ("192.168.0.0/16", True),
        ("192.168.0.0/15", False),
        ("192.169.0.0", False),
        ("x", None),
    ],
)
def test_private_networks(text: str, is_private: bool | None) -> None:
    assert networks.ipv4_is_private(text) is is_private


def test_the_length_of_a_prefix() -> None:
    assert [networks.ipv4_suffix(text) for text in ("1.1.1.1", "1.1.1.1/0", "1.1.1.1/24", "x")] == [32, 0, 24, None]


@pytest.mark.parametrize(
    ("text", "prefix", "with_prefix", "shown"),
    [
        ("192.168.1.1", 32, False, "192.168.1.1"),
        ("192.168.1.1/24", 32, False, "192.168.1.0"),
        ("192.168.1.1/24", 16, True, "192.168.0.0/16"),
        ("192.168.1.1/16", 24, True, "192.168.0.0/16"),
        ("3232235777", 32, False, "192.168.1.1"),
        ("3232235777", 24, True, "192.168.1.0/24"),
        ("4294967295", 32, True, "255.255.255.255/32"),
        ("4294967296", 32, True, None),
        ("192.168.1.1", 33, True, None),
        ("192.168.1.1", -1, True, None),
        ("192.168.1.1", 0, True, "0.0.0.0/0"),
        ("-1", 32, True, None),
    ],
)
def test_an_address_as_text(text: str, prefix: int, with_prefix: bool, shown: str | None) -> None:
    assert networks.format_ipv4(text, prefix, with_prefix) == shown


@pytest.mark.parametrize(
    ("first", "last", "prefixes"),
    [
        ("1.1.1.1", "1.1.1.1", ["1.1.1.1/32"]),
        ("1.1.1.1", "1.1.1.4", ["1.1.1.1/32", "1.1.1.2/31", "1.1.1.4/32"]),
        ("1.1.1.2", "1.1.1.1", None),
        ("x", "1.1.1.1", None),
        ("1.1.1.1", "x", None),
    ],
)
def test_the_prefixes_of_a_range(first: str, last: str, prefixes: list[str] | None) -> None:
    assert networks.ipv4_range_prefixes(first, last) == prefixes


@pytest.mark.parametrize(
    ("text", "addresses", "has"),
    [
        ("from 10.0.0.1:80 on", ["10.0.0.1"], True),
        ("from 10.0.0.1 on", [None, "", "x", "10.0.0.1"], True),
        ("from 110.0.0.12 on", ["10.0.0.1"], False),
        ("from a10.0.0.1 on", ["10.0.0.1"], False),
        ("from 10.0.0.1b on", ["10.0.0.1"], False),
        ("from 10.0.0.1 on", ["10.0.0."], False),
        ("from 300.0.0.1 on", ["300.0.0.1"], False),
        ("from 10.0.0.1 on", [], False),
    ],
)
def test_addresses_in_a_text(text: str, addresses: list[str | None], has: bool) -> None:
    assert networks.has_any_ipv4(text, addresses) is has


@pytest.mark.parametrize(
    ("text", "prefixes", "has"),
    [
        ("from 10.0.0.1 on", ["10."], True),
        ("from 10.0.0.1 on", [None, "", "10.0.0.1"], True),
        ("from 10.0.0.12 on", ["10.0.0.1"], False),
        ("from 10.0.0.1 on", ["10"], False),
        ("from 300.0.0.1 on", ["300."], False),
        ("from 110.0.0.1 on", ["10."], False),
    ],
)
def test_prefixes_of_addresses_in_a_text(text: str, prefixes: list[str | None], has: bool) -> None:
    assert networks.has_any_ipv4_prefix(text, prefixes) is has


@pytest.mark.parametrize(
    ("text", "prefix", "shown"),
    [
        ("fe80::85d:e82c:9446:7994", 128, "fe80:0000:0000:0000:085d:e82c:9446:7994"),
        ("fe80::85d:e82c:9446:7994/120", 128, "fe80:0000:0000:0000:085d:e82c:9446:7900"),
        ("fe80::85d:e82c:9446:7994", 64, "fe80:0000:0000:0000:0000:0000:0000:0000"),
        ("192.168.255.255", 128, "0000:0000:0000:0000:0000:ffff:c0a8:ffff"),
        ("192.168.255.255/24", 128, "0000:0000:0000:0000:0000:ffff:c0a8:ff00"),
        ("::192.168.255.255", 128, "0000:0000:0000:0000:0000:0000:c0a8:ffff"),
        ("::ffff:192.168.255.255/24", 128, "0000:0000:0000:0000:0000:ffff:c0a8:ff00"),
        ("fe80::1", 0, "0000:0000:0000:0000:0000:0000:0000:0000"),
        ("fe80::1", 129, None),
        ("fe80::1", -1, None),
        ("fe80::1/129", 128, None),
        ("::ffff:192.168.255.255/33", 128, None),
        ("x", 128, None),
    ],
)
def test_an_address_of_either_version(text: str, prefix: int, shown: str | None) -> None:
    assert networks.ipv6_text(text, prefix) == shown


@pytest.mark.parametrize(
    ("first", "second", "prefix", "order"),
    [
        ("fe80::1", "fe80::1", 128, 0),
        ("fe80::1", "fe80::2", 128, -1),
        ("fe80::2", "fe80::1", 128, 1),
        ("fe80::1/120", "fe80::2", 128, 0),
        ("fe80::1", "fe80::2/120", 128, 0),
        ("fe80::1", "fe80::2", 126, 0),
        ("fe80::1", "aa80::2", 0, 0),
        ("192.168.1.1", "::ffff:c0a8:0101", 128, 0),
        ("192.168.1.1", "::192.168.1.1", 128, 0),
        ("192.168.1.1/24", "::192.168.1.2", 128, 0),
        ("fe80::1", "fe80::2", 129, None),
        ("fe80::1", "fe80::2", -1, None),
        ("x", "fe80::2", 128, None),
        ("fe80::1", "x", 128, None),
    ],
)
def test_the_order_of_addresses_of_either_version(first: str, second: str, prefix: int, order: int | None) -> None:
    assert networks.ipv6_compare(first, second, prefix) == order


@pytest.mark.parametrize(
    ("text", "ranges", "is_in"),
    [
        ("fe80::1", ["fe80::/64"], True),
        ("fe81::1", ["fe80::/64"], False),
        ("fe81::1", ["fe80::/64", None, "x", "fe81::1"], True),
        ("192.168.1.1", ["::ffff:c0a8:0100/120"], True),
        ("::192.168.1.1", ["192.168.1.0/24"], True),
        ("::192.168.2.1", ["192.168.1.0/24"], False),
        ("192.168.1.7", ["::192.168.1.0/24"], True),
        ("fe80::1", ["x"], None),
        ("x", ["fe80::/64"], None),
    ],
)
def test_an_address_of_either_version_in_ranges(text: str, ranges: list[str | None], is_in: bool | None) -> None:
    assert networks.ipv6_in_any_range(text, ranges) is is_in


@pytest.mark.parametrize("digits", ["9" * 5_000, "²", ""])
def test_what_looks_like_digits_and_is_no_number(digits: str) -> None:
    assert networks.ipv4_number(f"1.2.3.4/{digits}", 32) is None
    assert networks.ipv6_text(f"::1/{digits}", 128) is None
    assert networks.format_ipv4(digits, 32, False) is None
