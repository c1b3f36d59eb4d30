"""The recipes for an endpoint, a new version of one and a company, carried out from the READMEs' own text."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.platform import Platform, running
from tests.recipes.project import Project, recipe

pytestmark = pytest.mark.slow

# What of the suite speaks of all functions, all routes or all companies.
CHECKS = (
    "tests/kql/test_contracts.py",
    "tests/kql/test_language_service.py",
    "tests/kql/test_latest.py",
    "tests/kql/test_loader.py",
    "tests/kql/test_lock.py",
    "tests/kql/test_reference.py",
    "tests/kql/test_registry.py",
    "tests/api/test_endpoints.py",
    "tests/api/test_openapi.py",
    "tests/cli/test_live_sources.py::test_symbols_are_named_by_symbol_or_alias",
    "tests/producer/sources/test_simulated.py",
)
# Deploys the copy, loads two days of a company, and prints records, caching and summary of a route.
ASKING = """
import asyncio, json, sys
import httpx
from api.app import create_app
from cli.composition.embedded import EmbeddedEventhouse
from kql.deploy import deploy
from kql.registry import load_registry

PRICES = {"open": 8.0, "high": 14.0, "low": 7.0, "volume": 100.0, "source": "yahoo"}
BARS = [
    PRICES | {"symbol": "AAPL", "timestamp": f"2024-01-0{day}", "close": 10.0 + day, "received_at": "2024-01-05"}
    for day in (2, 3)
]

async def ask(route, path):
    eventhouse = EmbeddedEventhouse.open(None, "Market")
    await deploy(eventhouse)
    lines = "\\n".join(map(json.dumps, BARS)).encode()
    await eventhouse.ingest("DailyBars", lines, format="json", mapping="daily_bars_v1")
    transport = httpx.ASGITransport(create_app(load_registry(), eventhouse))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        answer = await http.get(path)
        operation = (await http.get("/openapi.json")).json()["paths"][route]["get"]
        print(json.dumps([answer.json()["data"], answer.headers["cache-control"], operation["summary"]]))
    await eventhouse.close()

asyncio.run(ask(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a copy of the project in which all three recipes were carried out."""
    project = Project.copied_to(tmp_path_factory.mktemp("project"))
    for file, heading in (("README.md", "Add an endpoint"), ("kql/README.md", "Release a change")):
        made = recipe(file, heading)
        folder = Path(file).parent
        project.write(str(folder / made.path("kql")), made.blocks["kusto"])
        project.append(str(folder / made.path("toml")), made.blocks["toml"])
        assert "`tickhouse lock`" in made.prose
        project.run("cli", "lock")
    made = recipe("kql/README.md", "Add a company")
    project.append(str(Path("kql") / made.path("toml")), made.blocks["toml"])
    assert "`python -m kql.reference`" in made.prose
    project.run("kql.reference")
    return project


@pytest.fixture(scope="module")
def platform(project: Project) -> Iterator[Platform]:
    with running(project.folder / "data", "--source", "simulated", root=project.folder) as platform:
        yield platform


def asked(project: Project, route: str, path: str) -> list[object]:
    (project.folder / "ask.py").write_text(ASKING, encoding="utf-8")
    answer: list[object] = json.loads(project.run("ask", route, path))
    return answer


def test_the_suite_passes_with_them(project: Project) -> None:
    project.passes(*CHECKS)


def test_the_endpoint_answers(project: Project) -> None:
    assert asked(project, "/v1/analytics/{symbol}/turnover", "/v1/analytics/apple/turnover?from=2024-01-03") == [
        [{"symbol": "AAPL", "timestamp": "2024-01-03T00:00:00Z", "turnover": 1300.0, "source": "yahoo"}],
        "max-age=5",
        "Daily turnover of a company",
    ]


def test_the_second_version_answers(project: Project) -> None:
    found = asked(project, "/v2/prices/{symbol}/latest", "/v2/prices/AAPL/latest?as_of=2024-01-03T00:00:00Z")
    price = {"symbol": "AAPL", "timestamp": "2024-01-02T00:00:00Z", "day": "2024-01-02T00:00:00Z", "price": 12.0}
    assert found == [
        [price | {"size": None, "venue": "", "source": "yahoo"}],
        "max-age=1",
        "The latest price of a company, with its trading date",
    ]


def test_the_company_is_produced_listed_and_answered(platform: Platform) -> None:
    companies = {row["symbol"]: row["name"] for row in platform.get("/v1/companies").json()["data"]}
    assert companies.pop("TSLA") == "Tesla, Inc."
    platform.wait_for('LatestTrade | where Symbol == "TSLA"')
    platform.wait_for('DailyBars | where Symbol == "TSLA"')
    (latest,) = platform.get("/v1/prices/tesla/latest").json()["data"]
    assert (latest["symbol"], latest["source"]) == ("TSLA", "simulated")
    history = platform.get("/v1/prices/TSLA/history", interval="1d").json()["data"]
    assert len(history) > 300
    assert {row["symbol"] for row in history} == {"TSLA"}
    summary = {row["symbol"]: row["price"] for row in platform.get("/v1/market/summary").json()["data"]}
    assert summary.keys() == {*companies, "TSLA"}
    assert platform.rows('TradesRejected | where Symbol == "TSLA" | count') == [[0]]
