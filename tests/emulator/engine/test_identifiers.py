"""Names that entities and columns may get. Truth: kusto/query/schema-entities/entity-names.md."""

from dataclasses import replace

import pytest

from emulator import Eventhouse
from emulator.engine.catalog.identifiers import check_new_names
from emulator.engine.catalog.records import Database, Table, View
from emulator.errors import KustoError
from emulator.types import Column, KqlType, Scalar, Schema

RULE = "a name has 1 to 1024 letters, digits, underscores, spaces, dots and dashes"
OWN = "names that start or end with two underscores are Kusto's own"
REFUSED = {
    "": ("", "it is empty"),
    "a\0b": (r"a\x00b", r"it contains '\x00'"),
    "a\nb": (r"a\nb", r"it contains '\n'"),
    "a\u2028b": (r"a\u2028b", r"it contains '\u2028'"),
    "a\tb": (r"a\tb", r"it contains '\t'"),
    "\u200b": (r"\u200b", r"it contains '\u200b'"),
    "*": ("*", "it contains '*'"),
    "a*": ("a*", "it contains '*'"),
    "a;b": ("a;b", "it contains ';'"),
    "a:b": ("a:b", "it contains ':'"),
    "x" * 1_025: ("x" * 40 + "…", "it has 1025 characters"),
    "__a": ("__a", OWN),
    "a__": ("a__", OWN),
}
ALLOWED = ("x" * 1_024, "where", "1day", "a b", "a.b-c_d", "_a_", "Zürich", "Zu\u0308rich", "नाम", "株価", "$table")


def quoted(name: str) -> str:
    escaped = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in name)
    return f"['{escaped}']"


MAKING = {
    ".create table {}(A: int)": "Table",
    ".create-merge table {}(A: int)": "Table",
    ".create tables V (A: int), {}(A: int)": "Table",
    ".set {} <| print A = 1": "Table",
    ".set-or-append {} <| print A = 1": "Table",
    ".rename table T to {}": "Table",
    ".create table New ({}: int)": "Column",
    ".create-merge table T ({}: int)": "Column",
    ".alter table T ({}: int)": "Column",
    ".rename column T.A to {}": "Column",
    ".set New <| print {} = 1": "Column",
    ".set-or-append T with (extend_schema = true) <| print A = int(1), {} = 1": "Column",
    ".create function {}() {{ 1 }}": "Function",
    ".create-or-alter function {}() {{ 1 }}": "Function",
    ".create materialized-view {} on table T {{ T | summarize count() by A }}": "MaterializedView",
    ".create materialized-view New on table T {{ T | summarize {} = count() by A }}": "Column",
    ".alter materialized-view M on table T {{ T | summarize count(), {} = max(A) by A }}": "Column",
    ".rename materialized-view M to {}": "MaterializedView",
    ".create database {}": "Database",
}


@pytest.fixture
def house(empty_database: Eventhouse) -> Eventhouse:
    empty_database.command(".create table T (A: int)")
    empty_database.command(".create materialized-view M on table T { T | summarize count() by A }")
    return empty_database


@pytest.mark.slow
@pytest.mark.parametrize("command", MAKING)
def test_no_command_makes_such_a_name(house: Eventhouse, command: str) -> None:
    kind, before = MAKING[command], house.definitions()
    for name in ("", "a\0b", "a\nb", "*", "x" * 1_025):
        shown, problem = REFUSED[name]
        with pytest.raises(KustoError) as caught:
            house.command(command.format(quoted(name)))
        fault = caught.value
        assert fault.message == f"'{shown}' cannot be the name of an entity of kind '{kind}': {problem}."
        assert (fault.code, fault.hint, fault.http_status) == ("BadRequest_InvalidEntityName", RULE, 400)
    assert house.definitions() == before
    house.command(command.format(quoted("a.b-c d")))
    assert kind == "Database" or house.definitions() != before


def with_table(database: Database, name: str, *columns: str) -> Database:
    schema = Schema(tuple(Column(each, KqlType(Scalar.INT)) for each in columns))
    return database.with_table(Table(name, schema, relation="t1"))


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_outside_of_the_rules_is_refused(name: str) -> None:
    shown, problem = REFUSED[name]
    empty = Database("D")
    for before, after, kind in (
        (None, Database(name), "Database"),
        (empty, with_table(empty, name, "A"), "Table"),
        (empty, with_table(empty, "T", "A", name), "Column"),
    ):
        with pytest.raises(KustoError) as caught:
            check_new_names(before, after)
        assert caught.value.message == f"'{shown}' cannot be the name of an entity of kind '{kind}': {problem}."


@pytest.mark.parametrize("name", ALLOWED)
def test_a_name_within_the_rules_is_taken(name: str) -> None:
    check_new_names(None, with_table(Database(name), name, name))


def test_what_has_its_name_from_before_keeps_it() -> None:
    before = with_table(Database("*"), "a:b", "x:y")
    table = before.tables["a:b"]
    check_new_names(before, replace(before, tables={"New": replace(table, name="New")}))
    check_new_names(before, with_table(before, "a:b", "x:y", "New"))
    check_new_names(
        before, before.with_view(View("V", "a:b", False, "", relation="v1", parts="p1", schema=table.schema))
    )
    check_new_names(before, before.without_table("a:b"))
    with pytest.raises(KustoError, match="'y:z' cannot be the name of an entity of kind 'Column'"):
        check_new_names(before, with_table(before, "a:b", "x:y", "y:z"))


def test_an_eventhouse_opens_under_no_such_name() -> None:
    with pytest.raises(KustoError, match=r"'a\*' cannot be the name of an entity of kind 'Database'"):
        Eventhouse.open(None, database="a*")
