"""The rules of the house that linters cannot see."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
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
        assert text.startswith('"""'), "a module says in its docstring what it is for"


# Words that stand together in SQL alone, wherever in a text: KQL has other ones, and messages are not in capitals.
SQL = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|USING|VALUES|RETURNING|WHERE|JOIN|UNION|HAVING|QUALIFY|SET"
    r"|CREATE|ALTER|DROP|DESCRIBE|PREPARE|EXECUTE|DEALLOCATE|BEGIN|COMMIT|ROLLBACK|CHECKPOINT|ATTACH|COPY|PRAGMA"
    r"|(?<!DISTINCT )FROM|CASE WHEN|(ORDER|GROUP|PARTITION) BY)\b|CAST\("
    # In small letters only as a statement begins, since messages say some of these words too.
    r"|\A\s*(select|insert into|delete from|merge into|drop table|create table|update \S+ set)\s"
)
RUNNING = {"execute", "executemany", "extract_statements", "sql"}
WRITES_SQL = "emulator/sql/"
# The bodies of macros are formulas, which are read and tried in DuckDB as they stand.
MAY_HOLD_SQL = ["emulator/functions/macros.py"]


def sql_texts(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module that are SQL or that it runs as such, docstrings apart."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    blocks = [node.body for node in ast.walk(tree) if isinstance(node, documented)]
    docstrings = {body[0].value for body in blocks if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if SQL.search(text) and node not in docstrings:
                yield text
            case ast.Call(func=ast.Attribute(attr=name), args=[text, *_]) if name in RUNNING:
                formatted = isinstance(text, ast.Call) and ast.unparse(text.func).endswith(".format")
                if formatted or isinstance(text, ast.Constant | ast.JoinedStr | ast.BinOp):
                    yield ast.unparse(text)


def imported_from(tree: ast.Module, module: str) -> set[str]:
    found = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == module)
    return {alias.name for node in found for alias in node.names}


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if not str(path.relative_to(ROOT)).startswith(WRITES_SQL)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_only_the_sql_package_writes_sql(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = list(sql_texts(tree))
    if str(path.relative_to(ROOT)) in MAY_HOLD_SQL:
        assert found, "it needs no exception any more"
    else:
        assert found == []
    # Names and expressions as text would be put together to statements again.
    assert imported_from(tree, "emulator.sql.render") <= {"render"}
    assert imported_from(tree, "emulator.sql.render_query") == set()


@pytest.mark.parametrize(
    "code",
    [
        "connection.execute('analyze')",
        "text = 'select 1'",
        "connection.sql(f'{head} {tail}', params=values)",
        "cursor.execute(head + tail)",
        "cursor.execute('{} {}'.format(head, tail))",
        "text = f'delete from {name}'",
        "text = 'SELECT 1'",
        "text = f'{head} FROM {name}'",
        "text = f'DELETE FROM {name}'",
        "text = f'CAST({name} AS BIGINT)'",
        "text = 'COMMIT'",
        "def f():\n    'A docstring.'\n    return f'WITH x AS (SELECT {name})'",
    ],
)
def test_sql_as_text_is_seen(code: str) -> None:
    assert len(list(sql_texts(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "'Write SELECT and FROM.'",
        "def f():\n    'Run `SELECT 1`.'",
        "connection.execute(render(Begin()))",
        "op('IS NOT DISTINCT FROM', left, right)",
        "methods = ['GET', 'DELETE']",
        "text = '.set-or-append T <| range n from 1 to 3 step 1'",
    ],
)
def test_what_is_not_sql_is_let_through(code: str) -> None:
    assert list(sql_texts(ast.parse(code))) == []


def test_the_linter_makes_one_exception_for_statements_as_text() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ignored = project["tool"]["ruff"]["lint"]["per-file-ignores"]
    assert [pattern for pattern, rules in ignored.items() if "S608" in rules] == ["emulator/sql/render.py"]
    assert [str(path) for path in modules() if re.search(r"noqa.*S608", path.read_text(encoding="utf-8"))] == []


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top-level packages it loaded."""
    return {name.split(".")[0] for name in modules_after(code)}


def modules_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the modules it loaded, by their full names."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import emulator.binder.bind, emulator.syntax.parser, emulator.functions.catalogue", HEAVY),
        ("import emulator.schema.definitions, emulator.schema.mapping, emulator.schema.subjects", HEAVY),
        ("import kql.registry, kql.loader", ("duckdb", "fastapi", "azure")),
        ("import producer.pipeline.pipeline", ("duckdb", "fastapi", "azure")),
    ],
)
def test_light_parts_load_nothing_heavy(code: str, forbidden: tuple[str, ...]) -> None:
    assert not loaded_after(code) & set(forbidden)


@pytest.mark.slow
def test_help_loads_neither_duckdb_nor_azure() -> None:
    code = "from cli.main import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass"
    assert not loaded_after(code) & set(HEAVY)


@pytest.mark.slow
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
