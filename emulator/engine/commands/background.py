"""Async commands: they go on when their answer, the id of the operation, has gone out."""

import threading
from collections.abc import Callable

from emulator.engine.commands.answer import answer, columns
from emulator.engine.core import Core
from emulator.engine.requests import Request
from emulator.options import LONGEST_TIMEOUT
from emulator.result import ResultTable
from emulator.work import Work

# What is done within it has ended, or failed, when its caller hears of it.
_PATIENCE_SECONDS = 0.5


def started(core: Core, request: Request, kind: str, run: Callable[[], object]) -> ResultTable:
    """Run an async command in a thread of its own and return the id under which `.show operations` lists it.

    It may take an hour, and no longer ends with the work of who has asked for it. Raises the fault of one that fails at
    once.
    """
    work = Work(LONGEST_TIMEOUT.total_seconds(), request.work.id)
    work.gate = request.work.gate
    operation = Request(work, kind, request.text, request.database, request.client_id, request.application)
    request.is_handed_on = True
    faults: list[Exception] = []

    def do() -> None:
        try:
            with core.works.carrying_out(work), core.requests.listed(operation):
                run()
        except Exception as fault:  # noqa: BLE001 - the outermost place of the thread; the operation has noted it
            faults.append(fault)

    thread = threading.Thread(target=do, name="async command", daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
    if faults:
        raise faults[0]
    return answer(columns("OperationId:guid"), [(operation.id,)])
