"""A new endpoint is one `.kql` file and one entry of the registry."""

import shutil
from pathlib import Path

import httpx

from api.app import create_app
from cli.composition.embedded import EmbeddedEventhouse
from emulator.engine.eventhouse import Eventhouse
from kql.deploy import deploy
from kql.loader import DATABASE_FOLDER, load_database
from kql.registry import REGISTRY_FILE, load_registry

FUNCTION = """// @param symbol Symbol or alias.
// @param factor What the length of the name is multiplied by.
// @column Symbol Canonical symbol.
// @column NameLength Letters of the company's name, times the factor.
.create-or-alter function with (folder = "v1", docstring = "How long a company's name is.")
NameLength_v1(symbol: string, factor: int = 2) {
    Companies()
    | where Symbol == CanonicalSymbol(symbol)
    | project Symbol, NameLength = strlen(Name) * factor
}
"""
ENTRY = """
[[endpoint]]
route = "/v1/companies/{symbol}/name-length"
function = "NameLength_v1"
max_age = 60

[endpoint.parameter.factor]
minimum = 1
"""


async def test_a_file_and_an_entry_make_an_endpoint(tmp_path: Path) -> None:
    folder = tmp_path / "database"
    shutil.copytree(DATABASE_FOLDER, folder)
    (folder / "functions" / "NameLength_v1.kql").write_text(FUNCTION, encoding="utf-8")
    registry_file = tmp_path / "registry.toml"
    registry_file.write_text(REGISTRY_FILE.read_text(encoding="utf-8") + ENTRY, encoding="utf-8")

    database = load_database(folder)
    registry = load_registry(registry_file, database)
    engine = Eventhouse.open(None, database="market")
    try:
        eventhouse = EmbeddedEventhouse(engine, "market")
        await deploy(eventhouse, database)
        transport = httpx.ASGITransport(create_app(registry, eventhouse))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            answer = await http.get("/v1/companies/apple/name-length?factor=3")
            assert answer.json()["data"] == [{"symbol": "AAPL", "name_length": 30}]
            assert answer.headers["cache-control"] == "max-age=60"
            assert (await http.get("/v1/companies/apple/name-length?factor=0")).status_code == 422
            operation = (await http.get("/openapi.json")).json()["paths"]["/v1/companies/{symbol}/name-length"]["get"]
            assert operation["summary"] == "How long a company's name is"
            assert operation["parameters"][1]["schema"]["default"] == 2
    finally:
        engine.close()
