"""`tickhouse lock`, and what `tickhouse deploy` makes of a lock."""

from pathlib import Path

import pytest

from kql.loader import load_database
from kql.lock import write_lock
from tests.end_to_end.platform import tickhouse

pytestmark = pytest.mark.slow

FUNCTION = ".create-or-alter function Answer_v1() { print Value = 42 }\n"


def test_a_contract_is_locked_checked_and_kept_through_deployments(tmp_path: Path) -> None:
    files, data = tmp_path / "files", tmp_path / "data"
    files.mkdir()
    function, lock = files / "Answer_v1.kql", files / "kql.lock"
    function.write_text(FUNCTION, encoding="utf-8")

    unlocked = tickhouse("lock", "--check", "--files", str(files))
    assert (unlocked.returncode, unlocked.stdout, unlocked.stderr) == (
        *(1, ""),
        f"error: {function}:1: the contract of Answer_v1 is not locked\nhint: lock it with `tickhouse lock`\n",
    )
    locked = tickhouse("lock", "--files", str(files))
    assert (locked.returncode, locked.stderr) == (0, f"{lock}: locked Answer_v1.\n")
    again = tickhouse("lock", "--files", str(files))
    assert (again.returncode, again.stderr) == (0, f"{lock}: nothing to lock.\n")
    kept = tickhouse("lock", "--check", "--files", str(files))
    assert (kept.returncode, kept.stderr) == (0, f"{lock}: every released function keeps its contract.\n")

    function.write_text(FUNCTION.replace("42", '"42"'), encoding="utf-8")
    refused = tickhouse("deploy", "--files", str(files), "--data", str(data))
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        *(1, ""),
        f"error: {function}:1: Answer_v1 does not keep its released contract: column 'Value' is of type string, "
        "released as long\nhint: leave it as it was and write Answer_v2; if Answer_v1 was never released, "
        "`tickhouse lock --replace Answer_v1`\n",
    )
    assert not data.exists()

    function.write_text(FUNCTION, encoding="utf-8")
    (files / "Answer_v2.kql").write_text(FUNCTION.replace("_v1", "_v2"), encoding="utf-8")
    deployed = tickhouse("deploy", "--files", str(files), "--data", str(data))
    *told, done = deployed.stderr.splitlines()
    assert (deployed.returncode, told) == (
        0,
        [
            f"Eventhouse  {data}  database Market",
            "Note: the contract of Answer_v2 is not locked; lock it with `tickhouse lock`.",
        ],
    )
    assert done.startswith("Deployed Market: 0 tables, 0 materialized views, 2 functions (2 commands in ")


def test_the_lock_one_folder_above_the_files_is_theirs(tmp_path: Path) -> None:
    files = tmp_path / "database"
    files.mkdir()
    function, lock = files / "Answer_v1.kql", tmp_path / "kql.lock"
    function.write_text(FUNCTION, encoding="utf-8")
    write_lock(load_database(files), lock)
    function.write_text(FUNCTION.replace("42", '"42"'), encoding="utf-8")
    refused = tickhouse("lock", "--files", str(files))
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        *(1, ""),
        f"error: {function}:1: Answer_v1 does not keep its released contract: column 'Value' is of type string, "
        "released as long\nhint: leave it as it was and write Answer_v2; if Answer_v1 was never released, "
        "`tickhouse lock --replace Answer_v1`\n",
    )
    assert not (files / "kql.lock").exists()
