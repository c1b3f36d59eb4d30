"""Commands as definitions, alone and beside the engine's own catalog."""

import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.errors import KustoError
from emulator.schema.definitions import Definitions
from emulator.schema.entities import Function, IngestionMapping, MaterializedView, Table
from emulator.syntax.parse_command import parse_command
from emulator.types import LONG, STRING, Column, Schema

COMMANDS = (
    ".create-merge table T (a: long, b: string) with (folder = 'f', docstring = 'd')",
    ".create-merge table T (a: long, c: string)",
    ".alter-merge table T column-docstrings (a: 'first', c: 'last')",
    ".alter-merge table T column-docstrings (c: 'last of all')",
    '.create-or-alter table T ingestion json mapping \'m\' \'[{"column": "a", "path": "$.a"}]\'',
    '.create-or-alter table T ingestion csv mapping \'m\' \'[{"column": "a", "ordinal": 0}]\'',
    '.create-or-alter table T ingestion json mapping \'m\' \' [{"column": "b", "path": "$.b"}] \'',
    ".alter table T policy streamingingestion enable",
    ".alter table T policy retention softdelete = 10d",
    ".alter-merge table T policy retention recoverability = disabled",
    ".alter column T.a policy encoding type = 'Identifier'",
    ".create-merge table S (a: long, b: string, c: string)",
    ".alter table S policy caching hot = 3d",
    ".delete table S policy caching",
    ".alter table S docstring 'source'",
    ".alter column S.a docstring 'key'",
    ".create-or-alter function with (folder = 'v1') F(x: long = 1) { T | where a == x }",
    ".create-or-alter function with (docstring = 'says') F(x: long = 2) { T | where a == x }",
    ".create-or-alter function G() { S | project a, b, c }",
    '.alter table T policy update @\'[{"Source": "S", "Query": "G()", "IsEnabled": true}]\'',
    ".create materialized-view with (lookback = 1d, folder = 'f') V on table S { S | summarize take_any(*) by a }",
    ".create-or-alter materialized-view with (docString = 'w') W on materialized-view V { V | summarize count() by b }",
    ".alter materialized-view V lookback 2d",
    ".alter materialized-view V folder 'g'",
    ".alter function F docstring 'says more'",
    ".alter database D policy retention softdelete = 30d",
)


def defined(*commands: str) -> Definitions:
    definitions = Definitions()
    for command in commands:
        definitions = definitions.after(parse_command(command))
    return definitions


def test_commands_are_records() -> None:
    assert defined(*COMMANDS) == Definitions(
        tables={
            "T": Table(
                "T",
                Schema((Column("a", LONG, "first"), Column("b", STRING), Column("c", STRING, "last of all"))),
                "f",
                "d",
                {
                    "streamingingestion": '{"IsEnabled":true}',
                    "retention": '{"SoftDeletePeriod":"10.00:00:00","Recoverability":"Disabled"}',
                    "column a encoding": '{"type":"Identifier"}',
                    "update": (
                        '[{"IsEnabled": true, "Source": "S", "SourceIsWildCard": false, "Query": "G()", '
                        '"IsTransactional": false, "PropagateIngestionProperties": false, "ManagedIdentity": null}]'
                    ),
                },
                (
                    IngestionMapping("m", "csv", '[{"column": "a", "ordinal": 0}]'),
                    IngestionMapping("m", "json", '[{"column": "b", "path": "$.b"}]'),
                ),
            ),
            "S": Table("S", Schema((Column("a", LONG, "key"), Column("b", STRING), Column("c", STRING))), "", "source"),
        },
        functions={
            "F": Function("F", "(x: long = 2)", "{ T | where a == x }", "v1", "says more"),
            "G": Function("G", "()", "{ S | project a, b, c }"),
        },
        views={
            "V": MaterializedView("V", "S", False, "S | summarize take_any(*) by a", "g", lookback=2 * 864_000_000_000),
            "W": MaterializedView("W", "V", True, "V | summarize count() by b", docstring="w"),
        },
        policies={"retention": '{"SoftDeletePeriod":"30.00:00:00"}'},
    )


@pytest.mark.slow
def test_the_engine_has_the_same_records_after_the_same_commands() -> None:
    eventhouse = Eventhouse.open(None, database="D")
    try:
        for command in COMMANDS:
            eventhouse.command(command)
        assert eventhouse.definitions() == defined(*COMMANDS)
    finally:
        eventhouse.close()


def test_a_command_that_defines_nothing_leaves_the_definitions_alone() -> None:
    before = defined(*COMMANDS)
    for command in (".show tables", ".ingest inline into table T <| 1,b,c", ".clear table T data"):
        assert before.after(parse_command(command)) == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (".alter table T policy streamingingestion enable", "Table 'T' is not defined."),
        (".create table T ingestion json mapping 'm' '[]'", "Table 'T' is not defined."),
        (".alter function F docstring 'x'", "Function 'F' is not defined."),
        (".alter materialized-view V lookback 1d", "Materialized view 'V' is not defined."),
    ],
)
def test_what_is_not_defined_cannot_be_changed(command: str, message: str) -> None:
    with pytest.raises(KustoError) as caught:
        defined(command)
    assert caught.value.message == message


def after(*commands: str) -> Definitions:
    definitions = Definitions()
    for command in commands:
        definitions = definitions.after(parse_command(command))
    return definitions


TABLE_AND_VIEW = (
    ".create table T (a: long, b: string)",
    ".create materialized-view V on table T { T | summarize count() by a }",
    ".create function F() { T }",
)


def test_texts_of_every_kind_of_entity() -> None:
    found = after(
        *TABLE_AND_VIEW,
        ".alter table T docstring 't'",
        ".alter function F folder 'f'",
        ".alter materialized-view V docstring 'v'",
        ".alter column T.a docstring 'c'",
    )
    assert (found.tables["T"].docstring, found.functions["F"].folder, found.views["V"].docstring) == ("t", "f", "v")
    assert [(column.name, column.docstring) for column in found.tables["T"].schema] == [("a", "c"), ("b", "")]


def test_policies_of_every_kind_of_entity() -> None:
    found = after(
        *TABLE_AND_VIEW,
        ".alter table T policy caching '{}'",
        '.alter column T.a policy encoding \'{"Type":"x"}\'',
        ".alter materialized-view V policy caching '{}'",
        ".alter database D policy caching '{}'",
    )
    assert dict(found.tables["T"].policies) == {"caching": "{}", "column a encoding": '{"Type":"x"}'}
    assert dict(found.views["V"].policies) == {"caching": "{}"}
    assert dict(found.policies) == {"caching": "{}"}
    less = found.after(parse_command(".delete materialized-view V policy caching"))
    assert dict(less.views["V"].policies) == {}


def test_mappings_of_tables_and_of_the_database() -> None:
    found = after(
        *TABLE_AND_VIEW,
        ".create table T ingestion json mapping 'm' '[]'",
        ".create database D ingestion csv mapping 'n' '[]'",
    )
    assert [(each.kind, each.name) for each in found.tables["T"].mappings] == [("json", "m")]
    assert [(each.kind, each.name) for each in found.mappings] == [("csv", "n")]
