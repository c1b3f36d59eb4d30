"""Finding things in texts: positions, counts, regular expressions, several replacements at once."""

import json
import re
from collections.abc import Callable
from contextlib import suppress

from emulator.errors import SemanticFault, UnsupportedFault
from emulator.functions.function import Emit, Function, Operand, Signature
from emulator.functions.physical import as_json, as_text, convert
from emulator.functions.scalars.text_operators import marked_tests
from emulator.functions.shorthand import DYNAMICS, TEXT, WHOLE, param, simple
from emulator.sql.ast import ColumnRef, Sql
from emulator.sql.build import EMPTY, call, case, cast, coalesce, fail, lambda_, list_literal, lit, op
from emulator.types import BOOL, DYNAMIC, LONG, STRING, KqlType, Scalar

# What the engine's regular expressions lack, as the service's do: lookaround and backreferences.
_UNREADABLE = re.compile(r"\(\?(?:[=!]|<[=!])")


def _indexof(operands: tuple[Operand, ...]) -> Sql:
    text, lookup, *rest = operands
    start, length, occurrence = (
        rest[position].sql if len(rest) > position else cast(lit(default), "BIGINT")
        for position, default in enumerate((0, -1, 1))
    )
    if len(rest) > 2 and rest[1].value != -1:
        raise UnsupportedFault("indexof() with both a length and an occurrence", "TH0303")
    if len(rest) < 1:
        return cast(op("-", call("strpos", as_text(text), as_text(lookup)), lit(1)), "BIGINT")
    return call("kql_index_of", as_text(text), as_text(lookup), start, length, occurrence)


def _indexof_regex(operands: tuple[Operand, ...]) -> Sql:
    text, pattern = as_text(operands[0]), operands[1].sql
    before = call("regexp_extract", text, op("||", lit("(?s)^(.*?)(?:"), pattern, lit(")")), lit(1))
    found = case((call("regexp_matches", text, pattern), call("length", before)), otherwise=lit(-1))
    return cast(found, "BIGINT")


def _countof(operands: tuple[Operand, ...]) -> Sql:
    text, search = operands[0].sql, operands[1].sql
    kind = operands[2].value if len(operands) > 2 else "normal"
    match kind:
        case "normal":
            found = call("len", call("kql_places", text, search))
            return cast(case((op("=", search, lit("")), lit(0)), otherwise=found), "BIGINT")
        case "regex":
            return cast(call("len", call("regexp_extract_all", text, search)), "BIGINT")
        case _:
            raise SemanticFault(f"countof(): the kind is 'normal' or 'regex', found {kind!r}", "SEM0237")


def _pattern(operand: Operand) -> str:
    if not isinstance(operand.value, str):
        raise UnsupportedFault("extract_all() with a regular expression that is not a literal", "TH0304")
    if _UNREADABLE.search(operand.value):
        raise SemanticFault("extract_all(): lookaround is not supported in regular expressions", "SEM0420")
    return operand.value


def _groups(pattern: str) -> tuple[int, dict[str, int]]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SemanticFault(f"extract_all(): {error}", "SEM0420") from None
    return compiled.groups, dict(compiled.groupindex)


def _all_of(text: Sql, pattern: str, group: int) -> Sql:
    found = call("regexp_extract_all", text, lit(pattern), lit(group))
    # A group that took no part in its match is an empty text, not a null.
    return call("list_transform", found, lambda_("m", coalesce(ColumnRef("m"), EMPTY)))


def _tuples(text: Sql, pattern: str, groups: list[int]) -> Sql:
    if len(groups) == 1:
        return call("to_json", _all_of(text, pattern, groups[0]))
    # One list per group becomes one list per match.
    columns = [_all_of(text, pattern, group) for group in groups]
    position = op("+", ColumnRef("i"), lit(1))
    row = list_literal(*(call("list_extract", column, position) for column in columns))
    return call("to_json", call("list_transform", call("range", call("len", columns[0])), lambda_("i", row)))


