"""String operators: substrings, whole terms, regular expressions.

A term is a run of letters and digits; every other character, the underscore included, separates terms.
"""

from collections.abc import Callable

from emulator.functions.function import Emit, Function, Operand, Signature
from emulator.functions.physical import as_list, lowered
from emulator.functions.shorthand import DYNAMICS, TEXT, param, repeated
from emulator.sql.ast import ColumnRef, Sql
from emulator.sql.build import EMPTY, TRUE, and_, call, coalesce, lambda_, lit, not_, op, or_
from emulator.types import BOOL, STRING, Scalar

_OUTSIDE = r"[^\pL\pN]"
_SPECIAL = frozenset(r"\.+*?()|[]{}^$")

Test = Callable[[Sql, Operand], Sql]


def _contains(text: Sql, part: Operand) -> Sql:
    return call("contains", call("lower", text), lowered(part))


def _contains_cs(text: Sql, part: Operand) -> Sql:
    return call("contains", text, part.sql)


def _starts(text: Sql, part: Operand) -> Sql:
    return call("starts_with", call("lower", text), lowered(part))


def _starts_cs(text: Sql, part: Operand) -> Sql:
    return call("starts_with", text, part.sql)


def _ends(text: Sql, part: Operand) -> Sql:
    return call("ends_with", call("lower", text), lowered(part))


def _ends_cs(text: Sql, part: Operand) -> Sql:
    return call("ends_with", text, part.sql)


def _equals_folded(text: Sql, other: Operand) -> Sql:
    return op("=", call("lower", text), lowered(other))


def _matches(text: Sql, pattern: Operand) -> Sql:
    return call("regexp_matches", text, pattern.sql)


def _term(*, starts: bool, ends: bool, folded: bool) -> Test:
    """Build the test for a term, or for the start or the end of one."""

    def test(text: Sql, term: Operand) -> Sql:
        flags = (lit("i"),) if folded else ()
        if term.is_constant and isinstance(term.value, str):
            if not term.value:
                return TRUE
            pattern: Sql = lit(_term_pattern(term.value, starts=starts, ends=ends))
        else:
            pattern = call("kql_term_pattern", term.sql, lit(starts), lit(ends))
        return call("regexp_matches", text, pattern, *flags)

    return test


def _term_pattern(term: str, *, starts: bool, ends: bool) -> str:
    before = f"(?:^|{_OUTSIDE})" if starts and term[0].isalnum() else ""
    after = f"(?:$|{_OUTSIDE})" if ends and term[-1].isalnum() else ""
    return before + "".join(f"\\{each}" if each in _SPECIAL else each for each in term) + after


def _emit(test: Test) -> Emit:
    return lambda operands: test(operands[0].sql, operands[1])


def _emit_negated(test: Test) -> Emit:
    return lambda operands: not_(test(operands[0].sql, operands[1]))


def _pair(name: str, meaning: str, test: Test, part: str, *, negative: str | None = None) -> tuple[Function, ...]:
    # `part` is a piece of "Apple Inc." for which the operator is true.
    parameters = (param("text", TEXT), param("other", TEXT))
    negative = f"!{name}" if negative is None else negative
    positive = Function(
        name,
        f"Whether a text {meaning}.",
        (Signature(parameters, BOOL, _emit(test)),),
        example=(f"print 'Apple Inc.' {name} '{part}'", "True"),
    )
    if not negative:
        return (positive,)
    return (
        positive,
        Function(
            negative,
            f"Negation of `{name}`: whether it is not so that a text {meaning}.",
            (Signature(parameters, BOOL, _emit_negated(test)),),
            example=(f"print 'Apple Inc.' {negative} '{part}'", "False"),
        ),
    )


def _folded_and_exact(name: str, meaning: str, folded: Test, exact: Test, part: str) -> tuple[Function, ...]:
    return (
        *_pair(name, f"{meaning}, in any case", folded, part.lower()),
        *_pair(f"{name}_cs", f"{meaning}, case-sensitively", exact, part),
    )


def _terms(folded: bool) -> Test:
    return _term(starts=True, ends=True, folded=folded)


def _many(
    name: str, description: str, join: Callable[[list[Sql]], Sql], fold: str, example: tuple[str, str]
) -> Function:
    test = _terms(folded=True)

    def emit_each(operands: tuple[Operand, ...]) -> Sql:
        text, *terms = operands
        return join([test(text.sql, term) for term in terms])

    def emit_array(operands: tuple[Operand, ...]) -> Sql:
        text, array = operands
        element = Operand(coalesce(ColumnRef("e"), EMPTY), STRING)
        found = call("list_transform", as_list(array, Scalar.STRING), lambda_("e", test(text.sql, element)))
        return coalesce(call(fold, found), lit(fold == "list_bool_and"))

    return Function(
        name,
        description,
        (
            Signature((param("text", TEXT), param("array", DYNAMICS)), BOOL, emit_array),
            Signature((param("text", TEXT), repeated("term", TEXT)), BOOL, emit_each),
        ),
        example=example,
    )


TEXT_OPERATORS: tuple[Function, ...] = (
    *_pair("=~", "equals another in any case", _equals_folded, "apple inc.", negative="!~"),
    *_folded_and_exact("contains", "contains another", _contains, _contains_cs, "ple I"),
    *_folded_and_exact("startswith", "starts with another", _starts, _starts_cs, "App"),
    *_folded_and_exact("endswith", "ends with another", _ends, _ends_cs, "Inc."),
    *_folded_and_exact("has", "contains another as a whole term", _terms(folded=True), _terms(folded=False), "Inc"),
    *_folded_and_exact(
        "hasprefix",
        "contains a term that starts with another",
        _term(starts=True, ends=False, folded=True),
        _term(starts=True, ends=False, folded=False),
        "In",
    ),
    *_folded_and_exact(
        "hassuffix",
        "contains a term that ends with another",
        _term(starts=False, ends=True, folded=True),
        _term(starts=False, ends=True, folded=False),
        "nc",
    ),
    *_pair("matches regex", "contains a match of a regular expression", _matches, "A.+l", negative=""),
    _many(
        "has_any",
        "Whether a text contains any of several terms.",
        or_,
        "list_bool_or",
        ("print 'Apple Inc.' has_any ('x', 'inc')", "True"),
    ),
    _many(
        "has_all",
        "Whether a text contains all of several terms.",
        and_,
        "list_bool_and",
        ("print 'Apple Inc.' has_all ('x', 'inc')", "False"),
    ),
)
