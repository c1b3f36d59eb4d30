"""What a load says of itself, and its bar."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from cli.commands.load import describe, progress_bar
from producer.history.load import LoadReport


@pytest.mark.parametrize(
    ("report", "seconds", "rejected", "text"),
    [
        (LoadReport(2000, 1500), 0.5, None, "a.csv: 1,500 new of 2,000 rows in 0.5 s (4,000 rows/s)"),
        (LoadReport(2, 2), 0.0, {}, "a.csv: 2 new of 2 rows in 0.0 s ()"),
        (
            LoadReport(2000, 1500, actions=3, actions_written=1),
            2.0,
            {"price": 1200, "size": 2},
            "a.csv: 298 new of 2,000 rows, 1 new of 3 splits and dividends,"
            " rejected 1,202 (1,200 for price, 2 for size), in 2.0 s (1,000 rows/s)",
        ),
    ],
)
def test_what_a_load_changed(report: LoadReport, seconds: float, rejected: dict[str, int] | None, text: str) -> None:
    assert describe(Path("b/a.csv"), report, seconds, rejected) == text


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_bar_is_shown_on_a_terminal_alone(is_terminal: bool) -> None:
    bar = progress_bar(Console(file=io.StringIO(), force_terminal=is_terminal))
    assert (bar.disable, bar.live.transient) == (not is_terminal, True)
