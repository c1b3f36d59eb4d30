"""What a command is about."""

import pytest

from emulator.schema.subjects import Kind, SeveralSubjects, Subject, subject_of
from emulator.syntax.parse_command import parse_command

TABLE = Subject(Kind.TABLE, "T")


@pytest.mark.parametrize(
    ("text", "subject", "shown"),
    [
        (".create-merge table T (a: int)", TABLE, "table T"),
        (".create-or-alter function F() { 1 }", Subject(Kind.FUNCTION, "F"), "function F"),
        (
            ".create-or-alter materialized-view V on table T { T | summarize count() by a }",
            Subject(Kind.VIEW, "V"),
            "materialized view V",
        ),
        (
            ".create-or-alter table T ingestion json mapping 'm' '[]'",
            Subject(Kind.MAPPING, "json m", TABLE),
            "ingestion mapping json m of table T",
        ),
        (
            ".create-or-alter database D ingestion csv mapping 'm' '[]'",
            Subject(Kind.MAPPING, "csv m", Subject(Kind.DATABASE, "D")),
            "ingestion mapping csv m of database D",
        ),
        (
            ".alter table T policy streamingingestion enable",
            Subject(Kind.POLICY, "streamingingestion", TABLE),
            "policy streamingingestion of table T",
        ),
        (
            ".alter materialized-view V policy retention softdelete = 1d",
            Subject(Kind.POLICY, "retention", Subject(Kind.VIEW, "V")),
            "policy retention of materialized view V",
        ),
        (
            ".alter column T.a policy encoding type = 'Identifier'",
            Subject(Kind.POLICY, "encoding", Subject(Kind.COLUMN, "a", TABLE)),
            "policy encoding of column a of table T",
        ),
        (".delete table T policy retention", Subject(Kind.POLICY, "retention", TABLE), "policy retention of table T"),
        (
            ".alter-merge table T column-docstrings (a: 'x')",
            Subject(Kind.TEXT, "column-docstrings", TABLE),
            "text column-docstrings of table T",
        ),
        (".alter table T docstring 'x'", Subject(Kind.TEXT, "docstring", TABLE), "text docstring of table T"),
        (
            ".alter function F folder 'x'",
            Subject(Kind.TEXT, "folder", Subject(Kind.FUNCTION, "F")),
            "text folder of function F",
        ),
        (
            ".alter materialized-view V lookback 6h",
            Subject(Kind.TEXT, "lookback", Subject(Kind.VIEW, "V")),
            "text lookback of materialized view V",
        ),
        (".show tables", Subject(Kind.OTHER, ".show tables"), "command .show tables"),
        (".drop table T ifexists", Subject(Kind.OTHER, ".drop table", TABLE), "command .drop table of table T"),
        (
            ".set-or-replace T <| print a = 1",
            Subject(Kind.OTHER, ".set-or-replace T", TABLE),
            "command .set-or-replace T of table T",
        ),
        (
            ".ingest inline into table T <| 1",
            Subject(Kind.OTHER, ".ingest inline", TABLE),
            "command .ingest inline of table T",
        ),
    ],
)
def test_every_command_is_about_something_with_a_name(text: str, subject: Subject, shown: str) -> None:
    found = subject_of(parse_command(text), text)
    assert (found, str(found)) == (subject, shown)


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (".drop table T columns (a)", TABLE),
        (".alter column T.a type = long", Subject(Kind.COLUMN, "a", TABLE)),
        (".clear table T data", TABLE),
        (".clear materialized-view V data", Subject(Kind.VIEW, "V")),
        (".delete table T records <| T", TABLE),
        (".disable materialized-view V", Subject(Kind.VIEW, "V")),
        (".drop materialized-view V", Subject(Kind.VIEW, "V")),
        (".drop function F", Subject(Kind.FUNCTION, "F")),
        (".drop tables (A, B)", None),
        (".create database D volatile", Subject(Kind.DATABASE, "D")),
        (".drop database D", Subject(Kind.DATABASE, "D")),
        (".show version", None),
    ],
)
def test_what_a_command_that_defines_nothing_is_about(text: str, about: Subject | None) -> None:
    assert subject_of(parse_command(text), text) == Subject(Kind.OTHER, " ".join(text.split()[:2]), about)


@pytest.mark.parametrize(
    "text", [".create tables A (a: int), B (b: int)", ".alter tables (A, B) policy streamingingestion enable"]
)
def test_a_command_about_several_things_is_told(text: str) -> None:
    with pytest.raises(SeveralSubjects):
        subject_of(parse_command(text), text)
