"""Query text to trees: what is parsed, shown by what it prints as, and by what it equals."""

import pytest

from emulator.errors import SyntaxFault
from emulator.syntax.cursor import MAX_NESTING
from emulator.syntax.expressions import Literal, Name, Unary
from emulator.syntax.operators import Datatable, NameSource, Pipeline, PrintSource, Unparsed
from emulator.syntax.parser import parse_expression, parse_function_body, parse_function_declaration, parse_query
from emulator.syntax.printing.printer import print_expression, print_query
from emulator.syntax.statements import FunctionLiteral, Let
from tests.casefiles import Case, cases_in
from tests.conftest import CheckCase
from tests.emulator.syntax.outline import without_places


def canonical(text: str) -> str:
    return print_query(parse_query(text))


def fault(text: str) -> str:
    with pytest.raises(SyntaxFault) as caught:
        parse_query(text)
    return str(caught.value)


@pytest.mark.parametrize("case", cases_in("parse/operators.txt"), ids=str)
def test_operators_parse_in_every_form(case: Case, check_case: CheckCase) -> None:
    check_case(case, canonical(case.step.text))


@pytest.mark.parametrize("case", cases_in("parse/sources.txt"), ids=str)
def test_sources_and_statements_parse_in_every_form(case: Case, check_case: CheckCase) -> None:
    check_case(case, canonical(case.step.text))


@pytest.mark.parametrize("case", cases_in("parse/names.txt"), ids=str)
def test_keywords_are_names_wherever_kusto_allows(case: Case, check_case: CheckCase) -> None:
    check_case(case, canonical(case.step.text))


@pytest.mark.parametrize("case", cases_in("parse/precedence.txt"), ids=str)
def test_operators_bind_as_the_parentheses_show(case: Case, check_case: CheckCase) -> None:
    shown, parsed = case.step.answer or "", parse_expression(case.step.text)
    is_alike = without_places(parsed) == without_places(parse_expression(shown))
    check_case(case, shown if is_alike else print_expression(parsed))


@pytest.mark.parametrize("case", cases_in("parse/faults.txt"), ids=str)
def test_a_fault_names_what_was_found_what_was_expected_and_a_way_out(case: Case, check_case: CheckCase) -> None:
    check_case(case, fault(case.step.text))


def test_spans_point_at_the_text_they_came_from() -> None:
    text = "let n = 5;\nTrades | where Price > n and (Symbol == 'A' 'B') | take 3"
    query = parse_query(text)
    let, pipeline = query.statements
    assert isinstance(let, Let)
    assert isinstance(pipeline, Pipeline)
    where, take = pipeline.operators
    assert text[let.span.start : let.span.end] == "let n = 5"
    assert text[where.span.start : where.span.end] == "where Price > n and (Symbol == 'A' 'B')"
    assert text[take.span.start : take.span.end] == "take 3"
    assert text[pipeline.span.start : pipeline.span.end] == text.split("\n")[1]


def test_signed_literals_are_folded_where_the_grammar_wants_a_literal_and_only_there() -> None:
    (pipeline,) = parse_query("datatable(a: long)[-1]").statements
    assert isinstance(pipeline, Pipeline)
    assert isinstance(pipeline.source, Datatable)
    (value,) = pipeline.source.values
    assert isinstance(value, Literal)
    assert value.value == -1
    (printed,) = parse_query("print -1").statements
    assert isinstance(printed, Pipeline)
    assert isinstance(printed.source, PrintSource)
    assert isinstance(printed.source.columns[0].expression, Unary)


def test_a_lone_name_is_a_pipeline_where_only_the_binder_can_tell() -> None:
    body = parse_function_body("{ let x = Trades; x }")
    assert isinstance(body.lets[0].value, Pipeline)
    assert isinstance(body.result, Pipeline)
    assert isinstance(body.result.source, NameSource)


def test_a_stored_function_parses_from_its_two_texts_with_spans_into_each() -> None:
    literal = parse_function_declaration("(symbol: string, n: int = 5)", "{ Trades | take n }")
    assert isinstance(literal, FunctionLiteral)
    assert [parameter.name.text for parameter in literal.parameters] == ["symbol", "n"]
    assert literal.parameters[1].name.span.start == 17
    assert literal.body.span.start == 2


def test_a_function_body_may_come_without_braces() -> None:
    assert without_places(parse_function_body("{ T | take 1 }")) == without_places(parse_function_body("T | take 1"))


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("T | reduce by Text with threshold=0.1 | take 5", "reduce"),
        ("T | make-graph a --> b with Nodes on id | graph-match (x)-[e*1..3]->(y) project x.a", "make-graph"),
        ("T | top-hitters 5 of a by b", "top-hitters"),
        ("find in (A, B) where x == '|'", "find"),
        ("externaldata (a: string)['x'] with (format='csv') | take 1", "externaldata"),
        ("database('other').Trades | take 1", "database()"),
        ("cluster('c').database('d').F(1)", "cluster()"),
    ],
)
def test_what_is_known_by_name_alone_is_kept_for_the_binder_to_refuse(text: str, keyword: str) -> None:
    (pipeline,) = parse_query(text).statements
    assert isinstance(pipeline, Pipeline)
    unparsed = [node for node in (pipeline.source, *pipeline.operators) if isinstance(node, Unparsed)]
    assert unparsed[0].keyword == keyword
    assert text[unparsed[0].span.start :].startswith(keyword.removesuffix("()"))


def test_nesting_has_a_limit_with_an_error_of_its_own() -> None:
    deepest = MAX_NESTING
    parse_expression("(" * deepest + "1" + ")" * deepest)
    with pytest.raises(SyntaxFault, match="levels of nesting"):
        parse_expression("(" * (deepest + 1) + "1" + ")" * (deepest + 1))


@pytest.mark.slow
def test_a_long_chain_of_operators_is_no_nesting() -> None:
    expression = parse_expression(" or ".join(["a == 1"] * 2000))
    assert not isinstance(expression, Name)
