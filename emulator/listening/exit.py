"""The last resort of a process that was told to end: what cannot be canceled does not keep it.

Everything acknowledged is on disk by then, as it is for a process that is killed.
"""

import os
import threading
from contextlib import suppress

EXIT_SECONDS = 4.5
"""What a process has from the signal to its end, less the half second to notice: it is killed after five, or ten."""

_STANDARD_ERROR = 2


def exit_within(seconds: float = EXIT_SECONDS) -> None:
    """Let this process be gone after so long, with code 0, if it has not ended by itself."""
    # A daemon: it does not keep the process, but goes on while threads that do are waited for.
    timer = threading.Timer(seconds, _exit)
    timer.daemon = True
    timer.start()


def _exit() -> None:
    with suppress(OSError):
        os.write(_STANDARD_ERROR, b"Ended; what did not end in time was not waited for.\n")
    os._exit(0)