def _extract_all(operands: tuple[Operand, ...]) -> Sql:
    pattern = _pattern(operands[0])
    count, _ = _groups(pattern)
    if count == 0:
        raise SemanticFault("extract_all(): argument 'regex' must have at least one capturing group", "SEM0420")
    return _none_as_null(_tuples(operands[1].sql, pattern, list(range(1, count + 1))))


def _extract_some(operands: tuple[Operand, ...]) -> Sql:
    pattern = _pattern(operands[0])
    count, names = _groups(pattern)
    wanted = _constant_items(operands[1])
    if not wanted:
        raise SemanticFault("extract_all(): argument 'captureGroups' names no group", "SEM0420")
    groups = []
    for each in wanted:
        group = names.get(each) if isinstance(each, str) else each
        if not isinstance(group, int) or not 0 < group <= count:
            raise SemanticFault(f"extract_all(): the regular expression has no group {each!r}", "SEM0420")
        groups.append(group)
    return _none_as_null(_tuples(operands[2].sql, pattern, groups))


def _none_as_null(matches: Sql) -> Sql:
    return call("nullif", matches, lit("[]"))


def _constant_items(operand: Operand) -> list[object]:
    if isinstance(operand.value, tuple):
        return list(operand.value)
    if isinstance(operand.value, str):
        items: object = json.loads(operand.value)
        if isinstance(items, list):
            return items
    raise UnsupportedFault("extract_all() with capture groups that are not a literal array", "TH0304")


def _extract_rows(name: str) -> Function:
    return Function(
        name,
        "All matches of a regular expression: its group, or an array of its groups, for each.",
        (
            Signature((param("regex", TEXT, constant=True), param("source", TEXT)), DYNAMIC, _extract_all),
            Signature(
                (param("regex", TEXT, constant=True), param("captureGroups", DYNAMICS), param("source", TEXT)),
                DYNAMIC,
                _extract_some,
            ),
        ),
        example=(f"print {name}(@'(\\d)', 'a1b2')", '["1","2"]'),
    )


# DuckDB's regexp_extract knows ten groups, as many as rewriting may name by a digit; `parse` has one per column.
_GROUPS_OF_ONE_MATCH = 9
# The number of a group is 32 bits wide there.
_LARGEST_GROUP = 2**31 - 1


def _extract(operands: tuple[Operand, ...]) -> Sql:
    pattern, group, source = operands[:3]
    if not group.is_constant:
        return _extract_any(pattern, group, source)
    if isinstance(group.value, int) and group.value > _GROUPS_OF_ONE_MATCH:
        if isinstance(pattern.value, str) and group.value > _count_of_groups(pattern.value, group.value):
            return EMPTY
        every = call("regexp_extract_all", source.sql, pattern.sql, lit(min(group.value, _LARGEST_GROUP)))
        return coalesce(call("list_extract", every, lit(1)), EMPTY)
    found = call("regexp_extract", source.sql, pattern.sql, cast(group.sql, "INTEGER"))
    return coalesce(found, EMPTY)


def _count_of_groups(pattern: str, unknown: int) -> int:
    """Return how many groups a pattern has, `unknown` for one that Python does not read as DuckDB does."""
    with suppress(re.error):
        return re.compile(pattern).groups
    return unknown


def _extract_any(pattern: Operand, group: Operand, source: Operand) -> Sql:
    """Emit the group of which the number is known for each row only: DuckDB takes constant ones."""
    count = _GROUPS_OF_ONE_MATCH
    if isinstance(pattern.value, str):
        count = _count_of_groups(pattern.value, count)
    found = (_extract((pattern, Operand(lit(number), LONG, True, number), source)) for number in range(count + 1))
    return case(
        *((op("=", group.sql, lit(number)), each) for number, each in enumerate(found)),
        otherwise=EMPTY,
    )


def _typed_extract(target: KqlType) -> Emit:
    return lambda operands: convert(_extract(operands), STRING, target)


_EXTRACT = (param("regex", TEXT), param("captureGroup", WHOLE), param("source", TEXT))


