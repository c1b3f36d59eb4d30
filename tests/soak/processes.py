"""Processes that can be killed, stalled and started again."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Restartable:
    """One process of the soak; what it prints goes to a file. `works` tells by the process id whether it works yet."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        works: Callable[[int], bool] = bool,
    ) -> None:
        self.name = name
        self._works = works
        self.deaths = 0
        self.stalls = 0
        self._command = list(command)
        self._log = log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process is there, be it stalled."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id; 0 before the first start."""
        return 0 if self._process is None else self._process.pid

    @property
    def log(self) -> str:
        """What the process has printed in all its lives."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start the process, again or for the first time."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)

    def has_begun(self, seconds: float) -> bool:
        """Wait until the process works, at most so long; say whether it does. One that ends is an error."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.require()
            if self._process is not None and self._works(self._process.pid):
                return True
            time.sleep(0.1)
        return False

    def require(self) -> None:
        """Raise AssertionError where the process has ended by itself."""
        if not self.is_running:
            raise AssertionError(f"{self.name} ended by itself:\n{self.log[-3000:]}")

    def kill(self) -> None:
        """End the process without a chance to do anything."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Let the process stand still; its sockets stay open and answer nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the process go on."""
        self._signal(signal.SIGCONT)

    def terminate(self, seconds: float) -> int:
        """End the process as an administrator does, else like `end`."""
        return self.end(seconds, signal.SIGTERM)

    def end(self, seconds: float, number: signal.Signals = signal.SIGINT) -> int:
        """End the process as Ctrl-C does and return its exit code; one that does not end in time is killed."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._signal(number)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def wait(self, seconds: float) -> int:
        """Wait for the process to end by itself and return its exit code."""
        if self._process is None:
            return 0
        return self._process.wait(seconds)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)
