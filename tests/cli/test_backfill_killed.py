"""`tickhouse backfill` against a provider on this machine: killed on the way, it goes on where it was."""

import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from producer.market_time import load_calendar
from tests.cli.test_producer import until
from tests.companies import KNOWN
from tests.end_to_end.platform import offline_environment, rows_in
from tests.producer.local_provider import Asked, LocalProvider, Said, providing, yahoo_chart

pytestmark = pytest.mark.slow

FIRST, LAST = date(2024, 1, 2), date(2024, 3, 28)
SPLIT = date(2024, 2, 15)
COUNT = "DailyBars | summarize Bars = count(), Days = dcount(Timestamp) by Symbol | sort by Symbol asc"


def answer(asked: Asked) -> Said:
    return yahoo_chart(asked, datetime.now(UTC), {SPLIT: 4.0})


def symbol_of(asked: Asked) -> str:
    return asked.path.rpartition("/")[2]


def command(data: Path) -> list[str]:
    return ["backfill", "--from", f"{FIRST}", "--to", f"{LAST}", "--source", "yahoo", "--data", str(data)]


def ran(data: Path, provider: LocalProvider) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli", *command(data)],
        env=offline_environment() | {"TICKHOUSE_YAHOO_URL": provider.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_interrupted_backfill_says_that_nothing_is_lost(tmp_path: Path) -> None:
    with providing(answer) as provider:
        provider.gate.clear()
        environment = offline_environment() | {"TICKHOUSE_YAHOO_URL": provider.url}
        arguments = [sys.executable, "-m", "cli", *command(tmp_path / "data")]
        with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True) as process:
            until(lambda: bool(provider.asked), "the first request")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted: what was fetched is stored" in said
    assert "Traceback" not in said


def test_a_killed_backfill_goes_on_where_it_was(tmp_path: Path) -> None:
    data, sessions = tmp_path / "data", len(list(load_calendar().sessions(FIRST, LAST)))

    def slower(asked: Asked) -> Said:
        if symbol_of(asked) == KNOWN[2]:
            provider.gate.clear()
            provider.gate.wait(30)
        return answer(asked)

    with providing(slower) as provider:
        environment = offline_environment() | {"TICKHOUSE_YAHOO_URL": provider.url}
        arguments = [sys.executable, "-m", "cli", *command(data)]
        with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True) as process:
            until(lambda: any(symbol_of(asked) == KNOWN[2] for asked in provider.asked), "the third request")
            process.kill()
            assert process.stderr
            assert f"{sessions * 5:,} sessions are missing; yahoo is asked for 5 ranges." in process.stderr.read()
        asked_before = Counter(symbol_of(asked) for asked in provider.asked)
        assert asked_before == Counter(KNOWN[:3])
        provider.gate.set()
        provider.answer = answer
        resumed = ran(data, provider)
        assert resumed.returncode == 0, resumed.stderr
        assert f"{sessions * 3:,} sessions are missing" in resumed.stderr
        assert f"{sessions * 3:,} bars, and 3 splits and dividends were new." in resumed.stdout
        assert "split" in resumed.stdout
        assert [(row["Bars"], row["Days"]) for row in rows_in(data, COUNT)] == [(sessions, sessions)] * 5
        again = ran(data, provider)
    assert again.returncode == 0
    assert "Nothing is missing." in again.stderr
    assert "0 bars were new." in again.stdout
    assert "No session is missing." in again.stdout
    # What Yahoo tells is divided by the split, what is stored is as it was quoted.
    raw = rows_in(data, "DailyBars | distinct IsAfter = Timestamp >= datetime(2024-02-15), Close")
    assert {(row["IsAfter"], row["Close"]) for row in raw} == {(False, 400.0), (True, 100.0)}
    assert len(raw) == 2
