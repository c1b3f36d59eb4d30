"""The conformance vectors: almost no wrong answers, and never fewer right ones than recorded.

The vectors are third-party data beside the repository; only counts are kept here.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TICKHOUSE_SHARED", ROOT.parent / "shared")) / "conformance"
FLOOR = json.loads((Path(__file__).parent / "conformance_floor.json").read_text(encoding="utf-8"))
MISMATCHES_ALLOWED = 0.02


@pytest.mark.skipif(not (SHARED / "dev.jsonl").exists(), reason=f"the conformance vectors are not at {SHARED}")
def test_answers_agree_with_the_measured_ones(tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    command: list[str | Path] = [
        *(sys.executable, SHARED / "run_vectors.py", SHARED / "dev.jsonl"),
        *("--engine", "tests.emulator.conformance_adapter:run", "--summary", summary),
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    counts: Counter[str] = Counter()
    for statuses in json.loads(summary.read_text(encoding="utf-8"))["family"].values():
        counts.update(statuses)
    wrong = sum(counts[status] for status in ("mismatch", "type-mismatch", "name-mismatch"))
    assert counts["timeout"] + counts["crash"] == 0, run.stdout
    assert counts.total() == FLOOR["scored"], run.stdout
    assert wrong <= MISMATCHES_ALLOWED * counts.total(), run.stdout
    assert wrong <= FLOOR["mismatches"], run.stdout
    assert counts["pass"] >= FLOOR["passes"], run.stdout
