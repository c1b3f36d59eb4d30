"""What runs the commands that serve."""

import asyncio

from cli.composition.servers import run


def test_commands_run_on_the_loop_that_uvicorn_prefers() -> None:
    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(loop()).startswith("uvloop")
