"""Text: building, searching, cutting and replacing. Positions count characters from 0."""

from emulator.functions.function import Function, Operand, ResultName
from emulator.functions.physical import as_list, as_text
from emulator.functions.shorthand import (
    DYNAMICS,
    TEXT,
    WHOLE,
    param,
    repeated,
    simple,
)
from emulator.sql.ast import ColumnRef, Sql
from emulator.sql.build import EMPTY, call, case, cast, coalesce, fail, lambda_, list_literal, lit, op
from emulator.types import LONG, MAX_TEXT, STRING, Scalar, list_of

_STRINGS = list_of(Scalar.STRING)


def _text_of(operands: tuple[Operand, ...]) -> tuple[Sql, ...]:
    return tuple(as_text(operand) for operand in operands)


def _strcat(operands: tuple[Operand, ...]) -> Sql:
    texts = _text_of(operands)
    return texts[0] if len(texts) == 1 else op("||", *texts)


def _strcat_delim(operands: tuple[Operand, ...]) -> Sql:
    return call("concat_ws", *_text_of(operands))


def _strcat_array(operands: tuple[Operand, ...]) -> Sql:
    array, delimiter = operands
    items = as_list(array, Scalar.STRING)
    texts = call("list_transform", items, lambda_("e", coalesce(ColumnRef("e"), EMPTY)))
    return coalesce(_joined(texts, delimiter), EMPTY)


def _joined(texts: Sql, delimiter: Operand) -> Sql:
    if delimiter.is_constant:
        return call("array_to_string", texts, as_text(delimiter))
    # DuckDB joins by constants alone: each text gets the delimiter in front, and the first one loses it again.
    text = as_text(delimiter)
    delimited = call("list_transform", texts, lambda_("part", op("||", text, ColumnRef("part"))))
    return call("substring", call("array_to_string", delimited, EMPTY), op("+", call("length", text), lit(1)))


def _strlen(operands: tuple[Operand, ...]) -> Sql:
    return cast(call("length", as_text(operands[0])), "BIGINT")


def _string_size(operands: tuple[Operand, ...]) -> Sql:
    return cast(call("strlen", as_text(operands[0])), "BIGINT")


def _substring(operands: tuple[Operand, ...]) -> Sql:
    text, start = as_text(operands[0]), operands[1].sql
    arguments = [text, start, *(operand.sql for operand in operands[2:])]
    return call("kql_substring" if len(operands) == 3 else "kql_substring_from", *arguments)


def _split(operands: tuple[Operand, ...]) -> Sql:
    text, delimiter = as_text(operands[0]), operands[1].sql
    parts = case((op("=", delimiter, EMPTY), list_literal(text)), otherwise=call("string_split", text, delimiter))
    if len(operands) == 2:
        return parts
    # With an index: an array of that one part.
    return call("kql_split_part", parts, operands[2].sql)


def _reverse(operands: tuple[Operand, ...]) -> Sql:
    return call("reverse", as_text(operands[0]))


def _replace_regex(text: Sql, pattern: Sql, rewrite: Sql) -> Sql:
    return call("regexp_replace", text, pattern, rewrite, lit("g"))


def _trim_start(pattern: Sql, text: Sql) -> Sql:
    return call("regexp_replace", text, op("||", lit("^(?:"), pattern, lit(")+")), EMPTY)


def _trim_end(pattern: Sql, text: Sql) -> Sql:
    return call("regexp_replace", text, op("||", lit("(?:"), pattern, lit(")+$")), EMPTY)


# strrep-function.md, "Returns".
_MOST_COPIES = 1024


def _is_short(operand: Operand) -> bool:
    """Tell whether as many copies of a text as there may be are known to be few bytes."""
    if operand.type.scalar in (Scalar.STRING, Scalar.DYNAMIC):
        return isinstance(operand.value, str) and len(operand.value) <= _MOST_COPIES
    return True


def _strrep(operands: tuple[Operand, ...]) -> Sql:
    text = as_text(operands[0])
    times: Sql = call("least", operands[1].sql, lit(_MOST_COPIES))
    repeated_texts = [each for number, each in enumerate(operands) if number != 1]
    if not all(map(_is_short, repeated_texts)):
        # Texts of constants are made before anything counts their memory: each level of a few calls was thrice the one
        # below.
        size = op("+", *(call("strlen", as_text(each)) for each in repeated_texts), lit(1))
        fault = cast(fail(lit(f"strrep: more than {MAX_TEXT} bytes")), "BIGINT")
        times = case((op(">", times, op("//", lit(MAX_TEXT), size)), fault), otherwise=times)
    if len(operands) == 2:
        return call("repeat", text, times)
    copies = call("list_transform", call("range", times), lambda_("e", text))
    return _joined(copies, operands[2])


