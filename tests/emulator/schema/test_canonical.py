"""Canonical texts: what differs in layout alone is equal, and what differs in meaning is not."""

from dataclasses import replace

import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.schema.canonical import (
    canonical_expression,
    canonical_function,
    canonical_mappings,
    canonical_policies,
    canonical_query,
)
from emulator.schema.definitions import Definitions
from emulator.schema.entities import Function, IngestionMapping
from emulator.syntax.parse_command import parse_command

TABLE = ".create-merge table T (a: long, b: string)"
VIEW = ".create-or-alter materialized-view V on table T"


def canonical(*commands: str) -> Definitions:
    definitions = Definitions()
    for command in commands:
        definitions = definitions.after(parse_command(command))
    return definitions.canonical()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            ".create-or-alter function F(x:timespan=1h){T|where a==x and b=='y'}",
            '.create-or-alter function F(x: timespan = 60m) {\n  // why\n  T\n  | where (a == x) and (b == "y")\n}',
        ),
        (
            ".create-or-alter function F() { let y = 1; T | take y }",
            ".create-or-alter function F()\n{\n    let y = 1;\n    T | limit y\n}",
        ),
        (f"{VIEW} {{ T | summarize count() by a }}", f"{VIEW} {{\n    T\n    | summarize count() by a // n\n}}"),
        (
            '.create-or-alter table T ingestion json mapping "m" \'[{"column":"a","Properties":{"Path":"$.a"}}]\'',
            '.create-or-alter table T ingestion json mapping "m" \'[ {"Name": "a", "path": "$.a"}]\'',
        ),
        (
            ".alter table T policy streamingingestion enable",
            '.alter table T policy streamingingestion \'{"HintAllocatedRate": null, "IsEnabled": true}\'',
        ),
        (
            ".alter table T policy retention softdelete = 10d",
            '.alter table T policy retention \'{"Recoverability": "Enabled", "SoftDeletePeriod": "10.00:00:00"}\'',
        ),
        (
            '.alter table T policy update @\'[{"Source": "S", "Query": "F()"}]\'',
            '.alter table T policy update @\'[{"Query": "F()", "Source": "S", "IsEnabled": "True"}]\'',
        ),
    ],
)
def test_another_layout_of_the_same_is_equal(one: str, other: str) -> None:
    assert canonical(TABLE, one) == canonical(TABLE, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (".create-or-alter function F(x: long = 1) { x }", ".create-or-alter function F(x: long = 2) { x }"),
        (".create-or-alter function F() { print 'a b' }", ".create-or-alter function F() { print 'a  b' }"),
        (".create-or-alter function F() { T | take 1 }", ".create-or-alter function F() { T | take 2 }"),
        (f"{VIEW} {{ T | summarize count() by a }}", f"{VIEW} {{ T | summarize count() by b }}"),
        (".alter table T policy streamingingestion enable", ".alter table T policy streamingingestion disable"),
        (
            '.create-or-alter table T ingestion json mapping \'m\' \'[{"column": "a", "path": "$.a"}]\'',
            '.create-or-alter table T ingestion json mapping \'m\' \'[{"column": "a", "path": "$.A"}]\'',
        ),
    ],
)
def test_another_meaning_is_not(one: str, other: str) -> None:
    assert canonical(TABLE, one) != canonical(TABLE, other)


def test_a_query_has_one_operator_per_line() -> None:
    assert canonical_query("T|where a>1 and (b == 'x')|project a,b") == 'T\n| where a > 1 and b == "x"\n| project a, b'


def test_an_expression_has_the_shortest_units() -> None:
    assert canonical_expression("ago( 60m )") == "ago(1h)"


@pytest.mark.parametrize("text", ["T | wher a == 1", "print 'open", ""])
def test_what_does_not_parse_stays_as_it_is_written(text: str) -> None:
    assert canonical_query(text) == text


@pytest.mark.slow
def test_a_view_in_another_layout_is_stored_and_not_made_anew() -> None:
    eventhouse = Eventhouse.open(None, database="D")
    try:
        for command in (TABLE, f"{VIEW} {{ T | summarize count() by a }}"):
            eventhouse.command(command)
        before = eventhouse._core.database("D").views["V"]
        eventhouse.command(f"{VIEW} {{ T\n| summarize count() by a // per key\n}}")
        layout = eventhouse._core.database("D").views["V"]
        assert layout == replace(before, query="T\n| summarize count() by a // per key")
        eventhouse.command(f"{VIEW} {{ T | summarize count(), max(b) by a }}")
        assert eventhouse._core.database("D").views["V"].relation != before.relation
    finally:
        eventhouse.close()


def test_what_cannot_be_read_stays_as_it_is() -> None:
    assert canonical_expression("a +") == "a +"
    assert canonical_query("T | nonsense") == "T | nonsense"
    function = Function("F", "(x:long", "{ T }")
    assert canonical_function(function) == function
    assert list(canonical_policies({"retention": "[", "caching": "{"}).items()) == [
        ("caching", "{"),
        ("retention", "["),
    ]


def mapped(text: str) -> str:
    (found,) = canonical_mappings((IngestionMapping("m", "json", text),))
    assert (found.kind, found.name) == ("json", "m")
    return found.text


@pytest.mark.parametrize(
    ("text", "canonical_text"),
    [
        ("{", "{"),
        ('{"column": "a"}', '{"column": "a"}'),
        ('["a"]', '["a"]'),
        ("[]", "[]"),
        ('[{"Column": "a", "Properties": {"Path": "$.ä"}}]', '[{"column":"a","path":"$.ä"}]'),
        ('[{"name": "a", "path": ""}]', '[{"column":"a"}]'),
        ('[{"name": "b", "column": "a", "datatype": null}]', '[{"column":"a"}]'),
        ('[{"name": "b", "column": ""}]', '[{"column":"b"}]'),
        ('[{"column": "a", "path": "$.x", "properties": {"path": "$.y"}}]', '[{"column":"a","path":"$.y"}]'),
        ('[{"column": "a", "properties": 5}]', '[{"column":"a"}]'),
    ],
)
def test_the_text_of_a_mapping(text: str, canonical_text: str) -> None:
    assert mapped(text) == canonical_text


def test_mappings_come_by_kind_and_name() -> None:
    given = tuple(IngestionMapping(name, kind, "[]") for kind, name in (("json", "b"), ("csv", "z"), ("json", "a")))
    assert [(each.kind, each.name) for each in canonical_mappings(given)] == [
        ("csv", "z"),
        ("json", "a"),
        ("json", "b"),
    ]


def test_a_function_with_its_parameters_and_body_spelled_out() -> None:
    found = canonical_function(Function("F", "(x:long=1,T:(a:int))", "{T|where a==x}"))
    assert (found.parameters, found.body) == ("(x: long = 1, T: (a: int))", "{\nT\n| where a == x\n}")
