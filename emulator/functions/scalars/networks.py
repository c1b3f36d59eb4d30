"""IP addresses and prefixes."""

from collections.abc import Callable

from emulator.functions.function import Emit, Function, Operand, Signature
from emulator.functions.physical import as_list, as_text
from emulator.functions.shorthand import DYNAMICS, NUMBERS, TEXT, WHOLE, param, repeated, simple
from emulator.sql.ast import Sql
from emulator.sql.build import EMPTY, call, coalesce, list_literal, lit, op
from emulator.types import BOOL, LONG, STRING, KqlType, Scalar, list_of

_PREFIX = param("prefix", WHOLE, optional=True)


def _bits(operands: tuple[Operand, ...], position: int, default: int) -> Sql:
    return operands[position].sql if len(operands) > position else lit(default)


def _comparison(name: str, function: str, bits: int, returns: KqlType, example: tuple[str, str]) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        order = call(function, operands[0].sql, operands[1].sql, _bits(operands, 2, bits))
        return order if returns is LONG else op("=", order, lit(0))

    meaning = "The order of two addresses" if returns is LONG else "Whether two addresses are equal"
    return simple(
        name,
        f"{meaning}, cut to the shortest prefix given.",
        (param("ip1", TEXT), param("ip2", TEXT), _PREFIX),
        returns,
        emit,
        example,
    )


def _many(name: str, description: str, emit_list: Callable[[Sql, Sql], Sql], example: tuple[str, str]) -> Function:
    def emit_array(operands: tuple[Operand, ...]) -> Sql:
        return emit_list(as_text(operands[0]), as_list(operands[1], Scalar.STRING))

    def emit_each(operands: tuple[Operand, ...]) -> Sql:
        return emit_list(as_text(operands[0]), list_literal(*(operand.sql for operand in operands[1:])))

    return Function(
        name,
        description,
        (
            Signature((param("source"), param("values", DYNAMICS)), BOOL, emit_array),
            Signature((param("source"), repeated("value", TEXT)), BOOL, emit_each),
        ),
        example=example,
    )


def _one(name: str, description: str, function: str, example: tuple[str, str]) -> Function:
    return simple(
        name,
        description,
        (param("source", TEXT), param("value", TEXT)),
        BOOL,
        lambda o: call(function, o[0].sql, list_literal(o[1].sql)),
        example,
    )


def _number(operands: tuple[Operand, ...]) -> Sql:
    return call("kql_ipv4_number", operands[0].sql, _bits(operands, 1, 32))


def _ipv6(operands: tuple[Operand, ...]) -> Sql:
    return coalesce(call("kql_ipv6_text", operands[0].sql, _bits(operands, 1, 128)), EMPTY)


def _formatted(*, with_prefix: bool) -> Emit:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        return coalesce(call("kql_format_ipv4", as_text(operands[0]), _bits(operands, 1, 32), lit(with_prefix)), EMPTY)

    return emit


