"""The short form of the soak: chaos for three quarters of a minute, and everything is there once."""

from pathlib import Path

import pytest

from tests.soak.soak import Soak, run

# What the rest of the suite leaves of a small machine; `make soak` asks for the full market.
TRADES_PER_SECOND = 1000


@pytest.mark.slow
def test_every_event_sent_is_counted_once_or_rejected_with_a_reason(tmp_path: Path) -> None:
    said: list[str] = []
    verdict = run(Soak(45, TRADES_PER_SECOND, seed=7), tmp_path, said.append)
    assert verdict.holds, "\n".join([*said, verdict.lines()])
    assert verdict.rejected > 0
