"""`tickhouse load`: what is new, what was rejected, and what will mislead."""

import re
from pathlib import Path

import pytest

from tests.companies import UNKNOWN
from tests.end_to_end.platform import tickhouse

pytestmark = pytest.mark.slow

HEADER = "symbol,date,open,high,low,close,volume\n"


def told(file: Path, kind: str, data: Path) -> list[str]:
    """Load a file and return the lines of what was said, without the times, which differ."""
    result = tickhouse("load", str(file), "--as", kind, "--data", str(data))
    assert result.stdout == ""
    return [re.sub(r" in [0-9.]+ s .*", "", line) for line in result.stderr.splitlines()]


def test_bars_of_nobody_and_of_a_saturday_are_told(tmp_path: Path) -> None:
    days, data = tmp_path / "days.csv", tmp_path / "data"
    days.write_text(
        HEADER + "".join(f"{UNKNOWN},2024-01-0{day},1,2,1,1,5\n" for day in (4, 5)) + "AAPL,2024-01-06,1,2,1,1,5\n"
    )
    doubts = [
        f"days.csv: 2 rows of no known company ({UNKNOWN}): stored, and shown by no view",
        "days.csv: 1 row on days without trading (Saturday 2024-01-06): stored as they are",
    ]
    where = f"Eventhouse  {data}  database Market"
    assert told(days, "daily", data) == [where, "days.csv: 3 new of 3 rows", *doubts]
    assert told(days, "daily", data) == [where, "days.csv: 0 new of 3 rows", *doubts]


def test_days_far_off_and_symbols_of_nobody_are_told_of_every_kind_of_rows(tmp_path: Path) -> None:
    days, minutes, trades, actions = (tmp_path / f"{name}.csv" for name in ("days", "minutes", "trades", "actions"))
    data, far = tmp_path / "data", ("0001-01-03", "1899-12-29", "1901-01-02", "1904-01-04", "9999-12-30")
    early = "before 1925 (0001-01-03, 1899-12-29, 1901-01-02 and 1 more): stored as they are"
    late = "in the future (9999-12-30): stored as they are"
    # A time has nanoseconds, which reach from 1678 to 2261.
    times = ("1700-01-04", *far[1:4], "2261-12-30", "2024-01-05")
    days.write_text(HEADER + "".join(f"AAPL,{day},1,2,1,1,5\n" for day in (*far, "2024-01-05")))
    assert told(days, "daily", data)[1:] == [
        "days.csv: 6 new of 6 rows",
        f"days.csv: 4 rows {early}",
        f"days.csv: 1 row {late}",
    ]
    minutes.write_text(
        "symbol,timestamp,open,high,low,close,volume\n" + "".join(f"AAPL,{day}T15:00:00Z,1,2,1,1,5\n" for day in times)
    )
    assert told(minutes, "intraday", data)[1:] == [
        "minutes.csv: 6 new of 6 rows",
        f"minutes.csv: 4 rows {early.replace('0001-01-03', '1700-01-04')}",
        f"minutes.csv: 1 row {late.replace('9999', '2261')}",
    ]
    trades.write_text("symbol,timestamp,price,size\n" + "".join(f"AAPL,{day}T15:00:00Z,1,1\n" for day in times))
    assert told(trades, "trades", data)[1:] == [
        "trades.csv: 5 new of 6 rows, rejected 1 (1 for time in the future),",
        f"trades.csv: 4 rows {early.replace('0001-01-03', '1700-01-04')}",
    ]
    nobody = "'; DROP TABLE X; --"
    actions.write_text(
        "symbol,date,kind,value\n"
        + "".join(f"AAPL,{day},split,2\n" for day in far)
        + f"{nobody},2024-01-05,dividend,1\n"
    )
    assert told(actions, "actions", data)[1:] == [
        "actions.csv: 6 new of 6 rows",
        f"actions.csv: 1 row of no known company ({nobody}): stored, and used by no view",
        f"actions.csv: 4 rows {early}",
        f"actions.csv: 1 row {late}",
    ]


def test_a_minute_of_friday_evening_is_not_one_of_saturday(tmp_path: Path) -> None:
    minutes, data = tmp_path / "minutes.csv", tmp_path / "data"
    rows = ("2024-01-06T00:30:00Z", "2024-01-06T15:00:00Z")
    minutes.write_text(
        "symbol,timestamp,open,high,low,close,volume\n" + "".join(f"AAPL,{each},1,2,1,1,5\n" for each in rows)
    )
    assert told(minutes, "intraday", data)[1:] == [
        "minutes.csv: 2 new of 2 rows",
        "minutes.csv: 1 row on days without trading (Saturday 2024-01-06): stored as they are",
    ]


def test_trades_that_the_database_rejects_are_not_counted_as_new(tmp_path: Path) -> None:
    trades, data = tmp_path / "trades.csv", tmp_path / "data"
    trades.write_text(
        "symbol,timestamp,price,size\n"
        + "".join(
            f"{symbol},2024-01-05T15:00:0{second}Z,1,1\n" for second, symbol in enumerate((UNKNOWN, "AAPL", "AAPL"))
        )
    )
    assert told(trades, "trades", data)[1:] == ["trades.csv: 2 new of 3 rows, rejected 1 (1 for unknown symbol),"]
    assert told(trades, "trades", data)[1:] == ["trades.csv: 0 new of 3 rows"]


def test_values_with_semicolons_between_them_are_told_from_missing_columns(tmp_path: Path) -> None:
    days = tmp_path / "days.csv"
    days.write_text(HEADER.replace(",", ";"))
    assert told(days, "daily", tmp_path / "data")[1:] == [
        f"error: {days}: has one column, for its values are separated by ';'",
        "hint: write it with commas between the values, and points in decimal numbers",
    ]


def test_a_backfill_of_the_future_is_refused(tmp_path: Path) -> None:
    result = tickhouse("backfill", "--from", "2999-01-01", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == "error: --from 2999-01-01 lies in the future"
    result = tickhouse("backfill", "--from", "2024-01-02", "--to", "2024-01-01", cwd=tmp_path)
    assert result.stderr == "error: --to 2024-01-01 lies before --from 2024-01-02\n"
    assert list(tmp_path.iterdir()) == []
