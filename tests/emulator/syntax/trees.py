"""Generated trees, of the shapes that parsing can give."""

import math
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from emulator.syntax.expressions import (
    Between,
    Binary,
    Call,
    DynamicLiteral,
    Expression,
    Index,
    InList,
    Literal,
    Name,
    NamedArgument,
    Path,
    Star,
    SubqueryExpression,
    Unary,
)
from emulator.syntax.keywords import NOT_BOUND
from emulator.syntax.operators import (
    CallSource,
    Count,
    Distinct,
    Extend,
    Join,
    NameSource,
    Operator,
    OrderKey,
    ParenthesisSource,
    Pipeline,
    Projection,
    Sort,
    Summarize,
    Take,
    Top,
    Where,
)
from emulator.syntax.parse_expressions import POWERS
from emulator.text import NOWHERE
from emulator.types import Scalar

SPELLED_OTHERWISE = {"<>", ":", "notcontains", "containscs", "notcontainscs", "matches"}
LISTS = ["in", "!in", "in~", "!in~", "has_any", "has_all"]
OPERATORS = [*sorted(POWERS.keys() - SPELLED_OTHERWISE - {*LISTS, "between", "!between"}), "matches regex"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
words = st.sampled_from(["a", "b", "Count", "kind", "from", "where", "time", "datetime", "a_1", "to"])
names = st.builds(Name, st.one_of(words, texts), st.just(NOWHERE))
functions = st.builds(Name, st.sampled_from(["f", "count", "range", "bin", "log", "find"]), st.just(NOWHERE))
members = st.builds(Name, st.sampled_from(["a", "from", "kind", "type", "B1"]), st.just(NOWHERE))


def literal(scalar: Scalar, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Literal]:
    return st.builds(Literal, st.just(scalar), values, st.just(NOWHERE))


ticks = st.integers(-(10**18), 10**18)
finite = st.floats(allow_nan=False, allow_infinity=False)
literals = st.one_of(
    literal(Scalar.STRING, texts),
    literal(Scalar.BOOL, st.one_of(st.booleans(), st.none())),
    literal(Scalar.INT, st.one_of(st.integers(-(2**31), 2**31 - 1), st.none())),
    literal(Scalar.LONG, st.one_of(st.integers(-(2**63), 2**63 - 1), st.none())),
    literal(Scalar.REAL, st.one_of(finite, st.sampled_from([math.inf, -math.inf, math.nan]), st.none())),
    literal(Scalar.DECIMAL, st.one_of(st.decimals(allow_nan=False, allow_infinity=False), st.just(Decimal("1.50")))),
    literal(Scalar.TIMESPAN, st.one_of(ticks, st.sampled_from([0, 864_000_000_000, 600_000_000]), st.none())),
    literal(Scalar.DATETIME, st.sampled_from(["2026-01-05", "2026-01-05T14:30:00.1234567Z", None])),
    literal(Scalar.GUID, st.one_of(st.uuids().map(str), st.none())),
)
dynamics = st.builds(
    DynamicLiteral, st.sampled_from(["null", '{"a": [1, ")"]}', "[dynamic(1), 'x']"]), st.just(NOWHERE)
)


def expressions() -> st.SearchStrategy[Expression]:
    """Return expressions as the parser gives them."""
    return st.recursive(st.one_of(names, literals, dynamics), _compound, max_leaves=12)


def _compound(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def build(node: Any, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.builds(node, *parts, st.just(NOWHERE))

    argument = st.one_of(inner, build(NamedArgument, names.filter(lambda name: bool(name.text)), inner), build(Star))
    queried = build(SubqueryExpression, st.builds(_piped, names, inner))
    return st.one_of(
        st.builds(
            lambda operator, left, right: Binary(operator, left, right, NOWHERE, NOWHERE),
            st.sampled_from(OPERATORS),
            inner,
            inner,
        ),
        build(
            InList,
            st.sampled_from(LISTS),
            inner,
            st.lists(st.one_of(inner, queried), min_size=1, max_size=2).map(tuple),
        ),
        build(Between, inner, inner, inner, st.booleans()),
        build(Unary, st.sampled_from("+-"), inner),
        build(Path, inner, members),
        build(Index, inner, inner),
        build(Call, functions, st.lists(argument, max_size=3).map(tuple)),
        build(Call, st.just(Name("toscalar", NOWHERE)), queried.map(lambda query: (query,))),
        queried,
    )


def _piped(name: Name, predicate: Expression) -> Pipeline:
    return Pipeline(NameSource(name, NOWHERE), (Where(predicate, NOWHERE),), NOWHERE)


def pipelines() -> st.SearchStrategy[Pipeline]:
    """Return pipelines as the parser gives them."""
    expression = expressions()
    declared = names.filter(lambda name: name.text not in NOT_BOUND)
    projection = st.builds(Projection, st.lists(declared, max_size=2).map(tuple), expression, st.just(NOWHERE))
    projections = st.lists(projection, min_size=1, max_size=3).map(tuple)
    direction = st.sampled_from([None, True, False])
    key = st.builds(OrderKey, expression, direction, direction, st.just(NOWHERE))
    keys = st.lists(key, min_size=1, max_size=2).map(tuple)

    def build(node: Any, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.builds(node, *parts, st.just(NOWHERE))

    simple: st.SearchStrategy[Operator] = st.one_of(
        build(Where, expression),
        build(Extend, projections),
        build(Distinct, projections),
        build(Summarize, projections, st.one_of(st.none(), projections), st.just(())),
        build(Sort, keys),
        build(Top, expression, st.tuples(key)),
        build(Take, expression),
        build(Count, st.one_of(st.none(), names)),
    )
    named = build(NameSource, names)
    called = build(CallSource, build(Call, functions, st.lists(expression, max_size=2).map(tuple)))
    head = build(Pipeline, st.one_of(named, called), st.lists(simple, max_size=3).map(tuple))

    def combined(inner: st.SearchStrategy[Pipeline]) -> st.SearchStrategy[Pipeline]:
        parenthesis = build(ParenthesisSource, inner.filter(lambda pipeline: bool(pipeline.operators)))
        join = build(Join, st.sampled_from(["inner", "leftanti"]), inner, st.tuples(expression), st.just(()))
        return build(
            Pipeline,
            st.one_of(named, parenthesis),
            st.lists(st.one_of(simple, join), min_size=1, max_size=2).map(tuple),
        )

    return st.recursive(head, combined, max_leaves=3)
