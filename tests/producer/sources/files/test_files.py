"""Files of bars and trades: real ones, and small ones with one fault each."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from producer.errors import BadData
from producer.landing import DAILY_BARS, TRADES
from producer.model import BarKind, CorporateAction
from producer.sources.files.reading import FileBars, FileOptions, read_bars, read_trades
from tests.producer.clock import START
from tests.producer.shared import market_file

SPLIT_ADJUSTED = "daily/yahoo_splitadj_actions_2020_2023.parquet"
SPLITS = {
    "AAPL": (date(2020, 8, 31), 4.0),
    "AMZN": (date(2022, 6, 6), 20.0),
    "GOOGL": (date(2022, 7, 18), 20.0),
    "NVDA": (date(2021, 7, 20), 4.0),
}


def bars(path: Path, kind: BarKind, **options: object) -> FileBars:
    return read_bars(path, kind, FileOptions(**options), START)  # type: ignore[arg-type]  # tests name the options


@pytest.mark.parametrize(
    ("name", "kind", "rows", "first", "last"),
    [
        ("daily/lean_raw_daily_1998_2021.parquet", "daily", 11_793, "1998-01-02T00:00", "2021-03-31T00:00"),
        ("daily/quandl_wiki_2014.parquet", "daily", 504, "2014-01-02T00:00", "2014-12-31T00:00"),
        ("daily/wiki_aapl_googl_2015_2017.parquet", "daily", 1_507, "2015-01-02T00:00", "2017-12-29T00:00"),
        (SPLIT_ADJUSTED, "daily", 5_030, "2020-01-02T00:00", "2023-12-29T00:00"),
        ("intraday/av_1min_ext_2020q4.parquet", "intraday", 149_803, "2020-10-26T08:00", "2021-01-09T00:59"),
        ("intraday/av_1min_rth_2019w07.parquet", "intraday", 5_840, "2019-02-11T14:30", "2019-02-15T20:59"),
        ("intraday/ibkr_1min_ext_aapl_20250926.parquet", "intraday", 960, "2025-09-26T08:00", "2025-09-26T23:59"),
        ("intraday/lean_1min_trades.parquet", "intraday", 3_394, "2014-06-05T08:15", "2015-12-29T00:46"),
    ],
)
def test_real_files_are_read_whole(name: str, kind: BarKind, rows: int, first: str, last: str) -> None:
    table = bars(market_file(name), kind).bars
    assert table.schema.equals(DAILY_BARS.schema)
    assert table.num_rows == rows
    assert pc.min(table["Timestamp"]).as_py() == datetime.fromisoformat(first)
    assert pc.max(table["Timestamp"]).as_py() == datetime.fromisoformat(last)


def test_split_adjusted_prices_and_volumes_are_multiplied_back() -> None:
    path = market_file(SPLIT_ADJUSTED)
    content = bars(path, "daily", adjustment="split")
    assert {
        action.symbol: (action.ex_date, action.value) for action in content.actions if action.kind == "split"
    } == SPLITS
    adjusted = pq.read_table(path).sort_by([("symbol", "ascending"), ("date", "ascending")])
    before = [
        SPLITS[symbol][1] if symbol in SPLITS and day < SPLITS[symbol][0] else 1.0
        for symbol, day in zip(adjusted["symbol"].to_pylist(), adjusted["date"].to_pylist(), strict=True)
    ]
    for column in ("open", "high", "low", "close"):
        expected = adjusted[column].to_numpy() * np.array(before)
        np.testing.assert_array_equal(content.bars[column.capitalize()].to_numpy(), expected)
    np.testing.assert_array_equal(content.bars["Volume"].to_numpy(), adjusted["volume"].to_numpy() / np.array(before))
    assert pc.all(pc.equal(content.bars["Volume"], pc.floor(content.bars["Volume"]))).as_py()


def test_dividends_before_a_split_are_told_per_old_share() -> None:
    content = bars(market_file(SPLIT_ADJUSTED), "daily", adjustment="split")
    dividends = {action.ex_date: action.value for action in content.actions if action.symbol == "AAPL"}
    assert dividends[date(2020, 2, 7)] == pytest.approx(0.19 * 4)
    assert dividends[date(2020, 11, 6)] == 0.2


def test_a_raw_file_keeps_prices_and_tells_its_actions() -> None:
    content = bars(market_file("daily/quandl_wiki_2014.parquet"), "daily")
    apple = content.bars.filter(pc.equal(content.bars["Symbol"], "AAPL"))
    assert apple["Close"][0].as_py() == 553.13
    splits = [action for action in content.actions if action.kind == "split"]
    assert [(action.symbol, action.ex_date, action.value) for action in splits] == [("AAPL", date(2014, 6, 9), 7.0)]
    assert sum(action.kind == "dividend" for action in content.actions) == 8


def test_bars_labelled_by_their_end_become_labelled_by_their_start() -> None:
    content = bars(market_file("intraday/av_1min_rth_2019w07.parquet"), "intraday")
    local = [
        stamp.replace(tzinfo=UTC).astimezone(ZoneInfo("America/New_York"))
        for stamp in content.bars["Timestamp"].to_pylist()
    ]
    assert min(stamp.strftime("%H:%M") for stamp in local) == "09:30"
    assert max(stamp.strftime("%H:%M") for stamp in local) == "15:59"


def test_what_a_file_knows_of_its_bars_is_kept() -> None:
    row = bars(market_file("intraday/ibkr_1min_ext_aapl_20250926.parquet"), "intraday").bars.to_pylist()[0]
    assert row == {
        "Symbol": "AAPL",
        "Timestamp": datetime(2025, 9, 26, 8, 0),  # noqa: DTZ001 - landing times have no zone
        "Open": 256.0,
        "High": 256.19,
        "Low": 256.0,
        "Close": 256.07,
        "Volume": 552.0,
        "Source": "file:ibkr_1min_ext_aapl_20250926",
        "ReceivedAt": START.replace(tzinfo=None),
        "Vwap": 256.098,
        "TradeCount": 5,
        "Venue": "",
        "Adjustment": "raw",
    }


def test_lobster_executions_are_trades() -> None:
    options = FileOptions(symbol="aapl", trading_date=date(2012, 6, 21), source="lobster")
    table = read_trades(market_file("ticks/lobster_aapl_l10_first998_message.csv.gz"), options, START)
    assert table.num_rows == 98 + 61
    assert table.schema.equals(TRADES.schema)
    assert table.to_pylist()[0] == {
        "EventId": "AAPL:1340285400275016:585.74:40::0",
        "Symbol": "AAPL",
        "Timestamp": datetime(2012, 6, 21, 13, 30, 0, 275016),  # noqa: DTZ001 - landing times have no zone
        "Price": 585.74,
        "Size": 40.0,
        "Venue": "",
        "Source": "lobster",
        "ReceivedAt": START.replace(tzinfo=None),
    }
    assert len(set(table["EventId"].to_pylist())) == table.num_rows


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ticks/lobster_aapl_l10_first998_orderbook.csv.gz", "is an order book"),
        ("daily/lean_factor_files.csv", "has no column for the time"),
    ],
)
def test_files_without_trades_are_refused(name: str, message: str) -> None:
    options = FileOptions(symbol="AAPL", trading_date=date(2012, 6, 21))
    with pytest.raises(BadData, match=message):
        read_trades(market_file(name), options, START)


def test_quotes_are_no_bars() -> None:
    with pytest.raises(
        BadData, match=r"lean_1min_quotes.parquet: has no column for the open price; found symbol, bid_open"
    ):
        bars(market_file("intraday/lean_1min_quotes.parquet"), "intraday")


def written(folder: Path, text: str, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


HEADER = "symbol,date,open,high,low,close,volume\n"
GOOD = "AAPL,2024-01-02,10,12,9,11,1000\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (
            "symbol,date,open,high,low,close\nAAPL,2024-01-02,1,1,1,1\n",
            "has no column for the volume; found symbol, date",
        ),
        (HEADER + GOOD + "AAPL,2024-01-03,10,12,9\n", "Expected 7 columns"),
        (HEADER + GOOD + "AAPL,2024-01-03,10,x2,9,11,5\n", "column high, row 2: 'x2' is not a number"),
        (HEADER + GOOD + "AAPL,2024-01-03,10,12,,11,5\n", "column low, row 2: is empty"),
        (HEADER + GOOD + "AAPL,2024-13-03,10,12,9,11,5\n", "column date, row 2: '2024-13-03' is not a date"),
        (HEADER + GOOD + "AAPL,3 May,10,12,9,11,5\n", "column date, row 2: '3 May' is not a date"),
        (HEADER + GOOD + ",2024-01-03,10,12,9,11,5\n", "column symbol, row 2: is empty"),
        (HEADER + GOOD + "AAPL,2024-01-03,0,12,0,11,5\n", "column open, row 2: price 0 is not above zero"),
        (HEADER + GOOD + "AAPL,2024-01-03,10,10.5,9,11,5\n", "column high, row 2: 10.5 is below the close"),
        (HEADER + GOOD + "AAPL,2024-01-03,10,12,10.5,11,5\n", "column low, row 2: 10.5 is above the open"),
        (HEADER + GOOD + "AAPL,2024-01-03,10,12,9,11,-5\n", "column volume, row 2: volume -5 is below zero"),
        (HEADER + GOOD + "AAPL,2024-01-03,10,12,9,11,1e999\n", "column volume, row 2: 1e999 is not a finite number"),
        (HEADER + GOOD + GOOD, "row 2: a second bar of AAPL at 2024-01-02"),
        ("a,a\n1,2\n", "two columns of one name"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadData) as fault:
        bars(path, "daily")
    assert str(fault.value).startswith(f"{path}: ")
    assert message in str(fault.value)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"symbol": ["AAPL"] * 1000}), whole)
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(BadData, match=r"damaged\.parquet: cannot be read"):
        bars(damaged, "daily")


@pytest.mark.parametrize(("name", "message"), [("bars.xlsx", "unknown kind of file"), ("nothing.csv", "no such file")])
def test_files_that_cannot_be_opened_are_refused(tmp_path: Path, name: str, message: str) -> None:
    if name.startswith("bars"):
        written(tmp_path, "x", name)
    with pytest.raises(BadData, match=message):
        bars(tmp_path / name, "daily")


@pytest.mark.parametrize("written_date", ["2024-01-02", "20240102", "2024-01-02T00:00:00Z", "2024-01-02 00:00:00"])
def test_dates_are_read_in_their_usual_forms(tmp_path: Path, written_date: str) -> None:
    path = written(tmp_path, f"\ufeffTicker,Date,Open,High,Low,Close,Volume\r\naapl,{written_date},1,1,1,1,5\r\n")
    (row,) = bars(path, "daily").bars.to_pylist()
    assert (row["Symbol"], row["Timestamp"]) == ("AAPL", datetime(2024, 1, 2))  # noqa: DTZ001 - landing time


@pytest.mark.parametrize(
    ("written_date", "hint"),
    [
        ("01/02/2024", "which of 01 and 02 is the month cannot be told: "),
        ("2.1.24", "which of 2 and 1 is the month cannot be told: "),
        ("13/02/2024", ""),
        ("02-Jan-2024", ""),
    ],
)
def test_a_date_that_cannot_be_read_is_told_how_to_be_written(tmp_path: Path, written_date: str, hint: str) -> None:
    with pytest.raises(BadData, match=f"column date, row 1: '{written_date}' is not a time") as caught:
        bars(written(tmp_path, f"{HEADER}AAPL,{written_date},1,1,1,1,5\n"), "daily")
    assert caught.value.hint == f"{hint}write times as 2024-01-31T14:30:00Z, and dates as 2024-01-31"


def test_a_midnight_in_new_york_is_a_date(tmp_path: Path) -> None:
    # Summer and winter time differ; some providers label days this way.
    rows = "AAPL,2024-01-02T05:00:00Z,1,1,1,1,5\nAAPL,2024-07-02T04:00:00Z,1,1,1,1,5\n"
    table = bars(written(tmp_path, HEADER + rows), "daily").bars
    assert [stamp.date().isoformat() for stamp in table["Timestamp"].to_pylist()] == ["2024-01-02", "2024-07-02"]


@pytest.mark.parametrize(
    ("column", "label", "expected"),
    [
        ("ts_utc", "2024-07-01T14:00:00", "2024-07-01T14:00"),
        ("ts_utc", "2024-07-01T14:00:00-04:00", "2024-07-01T18:00"),
        ("ts_et", "2024-07-01 10:00:00", "2024-07-01T14:00"),
        ("ts_et", "2024-01-02 10:00:00", "2024-01-02T15:00"),
    ],
)
def test_times_become_utc(tmp_path: Path, column: str, label: str, expected: str) -> None:
    path = written(tmp_path, f"symbol,{column},open,high,low,close,volume\nAAPL,{label},1,1,1,1,5\n")
    (row,) = bars(path, "intraday").bars.to_pylist()
    assert row["Timestamp"] == datetime.fromisoformat(expected)


def test_the_zone_and_label_of_a_file_can_be_told(tmp_path: Path) -> None:
    rows = "2024-07-01 09:31:00,1,1,1,1,5\n2024-07-01 09:32:00,1,1,1,1,5\n"
    path = written(tmp_path, f"timestamp,open,high,low,close,volume\n{rows}")
    options = {"symbol": "msft", "time_zone": ZoneInfo("America/New_York"), "bar_label": "end"}
    table = bars(path, "intraday", **options).bars
    assert table["Timestamp"].to_pylist()[0] == datetime(2024, 7, 1, 13, 30)  # noqa: DTZ001 - landing time
    assert set(table["Symbol"].to_pylist()) == {"MSFT"}


def test_mixed_zones_are_refused(tmp_path: Path) -> None:
    rows = "AAPL,2024-07-01T14:00:00Z,1,1,1,1,5\nAAPL,2024-07-01T14:01:00,1,1,1,1,5\n"
    path = written(tmp_path, f"symbol,ts_utc,open,high,low,close,volume\n{rows}")
    with pytest.raises(BadData, match="row 2: '2024-07-01T14:01:00' names no time zone"):
        bars(path, "intraday")


def test_a_lone_bar_labelled_by_its_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "symbol,bar_end,open,high,low,close,volume\nAAPL,2024-07-01T14:00:00Z,1,1,1,1,5\n")
    with pytest.raises(BadData, match="one bar alone does not tell the length"):
        bars(path, "intraday")


def test_a_split_adjusted_file_without_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="tells no splits"):
        bars(written(tmp_path, HEADER + GOOD), "daily", adjustment="split")


def test_splits_can_be_given(tmp_path: Path) -> None:
    given = (CorporateAction("AAPL", date(2024, 1, 3), "split", 4.0, "given", START),)
    content = bars(written(tmp_path, HEADER + GOOD), "daily", adjustment="split", actions=given)
    (row,) = content.bars.to_pylist()
    assert (row["Open"], row["Close"], row["Volume"]) == (40.0, 44.0, 250.0)


def test_minutes_are_un_adjusted_by_their_date_in_new_york(tmp_path: Path) -> None:
    # 00:30 UTC of the ex-date still belongs to the evening before it.
    rows = "AAPL,2024-01-03T00:30:00Z,10,10,10,10,100\nAAPL,2024-01-03T14:30:00Z,10,10,10,10,100\n"
    given = (CorporateAction("AAPL", date(2024, 1, 3), "split", 4.0, "given", START),)
    path = written(tmp_path, f"symbol,ts_utc,open,high,low,close,volume\n{rows}")
    table = bars(path, "intraday", adjustment="split", actions=given).bars
    assert table["Close"].to_pylist() == [40.0, 10.0]


TRADES_TEXT = """symbol,ts_utc,price,size,venue
AAPL,2024-07-01T14:00:00.000001Z,10.5,100,Q
AAPL,2024-07-01T14:00:00.000001Z,10.5,100,Q
AAPL,2024-07-01T14:00:00.000001Z,10.5,100,P
MSFT,2024-07-01T13:59:00Z,20,5,Q
"""


def test_equal_trades_are_told_apart_and_known_again(tmp_path: Path) -> None:
    path = written(tmp_path, TRADES_TEXT, "trades.csv")
    table = read_trades(path, FileOptions(), START)
    assert table["EventId"].to_pylist() == [
        "MSFT:1719842340000000:20:5:Q:0",
        "AAPL:1719842400000001:10.5:100:Q:0",
        "AAPL:1719842400000001:10.5:100:Q:1",
        "AAPL:1719842400000001:10.5:100:P:0",
    ]
    renamed = written(tmp_path, TRADES_TEXT, "renamed.csv")
    again = read_trades(renamed, FileOptions(), START + timedelta(days=1))
    assert again["EventId"].equals(table["EventId"])


def test_ids_of_a_file_are_kept(tmp_path: Path) -> None:
    path = written(tmp_path, "trade_id,symbol,ts_utc,price,size\nx7,AAPL,2024-07-01T14:00:00Z,10,1\n", "trades.csv")
    assert read_trades(path, FileOptions(), START)["EventId"].to_pylist() == ["x7"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [("0,1", "column price, row 1: price 0 is not above zero"), ("5,-1", "column size, row 1: size -1 is below zero")],
)
def test_impossible_trades_are_refused(tmp_path: Path, cells: str, message: str) -> None:
    path = written(tmp_path, f"symbol,ts_utc,price,size\nAAPL,2024-07-01T14:00:00Z,{cells}\n", "trades.csv")
    with pytest.raises(BadData, match=message):
        read_trades(path, FileOptions(), START)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lobster_aapl.csv", {}, "tells neither symbol nor date"),
        ("lobster_aapl.csv", {"symbol": "AAPL"}, "tells no date"),
    ],
)
def test_a_lobster_file_without_its_own_name_needs_symbol_and_date(
    tmp_path: Path, name: str, options: dict[str, str], message: str
) -> None:
    path = written(tmp_path, "34200.5,4,7,40,5857400,-1\n", name)
    with pytest.raises(BadData, match=message):
        read_trades(path, FileOptions(symbol=options.get("symbol")), START)


def test_lobsters_own_file_name_tells_symbol_and_date(tmp_path: Path) -> None:
    name = "AAPL_2012-06-21_34200000_57600000_message_10.csv"
    path = written(tmp_path, "34200.5,4,7,40,5857400,-1\n34200.6,1,8,40,5857400,-1\n", name)
    (row,) = read_trades(path, FileOptions(), START).to_pylist()
    assert (row["Symbol"], row["Price"], row["Size"]) == ("AAPL", 585.74, 40.0)
    assert row["Timestamp"] == datetime(2012, 6, 21, 13, 30, 0, 500_000)  # noqa: DTZ001 - landing time
