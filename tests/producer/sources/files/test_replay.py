"""Recorded trades, played again."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from producer.errors import BadData
from producer.model import Trade
from producer.sources.files.reading import FileOptions, read_trades
from producer.sources.files.replay import ReplaySettings, ReplaySource
from tests.producer.clock import START, ManualClock
from tests.producer.shared import market_file

TEXT = """symbol,ts_utc,price,size
AAPL,2024-01-02T15:00:00Z,10,1
AAPL,2024-01-02T15:00:30Z,11,2
MSFT,2024-01-02T15:02:00Z,20,3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trades.csv"
    path.write_text(TEXT, encoding="utf-8")
    return path


async def played(source: ReplaySource, clock: ManualClock) -> list[tuple[Trade, float]]:
    started = clock.monotonic()
    return [(trade, clock.monotonic() - started) async for trade in source.trades()]


@pytest.mark.parametrize(("speed", "moments"), [(1.0, [0, 30, 120]), (60.0, [0, 0.5, 2])])
async def test_trades_come_at_the_chosen_speed(file: Path, speed: float, moments: list[float]) -> None:
    clock = ManualClock()
    found = await clock.finish(played(ReplaySource(file, clock, ReplaySettings(speed)), clock))
    assert [moment for _, moment in found] == pytest.approx(moments)
    assert [trade.timestamp.minute for trade, _ in found] == [0, 0, 2], "they keep the time at which they happened"
    assert found[0][0].source == "file:trades"


async def test_replayed_and_loaded_trades_are_the_same_events(file: Path) -> None:
    clock = ManualClock()
    found = await clock.finish(played(ReplaySource(file, clock, ReplaySettings(100.0)), clock))
    assert [trade.event_id for trade, _ in found] == read_trades(file, FileOptions(), START)["EventId"].to_pylist()


async def test_as_live_trades_happen_now_under_ids_of_their_own(file: Path) -> None:
    clock = ManualClock()
    found = await clock.finish(played(ReplaySource(file, clock, ReplaySettings(2.0, as_live=True)), clock))
    assert [trade.timestamp for trade, _ in found] == [START + timedelta(seconds=wait) for wait in (0, 15, 60)]
    assert found[0][0].event_id.startswith("20240301T150000:AAPL:")


async def test_a_real_recording_plays_in_order() -> None:
    clock = ManualClock()
    options = FileOptions(symbol="AAPL", trading_date=date(2012, 6, 21))
    path = market_file("ticks/lobster_aapl_l10_first998_message.csv.gz")
    found = await clock.finish(played(ReplaySource(path, clock, ReplaySettings(10.0, options=options)), clock))
    assert len(found) == 159
    assert found[0][0].timestamp == datetime(2012, 6, 21, 13, 30, 0, 275016, tzinfo=UTC)
    assert 4 < found[-1][1] < 5, "49 seconds at ten times the speed"


async def test_a_speed_that_is_not_above_zero_is_refused(file: Path) -> None:
    with pytest.raises(BadData, match="speed 0 is not above zero"):
        ReplaySource(file, ManualClock(), ReplaySettings(0))
