"""Texts in other forms: Base64, URLs, code points, compression, versions, JSON paths."""

import re
import sys

from emulator.errors import UnsupportedFault
from emulator.functions.function import Emit, Function, Operand, Signature
from emulator.functions.physical import as_list, as_text, convert
from emulator.functions.shorthand import DYNAMICS, GUIDS, TEXT, WHOLE, param, repeated, simple
from emulator.sql.ast import ColumnRef, Sql
from emulator.sql.build import (
    EMPTY,
    and_,
    call,
    case,
    cast,
    coalesce,
    is_not_null,
    lambda_,
    list_literal,
    lit,
    op,
    or_,
)
from emulator.types import BOOL, DECIMAL, DYNAMIC, GUID, STRING, KqlType, Scalar, list_of

_LONGS = list_of(Scalar.LONG)
# Code points that are no characters, and what stands for one in a text.
_SURROGATES = range(0xD800, 0xE000)
_NO_CHARACTER = "\ufffd"


def _text_row(name: str, description: str, parameter: str, function: str, example: tuple[str, str]) -> Function:
    return simple(
        name,
        description,
        (param(parameter, TEXT),),
        STRING,
        lambda operands: coalesce(call(function, operands[0].sql), EMPTY),
        example,
    )


def _json_row(name: str, description: str, parameter: str, function: str, example: tuple[str, str]) -> Function:
    return simple(
        name,
        description,
        (param(parameter, TEXT),),
        DYNAMIC,
        lambda operands: cast(call(function, operands[0].sql), "JSON"),
        example,
    )


def _codepoints_to_string(operands: tuple[Operand, ...]) -> Sql:
    parts = [
        as_list(operand, Scalar.LONG)
        if operand.type.scalar is Scalar.DYNAMIC
        else list_literal(cast(operand.sql, "BIGINT"))
        for operand in operands
    ]
    points = call("flatten", list_literal(*parts))
    point = ColumnRef("e")
    is_none = or_(
        (
            op("<", point, lit(0)),
            op(">", point, lit(sys.maxunicode)),
            and_((op(">=", point, lit(_SURROGATES.start)), op("<", point, lit(_SURROGATES.stop)))),
        )
    )
    character = case((is_none, lit(_NO_CHARACTER)), otherwise=call("chr", cast(point, "INTEGER")))
    characters = call("list_transform", points, lambda_("e", character))
    return coalesce(call("array_to_string", characters, EMPTY), EMPTY)


def _codepoints(operands: tuple[Operand, ...]) -> Sql:
    characters = call("kql_characters", as_text(operands[0]))
    return call("list_transform", characters, lambda_("e", cast(call("unicode", ColumnRef("e")), "BIGINT")))


def _codepoint_rows(*names: str) -> tuple[Function, ...]:
    return tuple(
        simple(
            name,
            "The Unicode code points of a text.",
            (param("value"),),
            _LONGS,
            _codepoints,
            (f"print {name}('ab')", "[97,98]"),
        )
        for name in names
    )


def _from_codepoint_rows(*names: str) -> tuple[Function, ...]:
    parameters = (repeated("value", WHOLE | DYNAMICS),)
    return tuple(
        Function(
            name,
            "The text of Unicode code points, given as numbers and arrays of numbers.",
            (Signature(parameters, STRING, _codepoints_to_string),),
            example=(f"print {name}(97, dynamic([98, 99]))", "abc"),
        )
        for name in names
    )


_BRACKETED = re.compile(r"\[(?:'([^']*)'|\"([^\"]*)\")\]")


def _json_path(operand: Operand) -> Sql:
    if not isinstance(operand.value, str) or not operand.value.startswith("$"):
        raise UnsupportedFault("a JSON path that is not a literal starting with '$'", "TH0302")
    return lit(_BRACKETED.sub(lambda match: f'."{match[1] or match[2]}"', operand.value))


def _json_text(operands: tuple[Operand, ...]) -> Sql:
    parsed = call("kql_json_of_text", operands[1].sql)
    return coalesce(call("json_extract_string", parsed, _json_path(operands[0])), EMPTY)


def _json_value(target: KqlType) -> Emit:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        parsed = call("kql_json_of_text", operands[1].sql)
        found = call("nullif", call("json_extract", parsed, _json_path(operands[0])), lit("null"))
        return convert(found, DYNAMIC, target)

    return emit


def _extract_json(name: str) -> Function:
    parameters = (param("jsonPath", TEXT, constant=True), param("jsonText", TEXT))
    typed = (
        Signature((*parameters, param("type", frozenset({scalar}))), KqlType(scalar), _json_value(KqlType(scalar)))
        for scalar in Scalar
    )
    return Function(
        name,
        "The value at a path of a JSON text, as text or as the type given by typeof(…).",
        (Signature(parameters, STRING, _json_text), *typed),
        example=(f"print {name}('$.a', '{{\"a\": 5}}', typeof(long)) + 1", "6"),
    )


