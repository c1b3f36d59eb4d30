"""Statements around queries: what is written, that DuckDB takes it, and that no name or value leaves its place."""

import duckdb
import pytest

from emulator.sql.ast import (
    Call,
    ColumnRef,
    Item,
    Literal,
    Parameter,
    Rendered,
    Select,
    Sql,
    Star,
    SubqueryRef,
    TableRef,
    ValuesRef,
)
from emulator.sql.build import call, columns, equal, lit, op, table
from emulator.sql.render import render
from emulator.sql.statements import (
    AddColumn,
    Assignment,
    Attach,
    Begin,
    ColumnDefinition,
    CreateIndex,
    CreateMacro,
    CreateTable,
    CreateTableAs,
    CreateView,
    Deallocate,
    Delete,
    Describe,
    Drop,
    Execute,
    Insert,
    Merge,
    Pragma,
    Prepare,
    SetOption,
    Statement,
    Update,
    Values,
)

HOSTILE_NAMES = ['a"b', '"', "select", "a b", "a.b", "$x", "Ünïcode 🐎", '"; DROP TABLE "kept"; --', "x' OR '1'='1"]
HOSTILE_TEXTS = ["it's", "'; DROP TABLE kept; --", "a\0b", "\\'", '"', "line\nbreak", "$name", "?", "🐎"]
KEY = ColumnDefinition("k", "BIGINT")
TEXT = ColumnDefinition("v", "VARCHAR", lit(""))


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def run(connection: duckdb.DuckDBPyConnection, *statements: Statement) -> list[tuple[object, ...]]:
    """Run statements and return what the last one answers."""
    rows: list[tuple[object, ...]] = []
    for statement in statements:
        rows = connection.execute(render(statement)).fetchall()
    return rows


def pairs(*rows: tuple[object, object], alias: str = "x") -> ValuesRef:
    return ValuesRef(tuple((lit(key), lit(value)) for key, value in rows), ("k", "v"), alias)


def filled(*rows: tuple[object, object]) -> tuple[Statement, ...]:
    return CreateTable("t", (KEY, TEXT)), Insert("t", Values(tuple((lit(key), lit(value)) for key, value in rows)))


def everything(name: str = "t") -> Select:
    return Select((Star(),), table(name))


