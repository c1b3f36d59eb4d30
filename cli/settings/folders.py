"""The data folders that are taken where none is named: real and simulated prices do not share one."""

from pathlib import Path

DEFAULT_DATA = Path("data") / "market"
SIMULATED_DATA = Path("data") / "simulated"
