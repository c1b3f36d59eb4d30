"""Which Eventhouse a command works on: the one that is named, else the one that runs, else a default folder."""

import asyncio
import os
import signal
import tempfile
from pathlib import Path

import pytest

from cli.composition.eventhouses import Target, find_target, open_eventhouse
from cli.composition.instances import ENDPOINT_FILE, Instance, announced, running_instances, runtime_folders, serving
from cli.errors import CliError
from cli.settings.target import TargetSettings, one_of
from tests.end_to_end.platform import running, tickhouse

NOTHING = TargetSettings()


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)


def test_where_nothing_runs_it_is_the_first_default_that_exists() -> None:
    market, simulated = Path("data/market"), Path("data/simulated")
    assert find_target(NOTHING) == Target("Market", None, market)
    assert find_target(NOTHING, market, simulated) == Target("Market", None, market)
    simulated.mkdir(parents=True)
    assert find_target(NOTHING, market, simulated) == Target("Market", None, simulated)
    assert find_target(NOTHING) == Target("Market", None, market)


def test_the_one_that_runs_is_found_with_its_database() -> None:
    with announced(Instance("http://127.0.0.1:1", "Own", None)):
        assert find_target(NOTHING) == Target("Own", "http://127.0.0.1:1", None, is_found=True)
        assert find_target(TargetSettings(database="Other")).database == "Other"
        assert find_target(TargetSettings(data=Path("other"))) == Target("Market", None, Path("other"))
        assert find_target(TargetSettings(url="http://x")) == Target("Market", "http://x", None)
    assert find_target(NOTHING) == Target("Market", None, Path("data/market"))


def test_a_folder_is_reached_through_the_process_that_serves_it(tmp_path: Path) -> None:
    folder = Path("prices")
    folder.mkdir()
    with announced(Instance("http://127.0.0.1:1", "Own", folder)):
        assert find_target(TargetSettings(data=folder)) == Target("Own", "http://127.0.0.1:1", folder)
        found = find_target(NOTHING)
        assert found == Target("Own", "http://127.0.0.1:1", tmp_path / "prices", is_found=True)
        assert str(found) == "Eventhouse  http://127.0.0.1:1  database Own, data in prices"
    assert serving(folder) is None
    assert str(find_target(TargetSettings(data=folder))) == "Eventhouse  prices  database Market"


def test_of_several_the_user_chooses() -> None:
    first, second = Instance("http://127.0.0.1:1", "A", None), Instance("http://127.0.0.1:2", "B", Path("b"))
    Path("b").mkdir()
    with announced(second), announced(first), pytest.raises(CliError) as caught:
        find_target(NOTHING)
    assert caught.value.message == (
        "2 Eventhouses run:\n  http://127.0.0.1:1  database A, in memory\n  http://127.0.0.1:2  database B, data in b"
    )
    assert caught.value.hint == "choose one with --data FOLDER or --eventhouse URL"


def test_one_that_takes_a_token_is_found_by_its_folder_alone() -> None:
    Path("b").mkdir()
    with announced(Instance("http://127.0.0.1:1", "A", Path("b")), to_all=False):
        assert running_instances() == ()
        assert serving(Path("b")) == Instance("http://127.0.0.1:1", "A", Path("b"))


def test_leftovers_are_not_believed_and_removed() -> None:
    assert len(runtime_folders()) == 2
    leftovers = [runtime / "left.json" for runtime in runtime_folders()]
    for leftover in leftovers:
        leftover.write_text('{"url": "http://127.0.0.1:1", "database": "A"}')
    assert running_instances() == ()
    assert [leftover.exists() for leftover in leftovers] == [False, False]
    Path("b").mkdir()
    (Path("b") / ENDPOINT_FILE).write_text('{"url": "http://127.0.0.1:1", "database": "A", "pid": 1}')
    assert serving(Path("b")) is None


def test_a_leftover_that_another_command_removes_at_the_same_moment_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    for runtime in runtime_folders():
        (runtime / "left.json").write_text("{}")
    monkeypatch.setattr("cli.composition.instances.read_held", lambda path: path.unlink())
    assert running_instances() == ()


def test_a_runtime_folder_that_others_may_write_to_is_not_used() -> None:
    of_login, of_all = runtime_folders()
    assert of_login.stat().st_mode & 0o777 == 0o700
    for runtime in (of_login, of_all):
        runtime.chmod(0o770)
    assert runtime_folders() == ()
    with announced(Instance("http://127.0.0.1:1", "A", None)):
        assert running_instances() == ()
    of_all.chmod(0o700)
    assert runtime_folders() == (of_all,)


