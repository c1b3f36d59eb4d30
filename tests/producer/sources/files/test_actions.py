"""Files of splits and dividends."""

from pathlib import Path

import pytest

from producer.errors import BadData
from producer.sources.files.actions import read_actions
from producer.sources.files.reading import FileOptions
from tests.producer.clock import START
from tests.producer.shared import market_file


def read(path: Path) -> list[tuple[str, str, str, float]]:
    actions = read_actions(path, FileOptions(), START)
    return [(action.symbol, action.ex_date.isoformat(), action.kind, action.value) for action in actions]


def test_splits_are_read_from_a_factor_table() -> None:
    assert read(market_file("daily/lean_factor_files.csv")) == [
        ("AAPL", "2000-06-21", "split", 2.0),
        ("AAPL", "2005-02-28", "split", 2.0),
        ("AAPL", "2014-06-09", "split", 7.0),
        ("AAPL", "2020-08-31", "split", 4.0),
        ("GOOG", "2015-04-27", "split", pytest.approx(1.0027, abs=1e-5)),
        ("GOOGL", "2014-04-03", "split", 2.0),
    ]


def written(folder: Path, text: str) -> Path:
    path = folder / "actions.csv"
    path.write_text(f"symbol,ex_date,kind,value\n{text}", encoding="utf-8")
    return path


def test_a_plain_table_of_actions_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "nvda,2024-06-10,Split,10\nAAPL,2024-05-10,dividend,0.25\n")
    assert read(path) == [("AAPL", "2024-05-10", "dividend", 0.25), ("NVDA", "2024-06-10", "split", 10.0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AAPL,2024-05-10,merger,1\n", "column kind, row 1: 'merger' is neither split nor dividend"),
        ("AAPL,2024-05-10,split,0\n", "column value, row 1: 0.0 is not above zero"),
        ("AAPL,2024-05-10,split,4\nAAPL,2024-05-10,split,2\n", "a second split of AAPL on 2024-05-10"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadData) as fault:
        read(written(tmp_path, text))
    assert message in str(fault.value)
