"""String operators: substrings, whole terms, regular expressions.

A term is a run of letters and digits; every other character, the underscore included, separates terms.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from emulator.functions.function import Emit, Function, Operand, Signature
from emulator.functions.physical import as_list, lowered
from emulator.functions.shorthand import DYNAMICS, TEXT, param, repeated
from emulator.sql.ast import ColumnRef, Field, Sql, StructLiteral
from emulator.sql.build import EMPTY, TRUE, and_, call, coalesce, lambda_, lit, not_, once, op, or_
from emulator.types import BOOL, STRING, Scalar

_OUTSIDE = r"[^\pL\pN]"
_SPECIAL = frozenset(r"\.+*?()|[]{}^$")
# Around each separator of a text.
_MARK = "\x01"
# Tests for terms that stand alone.
_FEW = 8
# Of the terms of one regular expression.
_MOST_CHARACTERS = 20_000

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


@dataclass(frozen=True, slots=True)
class _Term:
    """The test for a term, or for the start or the end of one."""

    starts: bool
    ends: bool
    folded: bool

    def __call__(self, text: Sql, term: Operand) -> Sql:
        """Build the test for one."""
        if term.is_constant and isinstance(term.value, str):
            if not term.value:
                return TRUE
            return self.matches(text, lit(_alternatives([term.value], *self.bounds(term.value))))
        options = self.options()
        pattern = call("kql_marked_pattern", term.sql, options, lit(self.starts), lit(self.ends))
        return self.matches(call("kql_marked", text, options), pattern)

    def matches(self, text: Sql, pattern: Sql) -> Sql:
        """Build the test for a pattern."""
        return call("regexp_matches", text, pattern, *((lit("i"),) if self.folded else ()))

    def options(self) -> Sql:
        """Return the options of a replacement in the same case."""
        return lit("gi" if self.folded else "g")

    def bounds(self, term: str) -> tuple[bool, bool]:
        """Return at which of its ends a term that is not empty must be one's end in the text, too."""
        return self.starts and term[0].isalnum(), self.ends and term[-1].isalnum()

    def any_of(self, text: Sql, terms: Iterable[Operand]) -> Sql:
        """Build the test for any of several terms: constant ones in few regular expressions.

        DuckDB takes 4 ms to compile the class of what separates terms, once for each expression: for a thousand 9 s.
        """
        found: list[Sql] = []
        constants: dict[tuple[bool, bool], dict[str, None]] = {}
        for term in terms:
            if not (term.is_constant and isinstance(term.value, str) and term.value):
                found.append(self(text, term))
                continue
            constants.setdefault(self.bounds(term.value), {})[term.value] = None
        patterns = [_alternatives(run, *bounds) for bounds, alike in constants.items() for run in _in_runs(alike)]
        return or_([*(self.matches(text, lit(pattern)) for pattern in patterns), *found])

    def all_of(self, text: Sql, terms: Iterable[Operand]) -> Sql:
        """Build the test for all of several terms: where those are many, in a text whose separators are marked.

        Its patterns need no class of separators and take some 20 µs each to compile. The first few tests stand alone:
        they end most rows' work before a text is marked.
        """
        distinct = {term.value if term.is_constant else number: term for number, term in enumerate(terms)}
        tests: list[Sql] = []
        marked: list[Sql] = []
        for term in distinct.values():
            if len(tests) < _FEW or not (term.is_constant and isinstance(term.value, str) and term.value):
                tests.append(self(text, term))
            else:
                # Each character that separates terms stands between two marks, so that every term does, too.
                before, after = (_MARK if is_bound else "" for is_bound in self.bounds(term.value))
                pattern = before + "".join(map(_marked, term.value)) + after
                marked.append(self.matches(ColumnRef("marked"), lit(pattern)))
        if marked:
            tests.append(once("marked", call("kql_marked", text, self.options()), and_(marked)))
        return and_(tests)


_HAS = _Term(starts=True, ends=True, folded=True)
_HAS_CS = _Term(starts=True, ends=True, folded=False)


def _alternatives(terms: Iterable[str], starts: bool, ends: bool) -> str:
    escaped = ["".join(f"\\{each}" if each in _SPECIAL else each for each in term) for term in terms]
    one = escaped[0] if len(escaped) == 1 else f"(?:{'|'.join(escaped)})"
    return (f"(?:^|{_OUTSIDE})" if starts else "") + one + (f"(?:$|{_OUTSIDE})" if ends else "")