STRINGS: tuple[Function, ...] = (
    simple(
        "strcat",
        "The values' text forms one after the other.",
        (repeated("arg", most=64),),
        STRING,
        _strcat,
        ("print strcat('a', 1, true)", "a1True"),
    ),
    simple(
        "strcat_delim",
        "The values' text forms with a delimiter between them.",
        (param("delimiter"), repeated("arg", most=63)),
        STRING,
        _strcat_delim,
        ("print strcat_delim('-', 1, 'a')", "1-a"),
    ),
    simple(
        "strcat_array",
        "The items of an array with a delimiter between them.",
        (param("array", DYNAMICS), param("delimiter")),
        STRING,
        _strcat_array,
        ("print strcat_array(dynamic([1, 2]), '->')", "1->2"),
    ),
    simple(
        "array_strcat",
        "The items of an array with a delimiter between them.",
        (param("array", DYNAMICS), param("delimiter")),
        STRING,
        _strcat_array,
        ("print array_strcat(dynamic([1, 2]), ',')", "1,2"),
    ),
    simple(
        "strlen",
        "How many characters a text has.",
        (param("string", TEXT | DYNAMICS),),
        LONG,
        _strlen,
        ("print strlen('héllo')", "5"),
        result_name=ResultName.PREFIX,
    ),
    simple(
        "string_size",
        "How many bytes a text has in UTF-8.",
        (param("string", TEXT | DYNAMICS),),
        LONG,
        _string_size,
        ("print string_size('héllo')", "6"),
        result_name=ResultName.PREFIX,
    ),
    simple(
        "toupper",
        "The text in upper case.",
        (param("value"),),
        STRING,
        lambda operands: call("upper", as_text(operands[0])),
        ("print toupper('abc')", "ABC"),
    ),
    simple(
        "tolower",
        "The text in lower case.",
        (param("value"),),
        STRING,
        lambda operands: call("lower", as_text(operands[0])),
        ("print tolower('ABC')", "abc"),
    ),
    simple(
        "substring",
        "A part of a text from a position on; a negative position counts from the end.",
        (param("string"), param("start", WHOLE), param("length", WHOLE, optional=True)),
        STRING,
        _substring,
        ("print substring('abcdefg', 1, 3)", "bcd"),
    ),
    simple(
        "split",
        "The parts of a text between delimiters; with an index an array of that part.",
        (param("source"), param("delimiter", TEXT), param("requestedIndex", WHOLE, optional=True)),
        _STRINGS,
        _split,
        ("print split('a_b', '_')", '["a","b"]'),
        result_name=ResultName.FIRST_ARGUMENT,
    ),
    simple(
        "reverse",
        "The characters of a value's text form in reverse order.",
        (param("value"),),
        STRING,
        _reverse,
        ("print reverse('abc')", "cba"),
    ),
    simple(
        "replace_string",
        "The text with every occurrence of another replaced.",
        (param("text", TEXT), param("lookup", TEXT), param("rewrite", TEXT)),
        STRING,
        lambda o: case((op("=", o[1].sql, EMPTY), o[0].sql), otherwise=call("replace", *(x.sql for x in o))),
        ("print replace_string('a.b', '.', '-')", "a-b"),
    ),
    simple(
        "replace_regex",
        "The text with every match of a regular expression replaced; \\1 is the first group.",
        (param("source", TEXT), param("lookup_regex", TEXT), param("rewrite_pattern", TEXT)),
        STRING,
        lambda o: _replace_regex(o[0].sql, o[1].sql, o[2].sql),
        ("print replace_regex('a1b2', @'\\d', '#')", "a#b#"),
    ),
    simple(
        "replace",
        "The text with every match of a regular expression replaced: replace(regex, rewrite, text).",
        (param("regex", TEXT), param("rewrite", TEXT), param("source", TEXT)),
        STRING,
        lambda o: _replace_regex(o[2].sql, o[0].sql, o[1].sql),
        ("print replace(@'\\d', '#', 'a1')", "a#"),
    ),
    simple(
        "trim",
        "The text without leading and trailing matches of a regular expression.",
        (param("regex", TEXT), param("source", TEXT)),
        STRING,
        lambda o: _trim_end(o[0].sql, _trim_start(o[0].sql, o[1].sql)),
        ("print trim('-', '--a--')", "a"),
    ),
    simple(
        "trim_start",
        "The text without leading matches of a regular expression.",
        (param("regex", TEXT), param("source", TEXT)),
        STRING,
        lambda o: _trim_start(o[0].sql, o[1].sql),
        ("print trim_start('-', '--a--')", "a--"),
    ),
    simple(
        "trim_end",
        "The text without trailing matches of a regular expression.",
        (param("regex", TEXT), param("source", TEXT)),
        STRING,
        lambda o: _trim_end(o[0].sql, o[1].sql),
        ("print trim_end('-', '--a--')", "--a"),
    ),
    simple(
        "strrep",
        "A value's text form repeated, with an optional delimiter.",
        (param("value"), param("multiplier", WHOLE), param("delimiter", optional=True)),
        STRING,
        _strrep,
        ("print strrep('ab', 2, '-')", "ab-ab"),
    ),
    simple(
        "strcmp",
        "-1, 0 or 1 as the first text comes before, equals or comes after the second.",
        (param("s1", TEXT), param("s2", TEXT)),
        LONG,
        lambda o: cast(
            case((op("<", o[0].sql, o[1].sql), lit(-1)), (op(">", o[0].sql, o[1].sql), lit(1)), otherwise=lit(0)),
            "BIGINT",
        ),
        ("print strcmp('a', 'b')", "-1"),
    ),
)
