"""The rules of the house that linters cannot see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.server.app import create_app
from tests.emulator.server.live import serving

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("api", "cli", "emulator", "kql", "producer")
LINES_ALLOWED = 600
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "manager", "handler"}
HEAVY = ("duckdb", "pyarrow", "numpy", "fastapi", "azure", "pandas")


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_one_idea_of_readable_size_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_ALLOWED
    assert path.stem not in FORBIDDEN_NAMES
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module says in its docstring what it is for"


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top-level packages it loaded."""
    return {name.split(".")[0] for name in modules_after(code)}


def modules_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the modules it loaded, by their full names."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import emulator.binder.bind, emulator.syntax.parser, emulator.functions.catalogue", HEAVY),
        ("import kql.registry, kql.loader", ("duckdb", "fastapi", "azure")),
        ("import producer.pipeline.pipeline", ("duckdb", "fastapi", "azure")),
    ],
)
def test_light_parts_load_nothing_heavy(code: str, forbidden: tuple[str, ...]) -> None:
    assert not loaded_after(code) & set(forbidden)


def test_help_loads_neither_duckdb_nor_azure() -> None:
    code = "from cli.main import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass"
    assert not loaded_after(code) & set(HEAVY)


def test_a_remote_query_loads_nothing_for_ingestion() -> None:
    eventhouse = Eventhouse.open(None, database="Market")
    with serving(create_app(eventhouse)) as url:
        asked = f"""
import asyncio
from kql.client.remote import RemoteEventhouse
async def ask(data):
    eventhouse = RemoteEventhouse.connect({url!r}, "Market")
    await eventhouse.command(".create-merge table T (Id: long)")
    if data:
        await eventhouse.ingest("T", data, format="csv")
    assert list((await eventhouse.query("T | count")).rows()) == [(len(data),)]
    await eventhouse.close()
"""
        assert "azure.kusto.ingest" not in modules_after(f"{asked}\nasyncio.run(ask(b''))")
        assert "azure.kusto.ingest" in modules_after(f"{asked}\nasyncio.run(ask(b'1'))")
    eventhouse.close()