def _in_runs(terms: Iterable[str]) -> Iterator[list[str]]:
    # RE2 refuses a program of more than 8 MB, and becomes slow well before.
    run: list[str] = []
    length = 0
    for term in terms:
        if run and length + len(term) > _MOST_CHARACTERS:
            yield run
            run, length = [], 0
        run.append(term)
        length += len(term)
    yield run


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


def _marked(character: str) -> str:
    escaped = f"\\{character}" if character in _SPECIAL else character
    if not character.isascii() and not character.isalnum():
        # A letter of a newer Unicode than Python's may be none of DuckDB's.
        return f"(?:{escaped}|{_MARK}{escaped}{_MARK})"
    return escaped if character.isalnum() else f"{_MARK}{escaped}{_MARK}"


def marked_tests(text: Sql, array: Operand, build: Callable[[Sql, Callable[[Sql], Sql]], Sql]) -> Sql:
    """Build an expression of the items of an array and of the test whether the text contains one as a term."""
    given = ColumnRef("given")
    value = StructLiteral((("text", call("kql_marked", text, lit("gi"))), ("items", as_list(array, Scalar.STRING))))

    def is_found(item: Sql) -> Sql:
        pattern = call("kql_marked_pattern", item, lit("gi"), TRUE, TRUE)
        return call("regexp_matches", Field(given, "text"), pattern, lit("i"))

    return once("given", value, build(Field(given, "items"), is_found))


def _constant_items(array: Operand) -> list[Operand] | None:
    """Return the items of a constant array of texts as constants; None for another array."""
    if not array.is_constant:
        return None
    try:
        items = json.loads(array.value) if isinstance(array.value, str) else array.value
    except ValueError:
        return None
    if not isinstance(items, list | tuple) or not all(isinstance(each, str) for each in items):
        return None
    return [Operand(lit(each), STRING, is_constant=True, value=each) for each in items]


def _many(
    name: str, description: str, join: Callable[[Sql, Iterable[Operand]], Sql], fold: str, example: tuple[str, str]
) -> Function:
    def emit_each(operands: tuple[Operand, ...]) -> Sql:
        text, *terms = operands
        return join(text.sql, terms)

    def emit_array(operands: tuple[Operand, ...]) -> Sql:
        text, array = operands
        terms = _constant_items(array)
        if terms is not None:
            return join(text.sql, terms)
        found = marked_tests(
            text.sql,
            array,
            lambda items, is_found: call(
                "list_transform", items, lambda_("e", is_found(coalesce(ColumnRef("e"), EMPTY)))
            ),
        )
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
    *_folded_and_exact("has", "contains another as a whole term", _HAS, _HAS_CS, "Inc"),
    *_folded_and_exact(
        "hasprefix",
        "contains a term that starts with another",
        _Term(starts=True, ends=False, folded=True),
        _Term(starts=True, ends=False, folded=False),
        "In",
    ),
    *_folded_and_exact(
        "hassuffix",
        "contains a term that ends with another",
        _Term(starts=False, ends=True, folded=True),
        _Term(starts=False, ends=True, folded=False),
        "nc",
    ),
    *_pair("matches regex", "contains a match of a regular expression", _matches, "A.+l", negative=""),
    _many(
        "has_any",
        "Whether a text contains any of several terms.",
        _HAS.any_of,
        "list_bool_or",
        ("print 'Apple Inc.' has_any ('x', 'inc')", "True"),
    ),
    _many(
        "has_all",
        "Whether a text contains all of several terms.",
        _HAS.all_of,
        "list_bool_and",
        ("print 'Apple Inc.' has_all ('x', 'inc')", "False"),
    ),
)


def _of_many(name: str, join: Callable[[Sql, Iterable[Operand]], Sql]) -> Function:
    parameters = (param("text", TEXT), repeated("term", TEXT))
    signature = Signature(parameters, BOOL, lambda operands: join(operands[0].sql, operands[1:]))
    return Function(name, "Several tests for a term as one.", (signature,))


# By the operator of a single term: the test for any of several terms and that for all, which no query can name.
MANY_TERMS: dict[str, tuple[Function, Function]] = {
    f"{name}{'_cs' * (not folded)}": (
        _of_many(f"{name}{'_cs' * (not folded)} any", _Term(starts, ends, folded).any_of),
        _of_many(f"{name}{'_cs' * (not folded)} all", _Term(starts, ends, folded).all_of),
    )
    for name, starts, ends in (("has", True, True), ("hasprefix", True, False), ("hassuffix", False, True))
    for folded in (True, False)
}