def _has_any_index(operands: tuple[Operand, ...]) -> Sql:
    def build(items: Sql, is_found: Callable[[Sql], Sql]) -> Sql:
        item = call("list_extract", items, op("+", ColumnRef("i"), lit(1)))
        return call("list_filter", call("range", call("len", items)), lambda_("i", is_found(item)))

    hits = marked_tests(as_text(operands[0]), operands[1], build)
    return coalesce(call("list_extract", hits, lit(1)), cast(lit(-1), "BIGINT"))


SEARCHING: tuple[Function, ...] = (
    simple(
        "indexof",
        "The position of an occurrence of a text from a start on, -1 without one.",
        (
            param("string"),
            param("match"),
            param("start", WHOLE, optional=True),
            param("length", WHOLE, optional=True),
            param("occurrence", WHOLE, optional=True),
        ),
        LONG,
        _indexof,
        ("print indexof('abcdefg', 'cde', 1, 4)", "2"),
    ),
    simple(
        "countof",
        "How often a text occurs in another, overlaps included, or a regular expression matches.",
        (param("source", TEXT), param("search", TEXT), param("kind", TEXT, optional=True, constant=True)),
        LONG,
        _countof,
        ("print countof('aaaa', 'aa')", "3"),
    ),
    simple(
        "indexof_regex",
        "The position of the first match of a regular expression, -1 without one.",
        (param("string"), param("match", TEXT, constant=True)),
        LONG,
        _indexof_regex,
        ("print indexof_regex('abcabc', 'b.')", "1"),
    ),
    _extract_rows("extract_all"),
    _extract_rows("extractall"),
    Function(
        "extract",
        "The text of one group of the first match of a regular expression, empty or null without a match.",
        (
            Signature(_EXTRACT, STRING, _extract),
            *(
                Signature(
                    (*_EXTRACT, param("typeLiteral", frozenset({scalar}))),
                    KqlType(scalar),
                    _typed_extract(KqlType(scalar)),
                )
                for scalar in Scalar
                if scalar is not Scalar.DYNAMIC
            ),
        ),
        example=("print extract('x=([0-9.]+)', 1, 'x=45.6|', typeof(real)) + 1", "46.6"),
    ),
    simple(
        "has_any_index",
        "The position in an array of the first term that a text contains, -1 without one.",
        (param("source"), param("values", DYNAMICS)),
        LONG,
        _has_any_index,
        ("print has_any_index('Apple Inc.', dynamic(['x', 'inc']))", "1"),
    ),
    simple(
        "replace_strings",
        "The text with every occurrence of each of several texts replaced; what is replaced stays.",
        (param("text", TEXT), param("lookups", DYNAMICS), param("rewrites", DYNAMICS)),
        STRING,
        lambda o: coalesce(
            call("kql_replace_strings", o[0].sql, *(cast(as_json(each), "VARCHAR") for each in o[1:])), o[0].sql
        ),
        ("print replace_strings('a cat', dynamic(['cat', 'a']), dynamic(['dog', 'the']))", "the dog"),
    ),
    simple(
        "regex_quote",
        "The text as a regular expression that matches it alone.",
        (param("string"),),
        STRING,
        lambda o: call("regexp_replace", as_text(o[0]), lit(r"([\\.+*?()|\[\]{}^$#\s-])"), lit(r"\\\1"), lit("g")),
        ("print regex_quote('a.b')", r"a\.b"),
    ),
    simple(
        "translate",
        "The text with characters of one list replaced by those at the same place of another.",
        (param("searchList", TEXT), param("replacementList", TEXT), param("source", TEXT)),
        STRING,
        lambda o: call("kql_translate", o[2].sql, o[0].sql, o[1].sql),
        ("print translate('krasp', 'otsku', 'spark')", "kusto"),
    ),
    simple(
        "assert",
        "True if a condition holds; an error with the message otherwise.",
        (param("predicate", frozenset({Scalar.BOOL})), param("message", TEXT)),
        BOOL,
        lambda o: case((o[0].sql, lit(True)), otherwise=cast(fail(o[1].sql), "BOOLEAN")),
        ("print assert(1 < 2, 'never')", "True"),
    ),
)
