"""`tickhouse deploy`: create or alter the market database in an Eventhouse."""

import asyncio
from pathlib import Path

from rich.console import Console

from cli.composition.eventhouses import open_eventhouse
from kql.deploy import Deployment, deploy
from kql.loader import load_database


def run_deploy(*, data: Path | None, url: str | None, database: str, files: Path | None) -> None:
    """Deploy the files of a folder, or the market database; what is up to date stays as it is."""
    definitions = load_database(files) if files is not None else load_database()

    async def run() -> Deployment:
        eventhouse = await open_eventhouse(url=url, data=data, database=database, create=True)
        try:
            return await deploy(eventhouse, definitions)
        finally:
            await eventhouse.close()

    Console(stderr=True).print(f"Deployed {asyncio.run(run())}.")