def same_key() -> Sql:
    return equal(ColumnRef("k", "t"), ColumnRef("k", "x"))


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            Insert("t", Values(((lit(1), lit("a")), (lit(2), lit("b"))))),
            """INSERT INTO "t" VALUES (1, 'a'), (2, 'b')""",
        ),
        (
            Insert("t", Select((Star(),), table("s")), ("k",), returning=(ColumnRef("k"), Star())),
            'INSERT INTO "t" ("k") SELECT * FROM "s" AS "s" RETURNING "k", *',
        ),
        (Update(table("t"), (Assignment("k", lit(1)),)), 'UPDATE "t" AS "t" SET "k" = 1'),
        (
            Update(
                table("t"), (Assignment("k", lit(1)), Assignment("v", ColumnRef("v", "x"))), table("s", "x"), same_key()
            ),
            'UPDATE "t" AS "t" SET "k" = 1, "v" = "x"."v" FROM "s" AS "x" WHERE ("t"."k" = "x"."k")',
        ),
        (Delete(table("t")), 'DELETE FROM "t" AS "t"'),
        (
            Delete(table("t"), table("s", "x"), same_key(), (ColumnRef("k", "t"),)),
            'DELETE FROM "t" AS "t" USING "s" AS "x" WHERE ("t"."k" = "x"."k") RETURNING "t"."k"',
        ),
        (
            Merge(
                table("t"),
                table("s", "x"),
                same_key(),
                (Assignment("v", ColumnRef("v", "x")),),
                (Assignment("k", ColumnRef("k", "x")), Assignment("v", lit("new"))),
            ),
            'MERGE INTO "t" AS "t" USING "s" AS "x" ON ("t"."k" = "x"."k") WHEN MATCHED THEN UPDATE SET "v" = "x"."v"'
            """ WHEN NOT MATCHED THEN INSERT ("k", "v") VALUES ("x"."k", 'new')""",
        ),
        (CreateTable("t", (KEY, TEXT)), """CREATE TABLE "t" ("k" BIGINT, "v" VARCHAR DEFAULT '')"""),
        (CreateTable("t", (KEY,), if_not_exists=True), 'CREATE TABLE IF NOT EXISTS "t" ("k" BIGINT)'),
        (
            CreateTable("t", (KEY,), temporary=True, or_replace=True),
            'CREATE OR REPLACE TEMP TABLE "t" ("k" BIGINT)',
        ),
        (
            CreateTableAs("t", everything("s"), temporary=True, or_replace=True),
            'CREATE OR REPLACE TEMP TABLE "t" AS SELECT * FROM "s" AS "s"',
        ),
        (CreateTableAs("t", everything("s")), 'CREATE TABLE "t" AS SELECT * FROM "s" AS "s"'),
        (
            CreateView("t", everything("s"), temporary=True, or_replace=True),
            'CREATE OR REPLACE TEMP VIEW "t" AS SELECT * FROM "s" AS "s"',
        ),
        (CreateView("t", everything("s")), 'CREATE VIEW "t" AS SELECT * FROM "s" AS "s"'),
        (CreateIndex("i", "t", ("k", "v")), 'CREATE INDEX "i" ON "t" ("k", "v")'),
        (
            CreateMacro("m", ("a", "b"), "a + b", temporary=True, or_replace=True),
            'CREATE OR REPLACE TEMP MACRO "m"("a", "b") AS a + b',
        ),
        (CreateMacro("m", (), "1"), 'CREATE MACRO "m"() AS 1'),
        (Drop("TABLE", "t"), 'DROP TABLE "t"'),
        (Drop("VIEW", "t", if_exists=True), 'DROP VIEW IF EXISTS "t"'),
        (Drop("INDEX", "i", if_exists=True), 'DROP INDEX IF EXISTS "i"'),
        (
            CreateTableAs("t", everything("s"), within=("d", "main")),
            'CREATE TABLE "d"."main"."t" AS SELECT * FROM "s" AS "s"',
        ),
        (Drop("TABLE", "t", if_exists=True, within=("d", "main")), 'DROP TABLE IF EXISTS "d"."main"."t"'),
        (Attach("d"), """ATTACH ':memory:' AS "d\""""),
        (AddColumn("t", TEXT), """ALTER TABLE "t" ADD COLUMN "v" VARCHAR DEFAULT ''"""),
        (AddColumn("t", KEY, if_not_exists=True), 'ALTER TABLE "t" ADD COLUMN IF NOT EXISTS "k" BIGINT'),
        (Describe(everything()), 'DESCRIBE SELECT * FROM "t" AS "t"'),
        (Begin(), "BEGIN TRANSACTION"),
        (Begin(read_only=True), "BEGIN TRANSACTION READ ONLY"),
        (SetOption("TimeZone", lit("UTC")), """SET "TimeZone" = 'UTC'"""),
        (SetOption("enable_optimizer", lit(False), session=True), 'SET SESSION "enable_optimizer" = FALSE'),
        (Pragma("enable_checkpoint_on_shutdown"), 'PRAGMA "enable_checkpoint_on_shutdown"'),
        (Prepare("p", Rendered("SELECT 1")), 'PREPARE "p" AS SELECT 1'),
        (Execute("p"), 'EXECUTE "p"'),
        (Execute("p", (("n", lit(1)), ("s", lit("a")))), """EXECUTE "p"("n" := 1, "s" := 'a')"""),
        (Deallocate("p"), 'DEALLOCATE "p"'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_statement_is_written_in_one_way(statement: Statement, text: str) -> None:
    assert render(statement) == text


def test_rows_are_inserted_changed_and_removed(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, *filled((1, "a"), (2, "b"), (3, "c")))
    assert run(connection, everything()) == [(1, "a"), (2, "b"), (3, "c")]
    joined = call("concat", ColumnRef("v", "t"), ColumnRef("v", "x"))
    updated = Update(table("t"), (Assignment("v", joined),), pairs((2, "!"), (9, "?")), same_key())
    assert run(connection, updated) == [(1,)]
    assert run(connection, Delete(table("t"), pairs((3, "")), same_key(), (ColumnRef("v", "t"),))) == [("c",)]
    assert run(connection, everything()) == [(1, "a"), (2, "b!")]
    assert run(connection, Delete(table("t")), everything()) == []


def test_an_insertion_names_its_columns_and_answers_with_its_rows(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, *filled((1, "a")))
    query = Select((Item(op("+", ColumnRef("k"), lit(1)), "k"),), table("t"))
    assert run(connection, Insert("t", query, ("k",), returning=(ColumnRef("v"), ColumnRef("k")))) == [("", 2)]


def test_a_merge_changes_what_is_there_and_adds_what_is_not(connection: duckdb.DuckDBPyConnection) -> None:
    merge = Merge(
        table("t"),
        pairs((1, "one"), (2, "two")),
        same_key(),
        (Assignment("v", ColumnRef("v", "x")),),
        (Assignment("k", ColumnRef("k", "x")), Assignment("v", lit("new"))),
    )
    assert run(connection, *filled((1, "a"), (7, "g")), merge) == [(2,)]
    assert run(connection, everything()) == [(1, "one"), (7, "g"), (2, "new")]


def test_columns_and_tables_come_and_go(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, CreateTable("t", (KEY,)), Insert("t", Values(((lit(1),),))), AddColumn("t", TEXT))
    run(connection, AddColumn("t", TEXT, if_not_exists=True), CreateTable("t", (KEY,), if_not_exists=True))
    assert run(connection, everything()) == [(1, "")]
    described = [("k", "BIGINT", "YES", None, None, None), ("v", "VARCHAR", "YES", None, "''", None)]
    assert run(connection, Describe(everything())) == described
    run(connection, Drop("TABLE", "t"), Drop("TABLE", "t", if_exists=True))
    with pytest.raises(duckdb.CatalogException):
        run(connection, everything())


def test_relations_of_queries_are_replaced(connection: duckdb.DuckDBPyConnection) -> None:
    for number in (1, 2):
        query = Select((Item(lit(number), "n"),))
        run(connection, CreateTableAs("a", query, temporary=True, or_replace=True))
        run(connection, CreateView("b", everything("a"), temporary=True, or_replace=True))
    assert run(connection, everything("b")) == [(2,)]


def test_a_subquery_names_its_columns(connection: duckdb.DuckDBPyConnection) -> None:
    inner = SubqueryRef(Select((Item(lit(1), "a"), Item(lit(2), "b"))), "q", columns=("x y", "z"))
    assert run(connection, Select(columns(("z", "x y")), inner)) == [(2, 1)]


def test_what_was_written_before_stands_in_a_further_statement(connection: duckdb.DuckDBPyConnection) -> None:
    kept = Rendered(render(Select((Item(lit(1), "a"), Item(lit("it's"), "b")))))
    run(connection, *filled((7, "g")), Insert("t", Select((Star(),), SubqueryRef(kept, "q"))))
    assert run(connection, everything()) == [(7, "g"), (1, "it's")]
    assert run(connection, kept) == [(1, "it's")]


def test_rows_are_skipped_before_they_are_counted(connection: duckdb.DuckDBPyConnection) -> None:
    rows = pairs((1, ""), (2, ""), (3, ""))
    assert run(connection, Select(columns(("k",)), rows, limit=lit(1), offset=lit(1))) == [(2,)]


def test_a_macro_is_called_with_any_expression(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, CreateMacro("twice", ("x",), "x + x", temporary=True, or_replace=True))
    assert run(connection, Select((Item(call("twice", op("+", lit(1), lit(2))), "n"),))) == [(6,)]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_kept_plan_takes_any_text(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    query = Select((Item(Parameter("given", "VARCHAR"), "x"),))
    assert run(connection, Prepare("p", query), Execute("p", (("given", lit(text)),))) == [(text,)]
    with pytest.raises(duckdb.Error):
        run(connection, Deallocate("p"), Execute("p", (("given", lit(text)),)))


def test_an_option_of_the_connection_is_set(connection: duckdb.DuckDBPyConnection) -> None:
    shown = Select((Item(Call("current_setting", (Literal("threads"),)), "x"),))
    assert run(connection, SetOption("threads", lit(3)), shown) == [(3,)]
    shown = Select((Item(Call("current_setting", (Literal("TimeZone"),)), "x"),))
    assert run(connection, SetOption("TimeZone", lit("Asia/Tokyo"), session=True), shown) == [("Asia/Tokyo",)]


def test_a_transaction_may_only_read(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, *filled((1, "a")), Begin(read_only=True))
    with pytest.raises(duckdb.TransactionException, match="read-only"):
        run(connection, Delete(table("t")))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_any_name_stays_a_name_in_every_statement(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """The name is that of the table, of its column, of the index, the plan and the alias at once."""
    key = ColumnRef(name, name)
    column = ColumnDefinition(name, "BIGINT")
    other = f"{name}2"
    run(
        connection,
        CreateTable("kept", (KEY,)),
        CreateTable(name, (column,), or_replace=True),
        AddColumn(name, ColumnDefinition(other, "VARCHAR", lit(name))),
        CreateIndex(f"{name}i", name, (name,)),
        CreateView(f"{name}v", Select(columns((name, other), name), table(name)), or_replace=True),
    )
    row = Select((Item(lit(1), name),))
    assert run(connection, Insert(name, row, (name,), returning=(ColumnRef(other),))) == [(name,)]
    changed = Update(table(name), (Assignment(other, lit(f"{name}!")),), table("kept"), equal(key, key))
    assert run(connection, Insert("kept", Values(((lit(1),),))), changed) == [(1,)]
    merged = Merge(
        table(name),
        ValuesRef(((lit(1),), (lit(5),)), (name,), "x"),
        equal(key, ColumnRef(name, "x")),
        (Assignment(other, lit("again")),),
        (Assignment(name, ColumnRef(name, "x")),),
    )
    assert run(connection, merged) == [(2,)]
    plan = Select(columns((name, other)), table(f"{name}v"))
    assert run(connection, Prepare(name, plan), Execute(name)) == [(1, "again"), (5, name)]
    assert run(connection, Deallocate(name), Delete(table(name), where=equal(key, lit(5)), returning=(key,))) == [(5,)]
    run(connection, Drop("VIEW", f"{name}v"))
    assert [row[0] for row in run(connection, Describe(everything(name)))] == [name, other]
    within = (f"{name}d", "main")
    run(connection, Attach(within[0]), CreateTableAs(name, everything("kept"), within=within))
    assert run(connection, Select((Star(),), TableRef((*within, name), "r"))) == [(1,)]
    run(connection, Drop("TABLE", name, within=within))
    run(connection, CreateTableAs(f"{name}4", everything(name)), Drop("TABLE", name))
    assert run(connection, everything(f"{name}4")) == [(1, "again")]
    assert run(connection, everything("kept")) == [(1,)]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_any_text_stays_a_value_in_every_statement(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    run(connection, CreateTable("kept", (KEY, ColumnDefinition("v", "VARCHAR", lit(text)))))
    run(connection, Insert("kept", Values(((lit(1),),)), ("k",)), Insert("kept", Values(((lit(2), lit(text)),))))
    assert run(connection, everything("kept")) == [(1, text), (2, text)]
    found = equal(ColumnRef("v"), lit(text))
    assert run(connection, Update(table("kept"), (Assignment("v", lit(f"{text}.")),), where=found)) == [(2,)]
    again = equal(ColumnRef("v"), lit(f"{text}."))
    assert run(connection, Delete(table("kept"), where=again, returning=(ColumnRef("k"),))) == [(1,), (2,)]


def test_no_name_can_hold_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        render(Drop("TABLE", "a\0b"))