ENCODINGS: tuple[Function, ...] = (
    _text_row(
        "base64_encode_tostring",
        "The text's UTF-8 bytes in Base64.",
        "string",
        "kql_base64_encode",
        ("print base64_encode_tostring('Kusto')", "S3VzdG8="),
    ),
    _text_row(
        "base64_encodestring",
        "The text's UTF-8 bytes in Base64.",
        "string",
        "kql_base64_encode",
        ("print base64_encodestring('Kusto')", "S3VzdG8="),
    ),
    _text_row(
        "base64_decode_tostring",
        "The text that Base64 stands for, empty if there is none.",
        "base64_string",
        "kql_base64_decode",
        ("print base64_decode_tostring('S3VzdG8=')", "Kusto"),
    ),
    _text_row(
        "base64_decodestring",
        "The text that Base64 stands for, empty if there is none.",
        "base64_string",
        "kql_base64_decode",
        ("print base64_decodestring('S3VzdG8=')", "Kusto"),
    ),
    simple(
        "base64_decode_toarray",
        "The bytes that Base64 stands for, null if it is malformed.",
        (param("base64_string", TEXT),),
        _LONGS,
        lambda o: call("kql_base64_bytes", o[0].sql),
        ("print base64_decode_toarray('S3VzdG8=')", "[75,117,115,116,111]"),
    ),
    simple(
        "base64_encode_fromarray",
        "The Base64 of an array of bytes, empty if one is no byte.",
        (param("base64_string_decoded_as_array", DYNAMICS),),
        STRING,
        lambda o: coalesce(call("kql_base64_of_bytes", as_list(o[0], Scalar.LONG)), EMPTY),
        ("print base64_encode_fromarray(dynamic([75, 117]))", "S3U="),
    ),
    simple(
        "base64_decode_toguid",
        "The guid that Base64 stands for, null if there is none.",
        (param("base64_string", TEXT),),
        GUID,
        lambda o: cast(call("kql_base64_guid", o[0].sql), "UUID"),
        ("print base64_decode_toguid('cPxm9wAAAAAAAAAAAAAAAA==')", "f766fc70-0000-0000-0000-000000000000"),
    ),
    simple(
        "base64_encode_fromguid",
        "The Base64 of a guid.",
        (param("guid", GUIDS),),
        STRING,
        lambda o: coalesce(call("kql_base64_of_guid", cast(o[0].sql, "VARCHAR")), EMPTY),
        ("print base64_encode_fromguid(guid(f766fc70-0000-0000-0000-000000000000))", "cPxm9wAAAAAAAAAAAAAAAA=="),
    ),
    _text_row(
        "url_encode",
        "The text in URL encoding, blanks as plus signs.",
        "url",
        "kql_url_encode",
        ("print url_encode('a b/é')", "a+b%2f%c3%a9"),
    ),
    _text_row(
        "url_encode_component",
        "The text in URL encoding, blanks as %20.",
        "url",
        "kql_url_encode_component",
        ("print url_encode_component('a b/é')", "a%20b%2f%c3%a9"),
    ),
    _text_row(
        "url_decode",
        "The text that a URL encoding stands for.",
        "encoded_url",
        "kql_url_decode",
        ("print url_decode('a%20b%2f')", "a b/"),
    ),
    *_codepoint_rows("unicode_codepoints_from_string", "to_utf8"),
    *_from_codepoint_rows("unicode_codepoints_to_string", "make_string"),
    _text_row(
        "gzip_decompress_from_base64_string",
        "The text that was compressed with gzip, empty if it was not.",
        "string",
        "kql_gunzip",
        ("print gzip_decompress_from_base64_string('x0x0')", ""),
    ),
    _text_row(
        "zlib_decompress_from_base64_string",
        "The text that was compressed with zlib, empty if it was not.",
        "string",
        "kql_unzlib",
        ("print zlib_decompress_from_base64_string('eJwLSS0uUSguKcrMS1cwNDIGACxqBQ4=')", "Test string 123"),
    ),
    _text_row(
        "punycode_to_string",
        "The text that a Punycode stands for.",
        "string",
        "kql_unpunycode",
        ("print punycode_to_string('acadmie-franaise-npb1a')", "académie-française"),
    ),
    _text_row(
        "punycode_from_string",
        "The text in Punycode.",
        "string",
        "kql_punycode",
        ("print punycode_from_string('académie-française')", "acadmie-franaise-npb1a"),
    ),
    _text_row(
        "punycode_domain_from_string",
        "The domain name with its Punycode parts decoded.",
        "string",
        "kql_undomain",
        ("print punycode_domain_from_string('xn--Ge-mia.Bulg.edu')", "Gáe.Bulg.edu"),
    ),
    _text_row(
        "punycode_domain_to_string",
        "The domain name with parts beyond ASCII in Punycode.",
        "string",
        "kql_domain",
        ("print punycode_domain_to_string('Gáe.Bulg.edu')", "xn--Ge-mia.Bulg.edu"),
    ),
    _json_row(
        "parse_url",
        "The parts of a URL as a bag.",
        "url",
        "kql_text_url",
        ("print parse_url('https://host:80/p?k=v').Host", '"host"'),
    ),
    _json_row(
        "parse_urlquery",
        "The parameters of a URL query as a bag.",
        "query",
        "kql_text_urlquery",
        ("print parse_urlquery('k=v')['Query Parameters'].k", '"v"'),
    ),
    simple(
        "parse_csv",
        "The fields of the first record of a CSV text.",
        (param("csv_text"),),
        list_of(Scalar.STRING),
        lambda o: call("kql_csv_fields", as_text(o[0])),
        ("print parse_csv('a,\"b,c\"')", '["a","b,c"]'),
    ),
    simple(
        "parse_version",
        "A version of up to four parts as a number that orders like it.",
        (param("version", TEXT),),
        DECIMAL,
        lambda o: call("kql_version", o[0].sql),
        ("print parse_version('0.0.7.0') > parse_version('0.0.0.9')", "True"),
    ),
    _extract_json("extract_json"),
    _extract_json("extractjson"),
    simple(
        "isascii",
        "Whether a text consists of ASCII characters.",
        (param("value"),),
        BOOL,
        lambda o: call("regexp_full_match", as_text(o[0]), lit("(?s)[\\x00-\\x7F]*")),
        ("print isascii('é')", "False"),
    ),
    simple(
        "isutf8",
        "Whether a text is UTF-8, which all are.",
        (param("value"),),
        BOOL,
        lambda o: is_not_null(as_text(o[0])),
        ("print isutf8('é')", "True"),
    ),
)
