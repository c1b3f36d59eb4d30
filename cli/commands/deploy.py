"""`tickhouse deploy`: create or alter the market database in an Eventhouse."""

import asyncio
from pathlib import Path

from cli.composition.eventhouses import find_target, open_eventhouse
from cli.settings.target import TargetSettings
from cli.terminal import messages
from kql.deploy import Deployment, deploy
from kql.loader import load_database
from kql.registry import load_registry


def run_deploy(given: TargetSettings, *, files: Path | None) -> None:
    """Deploy the files of a folder, or the market database; what is up to date stays as it is.

    With the market database its registry is read too: what the API could not serve is told before anything changes.
    """
    definitions = load_database(files) if files is not None else load_database()
    if files is None:
        load_registry(database=definitions)
    target, console = find_target(given), messages()

    async def run() -> Deployment:
        eventhouse = await open_eventhouse(target, create=True)
        try:
            return await deploy(eventhouse, definitions)
        finally:
            await eventhouse.close()

    target.tell(console)
    console.print(f"Deployed {asyncio.run(run())}.")
