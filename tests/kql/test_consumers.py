"""Whoever asks the market database names functions; tables and views may change behind them."""

import ast

import pytest

from emulator.schema.subjects import Kind
from kql.loader import load_database
from tests.kql.shared import ROOT

PHYSICAL = {each.name for each in load_database().statements if each.kind in (Kind.TABLE, Kind.VIEW)}


def queries() -> dict[str, list[str]]:
    """Return the texts of KQL in the consumers' code by file: with a pipe, or with declared parameters."""
    found: dict[str, list[str]] = {}
    for file in (file for package in ("producer", "api", "cli") for file in sorted((ROOT / package).rglob("*.py"))):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if " | " in text or "\n| " in text or "declare query_parameters" in text:
                    found.setdefault(str(file.relative_to(ROOT)), []).append(text)
    return found


@pytest.mark.slow
def test_no_query_of_a_consumer_names_a_table_or_a_view() -> None:
    named = {
        file: sorted(names)
        for file, texts in queries().items()
        if (names := {name for name in PHYSICAL for text in texts if name in text.replace("|", " ").split()})
    }
    assert named == {}


@pytest.mark.slow
def test_there_are_queries_to_look_at() -> None:
    assert {
        "producer/history/coverage.py",
        "producer/history/reconciliation.py",
        "producer/redundancy/resume.py",
    } <= set(queries())
