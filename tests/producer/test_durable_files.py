"""Files that are whole or not changed at all, and those that are true for as long as their writer lives."""

import os
from pathlib import Path

import pytest

from producer.durable_files import HeldFile, append_durably, is_held, replace_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_held_while_its_writer_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "status"
    assert not is_held(path)
    file = HeldFile(path)
    for data in (b"one", b"two"):
        file.write(data)
        assert (path.read_bytes(), is_held(path), is_held(path)) == (data, True, True)
    (tmp_path / "copy").write_bytes(path.read_bytes())
    assert not is_held(tmp_path / "copy")
    file.close()
    file.close()
    assert (path.read_bytes(), is_held(path), names(tmp_path)) == (b"two", False, ["copy", "status"])
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_first_write_removes_what_killed_writers_left_and_nothing_of_living_ones(tmp_path: Path) -> None:
    left, draft = tmp_path / ".status.1", tmp_path / ".status.2"
    left.write_bytes(b"of a killed one")
    (tmp_path / ".other.1").write_bytes(b"of another file")
    other = HeldFile(draft)
    other.write(b"of one that lives")
    file = HeldFile(tmp_path / "status")
    file.write(b"one")
    assert names(tmp_path) == [".other.1", ".status.2", "status"]
    # Later on nothing is looked for.
    left.write_bytes(b"of a killed one")
    file.write(b"two")
    assert names(tmp_path) == [".other.1", ".status.1", ".status.2", "status"]
    other.close()
    file.close()


def test_a_write_that_fails_leaves_the_old_content_and_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "status", os.write
    file = HeldFile(path)
    file.write(b"one")

    def torn(descriptor: int, data: memoryview) -> int:
        if bytes(data) == b"o":
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:2])

    monkeypatch.setattr("producer.durable_files.os.write", torn)
    with pytest.raises(OSError, match="No space"):
        file.write(b"two")
    assert (path.read_bytes(), is_held(path), names(tmp_path)) == (b"one", True, ["status"])
    # What comes in parts is whole.
    file.write(b"three!")
    assert path.read_bytes() == b"three!"
    file.close()


def test_a_file_is_replaced_as_a_whole_over_what_a_killed_process_left(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    (tmp_path / "cursor.next").write_bytes(b"longer than what comes")
    replace_file(path, b"one")
    assert (path.read_bytes(), names(tmp_path), is_held(path)) == (b"one", ["cursor"], False)


def test_appending_goes_on_behind_what_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, pwrite = tmp_path / "log", os.pwrite
    path.write_bytes(b"one and a torn rest")
    descriptor = os.open(path, os.O_RDWR)
    monkeypatch.setattr("producer.durable_files.os.pwrite", lambda into, data, at: pwrite(into, data[:2], at))
    append_durably(descriptor, 3, b", two")
    assert path.read_bytes() == b"one, two"

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("producer.durable_files.os.fdatasync", refuse)
    with pytest.raises(OSError, match="No space"):
        append_durably(descriptor, 8, b", three")
    assert path.read_bytes() == b"one, two"
    os.close(descriptor)
