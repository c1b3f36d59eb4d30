"""Material that stands outside of the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_file(name: str) -> Path:
    """Return a file of the shared material; the test is skipped where there is none."""
    path = Path(os.environ.get("TICKHOUSE_SHARED", ROOT.parent / "shared")) / name
    if not path.exists():
        pytest.skip(f"no shared material {name}: set TICKHOUSE_SHARED to its folder")
    return path
