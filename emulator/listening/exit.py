"""The last resort of a process that was told to end: what cannot be canceled does not keep it.

Everything acknowledged is on disk by then, as it is for a process that is killed.
"""

import os
import threading
import time
from contextlib import suppress

EXIT_SECONDS = 3.5
"""What a process has from the signal to its end, less what it takes to free some GB: it is killed after five."""

_STANDARD_ERROR = 2


class _LastResort:
    """A thread that waits from the start of a server: where memory has run out none can be started any more."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._is_ready = False
        self._is_told = False
        # A lock alone: to wait for it, and to let it go, takes no memory.
        self._waits = threading.Lock()
        self._waits.acquire()
        self._seconds = EXIT_SECONDS

    def be_ready(self) -> None:
        with self._starting:
            if not self._is_ready:
                # A daemon: it does not keep the process, but goes on while threads that do are waited for.
                threading.Thread(target=self._wait, name="last-resort", daemon=True).start()
                self._is_ready = True

    def tell(self, seconds: float) -> None:
        self.be_ready()
        if not self._is_told:
            self._is_told = True
            self._seconds = seconds
            self._waits.release()

    def _wait(self) -> None:
        self._waits.acquire()
        time.sleep(self._seconds)
        with suppress(OSError):
            os.write(_STANDARD_ERROR, b"Ended; what did not end in time was not waited for.\n")
        os._exit(0)


_LAST_RESORT = _LastResort()


def be_ready_to_exit() -> None:
    """Make sure that `exit_within` needs nothing; for servers when they start."""
    _LAST_RESORT.be_ready()


def exit_within(seconds: float = EXIT_SECONDS) -> None:
    """Let this process be gone after so long, with code 0, if it has not ended by itself; the first call counts."""
    _LAST_RESORT.tell(seconds)
