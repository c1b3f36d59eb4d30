"""What signals mean before a command has handlers of its own, and after it has ended with them."""

import signal
from types import FrameType


def end_by_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end the process from its first moments, and through its `finally` blocks.

    Without a handler the kernel drops them for the first process of a container, and a script that starts a command
    with `&` hands it SIGINT ignored: it would go on starting, and serve for ever.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)


def end_at_once() -> None:
    """Let the kernel end the process, whatever it computes: for work that has nothing to wind up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
