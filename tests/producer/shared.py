"""Real prices and recorded answers, read from the shared folder beside the repository."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("TICKHOUSE_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def market_file(name: str) -> Path:
    return _existing(SHARED / "data" / "market" / name)


def payload(name: str) -> str:
    return _existing(SHARED / "data" / "payloads" / name).read_text(encoding="utf-8")


def _existing(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"needs {path.name} of the shared test data")
    return path
