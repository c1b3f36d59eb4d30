"""Deployment of the market database."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.composition.embedded import EmbeddedEventhouse
from emulator.errors import KustoError
from emulator.schema.subjects import Kind, Subject
from emulator.syntax.parse_command import parse_command
from emulator.text import Span
from kql.client import Eventhouse
from kql.deploy import deploy, refused
from kql.errors import DefinitionError
from kql.loader import DATABASE_FOLDER, Statement, load_database


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    eventhouse = EmbeddedEventhouse.open(None, "Market")
    yield eventhouse
    asyncio.run(eventhouse.close())


@pytest.mark.slow
def test_it_says_what_it_did(eventhouse: Eventhouse) -> None:
    seen: list[Statement] = []
    deployment = asyncio.run(deploy(eventhouse, on_statement=seen.append))
    assert tuple(seen) == deployment.statements == load_database().statements
    views = [file.stem for file in (DATABASE_FOLDER / "views").glob("*.kql")]
    assert sorted(deployment.names(Kind.VIEW)) == sorted(views)
    made = load_database().definitions
    counts = f"{len(made.tables)} tables, {len(made.views)} materialized views, {len(made.functions)} functions"
    assert str(replace(deployment, seconds=1.5)) == f"Market: {counts} ({len(seen)} commands in 1.5 s)"


@pytest.mark.slow
def test_a_file_with_a_fault_leaves_the_eventhouse_as_it_was(eventhouse: Eventhouse, tmp_path: Path) -> None:
    (tmp_path / "Broken.kql").write_text(
        ".create-or-alter function Broken() {\n    Trades | project Prise\n}\n", encoding="utf-8"
    )
    with pytest.raises(DefinitionError, match=r"Broken\.kql:2: .*Prise"):
        asyncio.run(deploy(eventhouse, load_database(DATABASE_FOLDER, tmp_path)))
    assert asyncio.run(eventhouse.command(".show tables")).records() == []


@pytest.mark.slow
def test_a_changed_function_replaces_the_older_one(eventhouse: Eventhouse, tmp_path: Path) -> None:
    file = tmp_path / "Answer.kql"
    for number in (1, 2):
        file.write_text(f".create-or-alter function Answer() {{ print Value = {number} }}\n", encoding="utf-8")
        asyncio.run(deploy(eventhouse, load_database(tmp_path)))
        assert asyncio.run(eventhouse.query("Answer()")).records() == [{"Value": number}]


@pytest.mark.parametrize(("within", "line"), [(True, 12), (False, 10)])
def test_a_refusal_is_told_at_its_place(within: bool, line: int) -> None:
    text = ".create table T (\n    A: long,\n    B: nonsense)"
    command = parse_command(".create table T (A: long)")
    statement = Statement(Subject(Kind.TABLE, "T"), text, Path("T.kql"), 10, command)
    start = text.index("nonsense")
    error = KustoError("no such type", "BadRequest_Type", Span(start, start + 8), hint="see the types")
    if within:
        error = error.with_source(text)
    found = refused(statement, error)
    assert (found.file, found.line, found.message, found.hint) == (
        Path("T.kql"),
        line,
        "table T: BadRequest_Type: no such type",
        "see the types",
    )