NETWORKS: tuple[Function, ...] = (
    simple(
        "parse_ipv4",
        "The address as a number, cut to its prefix.",
        (param("ip", TEXT),),
        LONG,
        _number,
        ("print parse_ipv4('192.168.1.1/24')", "3232235776"),
    ),
    simple(
        "parse_ipv4_mask",
        "The address as a number, cut to a prefix.",
        (param("ip", TEXT), param("prefix", WHOLE)),
        LONG,
        _number,
        ("print parse_ipv4_mask('127.0.0.1', 24)", "2130706432"),
    ),
    simple(
        "parse_ipv6",
        "The address of either version in canonical form.",
        (param("ip", TEXT),),
        STRING,
        _ipv6,
        ("print parse_ipv6('127.0.0.1')", "0000:0000:0000:0000:0000:ffff:7f00:0001"),
    ),
    simple(
        "parse_ipv6_mask",
        "The address of either version in canonical form, cut to a prefix.",
        (param("ip", TEXT), param("prefix", WHOLE)),
        STRING,
        _ipv6,
        ("print parse_ipv6_mask('127.0.0.1', 120)", "0000:0000:0000:0000:0000:ffff:7f00:0000"),
    ),
    _comparison("ipv4_compare", "kql_ipv4_compare", 32, LONG, ("print ipv4_compare('1.1.1.1', '1.1.1.2')", "-1")),
    _comparison(
        "ipv4_is_match", "kql_ipv4_compare", 32, BOOL, ("print ipv4_is_match('1.1.1.1/24', '1.1.1.2')", "True")
    ),
    _comparison("ipv6_compare", "kql_ipv6_compare", 128, LONG, ("print ipv6_compare('fe80::1', 'fe80::1')", "0")),
    _comparison(
        "ipv6_is_match", "kql_ipv6_compare", 128, BOOL, ("print ipv6_is_match('fe80::1', 'fe80::2', 64)", "True")
    ),
    _one(
        "ipv4_is_in_range",
        "Whether an address lies in a prefix.",
        "kql_ipv4_in_any_range",
        ("print ipv4_is_in_range('192.168.1.6', '192.168.1.1/24')", "True"),
    ),
    _many(
        "ipv4_is_in_any_range",
        "Whether an address lies in one of several prefixes.",
        lambda ip, ranges: call("kql_ipv4_in_any_range", ip, ranges),
        ("print ipv4_is_in_any_range('10.1.2.3', dynamic(['127.0.0.1/8', '10.0.0.1/8']))", "True"),
    ),
    _one(
        "ipv6_is_in_range",
        "Whether an address of either version lies in a prefix.",
        "kql_ipv6_in_any_range",
        ("print ipv6_is_in_range('fe80::1', 'fe80::/64')", "True"),
    ),
    _many(
        "ipv6_is_in_any_range",
        "Whether an address of either version lies in one of several prefixes.",
        lambda ip, ranges: call("kql_ipv6_in_any_range", ip, ranges),
        ("print ipv6_is_in_any_range('fe80::1', 'fe81::/64', 'fe80::/64')", "True"),
    ),
    simple(
        "ipv4_is_private",
        "Whether an address belongs to a private network.",
        (param("ip", TEXT),),
        BOOL,
        lambda o: call("kql_ipv4_is_private", o[0].sql),
        ("print ipv4_is_private('10.1.2.3')", "True"),
    ),
    simple(
        "ipv4_netmask_suffix",
        "The length of an address's prefix, 32 without one.",
        (param("ip", TEXT),),
        LONG,
        lambda o: call("kql_ipv4_suffix", o[0].sql),
        ("print ipv4_netmask_suffix('10.1.2.3/16')", "16"),
    ),
    simple(
        "format_ipv4",
        "The address as text, cut to a prefix.",
        (param("ip", TEXT | NUMBERS), _PREFIX),
        STRING,
        _formatted(with_prefix=False),
        ("print format_ipv4('192.168.1.1', 24)", "192.168.1.0"),
    ),
    simple(
        "format_ipv4_mask",
        "The address with its prefix as text.",
        (param("ip", TEXT | NUMBERS), _PREFIX),
        STRING,
        _formatted(with_prefix=True),
        ("print format_ipv4_mask('192.168.1.1', 24)", "192.168.1.0/24"),
    ),
    simple(
        "ipv4_range_to_cidr_list",
        "The prefixes that make up a range of addresses.",
        (param("start_ip", TEXT), param("end_ip", TEXT)),
        list_of(Scalar.STRING),
        lambda o: call("kql_ipv4_range_prefixes", o[0].sql, o[1].sql),
        ("print ipv4_range_to_cidr_list('1.1.128.0', '1.1.129.255')", '["1.1.128.0/23"]'),
    ),
    _one(
        "has_ipv4",
        "Whether a text contains an address.",
        "kql_has_any_ipv4",
        ("print has_ipv4('from 127.0.0.1 on', '127.0.0.1')", "True"),
    ),
    _one(
        "has_ipv4_prefix",
        "Whether a text contains an address that starts with a prefix.",
        "kql_has_any_ipv4_prefix",
        ("print has_ipv4_prefix('from 127.0.0.1 on', '127.0.')", "True"),
    ),
    _many(
        "has_any_ipv4",
        "Whether a text contains one of several addresses.",
        lambda text, ips: call("kql_has_any_ipv4", text, ips),
        ("print has_any_ipv4('from 127.0.0.1 on', '127.0.0.2', '127.0.0.1')", "True"),
    ),
    _many(
        "has_any_ipv4_prefix",
        "Whether a text contains an address that starts with one of several prefixes.",
        lambda text, prefixes: call("kql_has_any_ipv4_prefix", text, prefixes),
        ("print has_any_ipv4_prefix('from 127.0.0.1 on', dynamic(['10.', '127.']))", "True"),
    ),
)
