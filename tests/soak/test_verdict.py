"""The judge of the soak can say no: to a lost, a doubled and an altered event, to a wrong bar, and to a quiet chaos."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from emulator.engine.eventhouse import Eventhouse
from tests.soak.soak import Outcome
from tests.soak.verdict import Verdict, judge

pytestmark = pytest.mark.slow

TABLES = """
.create tables
    TradesRaw (EventId: string),
    TradesUnique (EventId: string, Symbol: string, Timestamp: datetime, Price: real, Size: real),
    TradesRejected (EventId: string, Reason: string),
    Bars1m (Symbol: string, Timestamp: datetime, TradeCount: long, Volume: real, Turnover: real,
            High: real, Low: real, Open: real, Close: real)
"""
SENT = (
    ("a", "AAPL", "2026-01-05T14:30:01Z", 10.0, 5.0),
    ("b", "AAPL", "2026-01-05T14:30:59Z", 12.0, 5.0),
    ("c", "MSFT", "2026-01-05T14:30:02Z", 20.0, 1.0),
    ("d", "NOBODY", "2026-01-05T14:30:02Z", 1.0, 1.0),
)
RIGHT = {
    "TradesRaw": ["a", "b", "b", "c", "d"],
    "TradesUnique": [",".join(map(str, trade)) for trade in SENT[:3]],
    "TradesRejected": ["d,unknown symbol"],
    "Bars1m": [
        "AAPL,2026-01-05T14:30:00Z,2,10,110,12,10,10,12",
        "MSFT,2026-01-05T14:30:00Z,1,1,20,20,20,20,20",
    ],
}


def verdict_on(folder: Path, rows: dict[str, list[str]]) -> Verdict:
    journal, data = folder / "journal.jsonl", folder / "data"
    names = ("event_id", "symbol", "timestamp", "price", "size")
    lines = [json.dumps(dict(zip(names, trade, strict=True))) for trade in SENT]
    # A kill has torn a line: it was never sent.
    journal.write_text("\n".join([*lines, '{"event_id": "torn', ""]))
    eventhouse = Eventhouse.open(data, database="Market")
    eventhouse.command(TABLES)
    for table, records in rows.items():
        eventhouse.ingest(table, "\n".join(records).encode(), format="csv")
    eventhouse.close()
    return judge(journal, data)


def test_what_arrived_once_or_was_rejected_holds(tmp_path: Path) -> None:
    verdict = verdict_on(tmp_path, RIGHT)
    assert verdict.holds, verdict.lines()
    assert (verdict.sent, verdict.stored, verdict.rejected, verdict.bars, verdict.repeated) == (4, 3, 1, 2, 1)


@pytest.mark.parametrize(
    ("fault", "table", "records"),
    [
        ("missing", "TradesRejected", ["e,"]),
        ("missing", "TradesUnique", RIGHT["TradesUnique"][:2]),
        ("counted_twice", "TradesUnique", [*RIGHT["TradesUnique"], RIGHT["TradesUnique"][0]]),
        ("stored_and_rejected", "TradesRejected", ["d,unknown symbol", "a,price"]),
        ("never_sent", "TradesUnique", [*RIGHT["TradesUnique"], "x,AAPL,2026-01-05T14:30:03Z,10,1"]),
        ("altered", "TradesUnique", ["a,AAPL,2026-01-05T14:30:01Z,10,6", *RIGHT["TradesUnique"][1:]]),
        ("rejected_without_reason", "TradesRejected", ["d,"]),
        ("wrong_bars", "Bars1m", ["AAPL,2026-01-05T14:30:00Z,3,10,110,12,10,10,12", RIGHT["Bars1m"][1]]),
        ("wrong_bars", "Bars1m", ["AAPL,2026-01-05T14:30:00Z,2,10,110,12,10,12,10", RIGHT["Bars1m"][1]]),
        ("wrong_bars", "Bars1m", RIGHT["Bars1m"][:1]),
    ],
)
def test_a_fault_is_found(tmp_path: Path, fault: str, table: str, records: list[str]) -> None:
    verdict = verdict_on(tmp_path, RIGHT | {table: records})
    assert getattr(verdict, fault) > 0, verdict.lines()
    assert not verdict.holds


def test_a_soak_that_left_a_process_in_peace_does_not_hold(tmp_path: Path) -> None:
    verdict = verdict_on(tmp_path, RIGHT)
    outcome = Outcome(verdict, deaths={"hub": 1, "producer": 2}, stalls={"hub": 1, "producer": 1}, overlaps=0)
    assert outcome.holds
    assert not replace(outcome, deaths={"hub": 0, "producer": 2}).holds
    assert not replace(outcome, stalls={"hub": 1, "producer": 0}).holds
