"""Ingestion mappings as they are read, and why one is refused."""

import json

import pytest

from emulator.errors import KustoError, UnsupportedFault
from emulator.schema.mapping import FieldMapping, Transform, identity, parse_mapping, parse_path
from emulator.types import LONG, STRING, Column, Schema

SCHEMA = Schema((Column("a", LONG), Column("b", STRING)))


@pytest.mark.parametrize(
    ("element", "kind", "found"),
    [
        ({"column": "a", "path": "$.x"}, "json", FieldMapping("a", path=("x",))),
        ({"Name": "a", "Properties": {"Path": "$.x[1]"}}, "json", FieldMapping("a", path=("x", 1))),
        ({"column": "a", "path": "$.x", "properties": {"path": "$.y"}}, "json", FieldMapping("a", path=("y",))),
        ({"column": "a", "field": "x"}, "parquet", FieldMapping("a", path=("x",))),
        ({"column": "a", "field": "x"}, "csv", FieldMapping("a")),
        ({"column": "a", "field": ""}, "parquet", FieldMapping("a")),
        ({"column": "a", "field": 1, "path": ""}, "json", FieldMapping("a")),
        ({"column": "a", "ordinal": "2"}, "csv", FieldMapping("a", ordinal=2)),
        ({"column": "a", "ordinal": 0}, "csv", FieldMapping("a", ordinal=0)),
        ({"column": "a", "ordinal": ""}, "csv", FieldMapping("a")),
        ({"column": "a", "ConstValue": 5}, "json", FieldMapping("a", constant="5")),
        ({"column": "a", "ConstantValue": "x"}, "json", FieldMapping("a", constant="x")),
        ({"column": "a", "constvalue": "x", "constantvalue": "y"}, "json", FieldMapping("a", constant="x")),
        (
            {"column": "a", "path": "$", "transform": "DateTimeFromUnixSeconds"},
            "json",
            FieldMapping("a", path=(), transform=Transform.UNIX_SECONDS),
        ),
        ({"column": "a", "transform": ""}, "json", FieldMapping("a")),
        ({"column": "", "name": "b", "properties": 1}, "json", FieldMapping("b")),
    ],
)
def test_an_element_of_a_mapping(element: dict[str, object], kind: str, found: FieldMapping) -> None:
    assert parse_mapping(json.dumps([element]), kind, SCHEMA) == (found,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "a mapping is a non-empty JSON array of objects"),
        ("[]", "a mapping is a non-empty JSON array of objects"),
        ('[{"column": "a"}, 1]', "element 1 of the mapping is not an object"),
        ('[{"path": "$"}]', "element 0 of the mapping names no column"),
        ('[{"column": 5}]', "element 0 of the mapping names no column"),
        ('[{"column": "c"}]', "the mapping names the column 'c', which the table does not have"),
        ('[{"column": "a", "ordinal": "x"}]', "the ordinal of column 'a' is not a number: x"),
        ('[{"column": "a", "path": "x"}]', "the path 'x' does not start with '$'"),
        ('[{"column": "a", "path": "$.x[*]"}]', "the path '$.x[*]' cannot be read from '[*]' on"),
    ],
)
def test_a_mapping_that_is_none(text: str, problem: str) -> None:
    with pytest.raises(KustoError) as raised:
        parse_mapping(text, "json", SCHEMA)
    found = (raised.value.code, raised.value.message)
    assert found == ("BadRequest_InvalidMapping", f"Invalid ingestion mapping: {problem}.")


def test_a_transformation_that_nobody_knows() -> None:
    with pytest.raises(UnsupportedFault) as raised:
        parse_mapping('[{"column": "a", "transform": "Upper"}]', "json")
    assert raised.value.message == "the mapping transformation 'Upper' of column 'a'"


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$", ()),
        (" $.a.b ", ("a", "b")),
        ("$['a b'][0]", ("a b", 0)),
        ('$["a\\"b"][ 12 ].c', ('a"b', 12, "c")),
        (r"$['it\'s']", ("it's",)),
        ("$['']", ("",)),
    ],
)
def test_the_steps_of_a_path(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse_path(text) == steps


def test_without_a_mapping_columns_are_their_own_names_or_places() -> None:
    assert identity(SCHEMA, "json") == (FieldMapping("a", path=("a",)), FieldMapping("b", path=("b",)))
    assert identity(SCHEMA, "csv") == (FieldMapping("a", ordinal=0), FieldMapping("b", ordinal=1))
