"""Microsoft's KQL language service over scripts, in Node.

The npm package is installed once, outside of what is committed: `npm ci` in a copy of the shared folder tools/kqlcheck
at .cache/kqlcheck.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kql.shared import ROOT, shared_file

PACKAGES = Path(os.environ.get("TICKHOUSE_KQLCHECK", ROOT / ".cache" / "kqlcheck")) / "node_modules"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the service says of one statement: its faults, and the columns it yields."""

    file: Path
    command: str
    faults: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]


def check(files: list[Path]) -> list[Checked]:
    """Run the files in order against an empty database; skips where Node or the package is missing."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    if not (PACKAGES / "@kusto" / "language-service-next").exists():
        pytest.skip(f"@kusto/language-service-next is not installed in {PACKAGES}")
    script = shared_file("tools/kqlcheck/kqlcheck.mjs")
    result = subprocess.run(
        [node, str(script), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NODE_PATH": str(PACKAGES)},
    )
    assert result.returncode in (0, 1), result.stderr
    return [_checked(json.loads(line)) for line in result.stdout.splitlines()]


def _checked(record: dict[str, object]) -> Checked:
    diagnostics, columns = record["diagnostics"], record.get("columns") or []
    assert isinstance(diagnostics, list)
    assert isinstance(columns, list)
    return Checked(
        Path(str(record["file"])),
        str(record.get("command")),
        tuple(f"{each['line']}:{each['col']} {each['code']} {each['message']}" for each in diagnostics),
        tuple((each["name"], each["type"]) for each in columns),
    )