@pytest.mark.parametrize("base", [None, "", "relative", "/proc", "/does/not/exist"])
def test_where_a_login_has_no_runtime_folder_the_temporary_one_serves(base: str | None) -> None:
    _, of_all = runtime_folders()
    assert runtime_folders({} if base is None else {"XDG_RUNTIME_DIR": base}) == (of_all,)


def test_a_login_finds_what_a_service_runs_and_the_other_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, login = Instance("http://127.0.0.1:1", "A", None), os.environ["XDG_RUNTIME_DIR"]
    with announced(instance):
        assert running_instances() == (instance,)
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert running_instances() == (instance,)
    with announced(instance):
        monkeypatch.setenv("XDG_RUNTIME_DIR", login)
        assert running_instances() == (instance,)


def test_a_file_is_no_data_folder() -> None:
    Path("prices").write_text("")
    with pytest.raises(CliError) as caught:
        asyncio.run(open_eventhouse(find_target(TargetSettings(data=Path("prices")))))
    assert caught.value.message == "'prices' is a file, not a data folder"


def test_the_stronger_of_a_folder_and_a_url_is_taken() -> None:
    folder, url = Path("a"), "http://x"
    assert one_of(folder, None, "DEFAULT_MAP", "DEFAULT") == (folder, None)
    assert one_of(folder, url, "COMMANDLINE", "DEFAULT_MAP") == (folder, None)
    assert one_of(folder, url, "ENVIRONMENT", "COMMANDLINE") == (None, url)
    with pytest.raises(CliError, match="exclude each other"):
        one_of(folder, url, "COMMANDLINE", "COMMANDLINE")


@pytest.mark.slow
def test_a_flag_wins_over_the_other_way_in_environment_and_file(tmp_path: Path) -> None:
    Path("tickhouse.toml").write_text('eventhouse = "http://127.0.0.1:1"\n')
    result = tickhouse("query", "print 1", "--data", "none", cwd=tmp_path)
    assert result.stderr == (
        "error: no Eventhouse runs, and there is no data folder 'none'\n"
        "hint: start `tickhouse up`, fill a folder with `tickhouse deploy`, or name one with --data or --eventhouse\n"
    )


@pytest.mark.slow
def test_commands_without_a_name_work_on_what_up_runs_until_it_is_killed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with running(tmp_path / "prices", "--source", "none") as platform:
        where = f"Eventhouse  {platform.wire}  database Market, data in {tmp_path / 'prices'}\n"
        asked = tickhouse("query", "print a = 1", "-f", "csv", cwd=elsewhere)
        assert (asked.stdout, asked.stderr) == ("a\n1\n", where)
        deployed = tickhouse("deploy", cwd=elsewhere)
        assert deployed.stderr.startswith(f"{where}Deployed Market: ")
        assert len(deployed.stderr.splitlines()) == 2
        platform.process.send_signal(signal.SIGKILL)
        platform.process.wait()
    asked = tickhouse("query", "print a = 1", cwd=elsewhere)
    assert asked.stderr.startswith("error: no Eventhouse runs, and there is no data folder 'data/market'\n")
    assert list(elsewhere.iterdir()) == []
    # The folder's record is a leftover too: the folder is opened here.
    asked = tickhouse("query", "Trades | count", "-f", "csv", "--data", str(tmp_path / "prices"))
    assert (asked.stdout, asked.stderr) == ("Count\n0\n", "")


@pytest.mark.parametrize(("folder", "way"), [(None, "managed"), (Path("prices"), "streaming")])
def test_the_way_of_ingestion_is_for_an_eventhouse_elsewhere(
    monkeypatch: pytest.MonkeyPatch, folder: Path | None, way: str
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("kql.client.remote.RemoteEventhouse.connect", lambda *given: asked.append(given))
    asyncio.run(open_eventhouse(Target("D", "http://127.0.0.1:1", folder), ingestion="managed"))
    assert asked == [("http://127.0.0.1:1", "D", way)]


@pytest.mark.slow
def test_a_folder_that_is_not_there_is_made_only_where_that_is_asked_for() -> None:
    target = Target("Market", None, Path("new/prices"))
    with pytest.raises(CliError) as caught:
        asyncio.run(open_eventhouse(target))
    assert caught.value.message == "no Eventhouse runs, and there is no data folder 'new/prices'"
    assert not Path("new").exists()

    async def opened() -> None:
        await (await open_eventhouse(target, create=True)).close()

    asyncio.run(opened())
    assert Path("new/prices").is_dir()
