"""Processes that can be killed, stalled and started again."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx


class Restartable:
    """One process of the soak; what it prints goes to a file."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
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
    def log(self) -> str:
        """What the process has printed in all its lives."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start the process, again or for the first time."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)

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

    def end(self, seconds: float) -> int:
        """End the process as Ctrl-C does and return its exit code; one that does not end in time is killed."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._signal(signal.SIGINT)
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


def wait_for(process: Restartable, url: str, seconds: float = 60) -> None:
    """Wait until a URL answers 200; a process that ends before that is an error."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not process.is_running:
            raise AssertionError(f"{process.name} ended:\n{process.log[-2000:]}")
        try:
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{process.name} is not ready after {seconds} s:\n{process.log[-2000:]}")
