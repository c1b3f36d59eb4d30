"""`tickhouse deploy`: create or alter the market database in an Eventhouse."""

import asyncio
from pathlib import Path

from cli.commands.lock import definitions_of
from cli.composition.eventhouses import find_target, open_eventhouse
from cli.settings.target import TargetSettings
from cli.terminal import messages
from kql.deploy import Deployment, deploy
from kql.lock import breaches
from kql.registry import load_registry


def run_deploy(given: TargetSettings, *, files: Path | None) -> None:
    """Deploy the files of a folder, or the market database; what is up to date stays as it is.

    A released function that does not keep its contract is refused, and with the market database its registry is read
    too: what the API could not serve is told before anything changes.
    """
    definitions, lock = definitions_of(files)
    # A folder without a lock has released nothing.
    found = breaches(definitions, lock) if lock.exists() else ()
    for breach in found:
        if breach.is_locked:
            raise breach.error
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
    for breach in found:
        console.print(f"Note: {breach.error.message}; {breach.error.hint}.")
    console.print(f"Deployed {asyncio.run(run())}.")
