"""What is done to the platform, one thing after the other, while its callers go on."""

import random
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from tests.chaos.bombs import BOMBS, HEAVY, MALFORMED, OVERFLOWING, POISONED
from tests.chaos.callers import DATABASE, Places, post, rows, wait_until
from tests.chaos.notes import Notes, high_water
from tests.chaos.verdict import Moment
from tests.crash.worker import TABLES, VIEWS
from tests.disks import Disk
from tests.soak.processes import Restartable

BEGIN_SECONDS = 120.0
_CROWD, _CROWD_SECONDS = 4, 5.0
_BOMB_SECONDS, _BOMB_PATIENCE = 2.0, 15.0
_BOMBS_AT_ONCE, _BOMBS_A_TURN = 2, 4
_IMPATIENT = 300
_STALL_SECONDS = (0.5, 2.0)
_FULL_SECONDS = 2.0
# What had to wait is tried again by then.
_RECOVERY_SECONDS = 4.0
_END_SECONDS = 60.0


@dataclass(frozen=True)
class Stage:
    """The platform's process with what belongs to it."""

    process: Restartable
    places: Places
    disk: Disk
    notes: Notes
    chance: random.Random

    def turns(self) -> dict[str, Callable[[], None]]:
        """Return all turns by name."""
        return {
            "crowd": self.crowd,
            "bombs": self.bombs,
            "impatient": self.impatient,
            "poison": self.poison,
            "stall": self.stall,
            "full disk": self.fill_disk,
            "terminate": self.terminate,
            "kill": self.kill,
        }

    def crowd(self) -> None:
        """Let four ask for what takes all cores, and others for little beside them."""
        since = time.time()
        until = time.monotonic() + _CROWD_SECONDS

        def ask(number: int) -> None:
            while (left := until - time.monotonic()) > 0.5:
                self._send(f"heavy {number}", HEAVY.format(n=-1 - number), left)
                time.sleep(0.2)

        self.notes.is_crowded = True
        try:
            with ThreadPoolExecutor(_CROWD) as threads:
                list(threads.map(ask, range(_CROWD)))
        finally:
            self.notes.is_crowded = False
            self.notes.crowds.append((since, time.time()))

    def bombs(self) -> None:
        """Send some that want more than there is, two at a time."""

        def throw(name: str) -> None:
            at = time.time()
            self._send(name, BOMBS[name], _BOMB_SECONDS)
            self.notes.bombs.append(Moment(at, max(0.0, time.time() - at - _BOMB_SECONDS)))

        with ThreadPoolExecutor(_BOMBS_AT_ONCE) as threads:
            list(threads.map(throw, self.chance.sample(sorted(BOMBS), _BOMBS_A_TURN)))

    def impatient(self) -> None:
        """Let 300 ask and hang up at once: most the API, some for what is heavy on the wire."""
        body = f'{{"db": "{DATABASE}", "csl": "{HEAVY.format(n=-9)}"}}'.replace("\n", " ").encode()
        heavy = b"POST /v1/rest/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        heavy += f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        sockets = []
        for number in range(_IMPATIENT):
            is_heavy = number % 10 == 0
            light = "GET /v1/market/summary HTTP/1.1\r\nHost: 127.0.0.1\r\nCache-Control: no-cache\r\n\r\n"
            try:
                port = self.places.wire if is_heavy else self.places.api
                sockets.append(socket.create_connection(("127.0.0.1", port), 5))
                sockets[-1].sendall(heavy if is_heavy else light.encode())
            except OSError:
                self.notes.answer("impatient", 0)
        for each in sockets:
            each.close()

    def poison(self) -> None:
        """Send what is not what it says, and rows that a view cannot compute."""
        for command in POISONED:
            self._send("poisoned table", command, 10)
        for format, data in MALFORMED:
            self._ingest("malformed", "Rows", format, data)
        for _ in range(2):
            self._ingest("overflowing", "Poisoned", "csv", OVERFLOWING)

    def stall(self) -> None:
        """Let the process stand still for a while."""
        with self.notes.while_disturbed():
            self.process.stop()
            time.sleep(self.chance.uniform(*_STALL_SECONDS))
            self.process.resume()
            self.process.stalls += 1

    def fill_disk(self) -> None:
        """Leave no room on the disk for a while."""
        with self.notes.while_disturbed():
            self.disk.fill()
            time.sleep(_FULL_SECONDS)
            self.disk.free()
            time.sleep(_RECOVERY_SECONDS)

    def terminate(self) -> None:
        """End the process as an administrator does, in the middle of heavy work, and start it again."""
        with self.notes.while_disturbed():
            heavy = [HEAVY.format(n=-3), ".set-or-replace Heavy <| " + HEAVY.format(n=-4)]
            asking = [threading.Thread(target=self._ask_in_vain, args=(text,), daemon=True) for text in heavy]
            for each in asking:
                each.start()
            time.sleep(0.5)
            self.end()
            self.start()

    def kill(self) -> None:
        """End the process without a chance to do anything, and start it again."""
        with self.notes.while_disturbed():
            self._look()
            self.process.kill()
            self.process.deaths += 1
            self.start()

    def start(self) -> None:
        """Start the process and wait until it works; AssertionError with its log where it does not.

        It works when it stores what happens now: before, it fetches what it has missed.
        """
        with self.notes.while_disturbed():
            self.process.start()
            has_begun = self.process.has_begun(BEGIN_SECONDS) and wait_until(self._is_current, BEGIN_SECONDS)
        if not has_begun:
            raise AssertionError(f"not ready after {BEGIN_SECONDS:.0f} s:\n{self.process.log[-3000:]}")

    def end(self) -> None:
        """Send SIGTERM and note how long it took."""
        self._look()
        at = time.time()
        code = self.process.terminate(_END_SECONDS)
        self.notes.endings.append(Moment(at, time.time() - at))
        if code != 0:
            self.notes.wrong(f"SIGTERM ended the process with {code}")

    def go_on(self) -> None:
        """Look at the process between turns; one that has ended by itself is noted and started again."""
        if self.process.is_running:
            self._look()
            return
        last = self.process.log.strip().rpartition("\n")[2]
        self.notes.wrong(f"the process ended by itself: {last}")
        with self.notes.while_disturbed():
            self.start()

    def prepare(self) -> None:
        """Make the tables of the callers."""
        views = (f".create materialized-view {name} on {on} {{ {query} }}" for name, (on, query) in VIEWS.items())
        for command in (*TABLES, *views, ".alter table Rows policy streamingingestion enable"):
            rows(self.places, command)

    def _is_current(self) -> bool:
        self.process.require()
        return bool(rows(self.places, "TradesRaw | where ReceivedAt > ago(5s) | take 1"))

    def _look(self) -> None:
        if self.process.pid:
            self.notes.resident = max(self.notes.resident, high_water(self.process.pid))

    def _send(self, caller: str, text: str, seconds: float) -> None:
        try:
            answer = post(self.places, text, seconds, _BOMB_PATIENCE)
        except httpx.HTTPError as error:
            self.notes.answer(caller, 0, type(error).__name__)
        else:
            self.notes.answer(caller, answer.status_code, answer.text if answer.is_error else "")

    def _ingest(self, caller: str, table: str, format: str, data: bytes) -> None:
        url = f"{self.places.wire_url}/v1/rest/ingest/{DATABASE}/{table}"
        try:
            answer = httpx.post(url, params={"streamFormat": format}, content=data, timeout=_BOMB_PATIENCE)
        except httpx.HTTPError as error:
            self.notes.answer(caller, 0, type(error).__name__)
            return
        self.notes.answer(f"{caller} {format}", answer.status_code, answer.text if answer.is_error else "")
        if caller == "malformed" and answer.is_success:
            self.notes.wrong(f"a malformed payload is taken: {format} {data[:20]!r}")

    def _ask_in_vain(self, text: str) -> None:
        try:
            post(self.places, text, 59, 5)
        except httpx.HTTPError:
            return
