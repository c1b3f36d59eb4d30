"""A held file is true for as long as its writer lives, however that ends."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cli.composition.held_files import held_file, read_held

FACTS = {"url": "http://127.0.0.1:1", "database": "é"}


def test_facts_are_read_while_they_are_held(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    with held_file(path, FACTS):
        assert read_held(path) == FACTS
        assert read_held(path) == FACTS  # looking takes nothing away
    assert read_held(path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_not_believed(tmp_path: Path) -> None:
    path, copy = tmp_path / "facts.json", tmp_path / "copy.json"
    with held_file(path, FACTS):
        shutil.copy(path, copy)
        assert read_held(copy) is None
        assert read_held(path) == FACTS


def test_what_a_killed_writer_left_is_not_believed_and_gives_way(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    code = (
        "import sys, time; from pathlib import Path; from cli.composition.held_files import held_file\n"
        f"with held_file(Path({str(path)!r}), {FACTS!r}):\n    print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "held\n"
        assert read_held(path) == FACTS
        writer.kill()
    assert path.exists()
    assert read_held(path) is None
    with held_file(path, {"url": "new"}):
        assert read_held(path) == {"url": "new"}


def test_what_is_no_record_counts_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    assert read_held(path) is None
    path.mkdir()
    assert read_held(path) is None
    for text in ("", "{", "[1]"):
        with held_file(tmp_path / "held.json", FACTS):
            # In place, under the writer's lock.
            descriptor = os.open(tmp_path / "held.json", os.O_WRONLY | os.O_TRUNC)
            os.write(descriptor, text.encode())
            os.close(descriptor)
            assert read_held(tmp_path / "held.json") is None
