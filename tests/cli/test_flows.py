"""What commands do one after the other, called in this process on stand-ins: what they ask, change, say and refuse."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from cli.commands import check_data, deploy, load, lock, replay
from cli.composition.instances import Instance
from cli.errors import CliError
from cli.settings.target import TargetSettings
from emulator.engine.data_folder.checking import Finding
from emulator.errors import KustoError
from kql.errors import DefinitionError
from kql.lock import Breach
from producer.history.load import LoadReport
from producer.sources.files.reading import FileOptions

TARGET = TargetSettings(data=Path("data"))
TOLD = "Eventhouse  data  database Market"


class Asked:
    """An Eventhouse that keeps what is asked of it."""

    def __init__(self, *rows: tuple[object, ...]) -> None:
        self.asked: list[tuple[str, object]] = []
        self.closed = 0
        self._rows = rows

    async def query(self, text: str, *, parameters: object = None) -> SimpleNamespace:
        self.asked.append((text, parameters))
        return SimpleNamespace(rows=lambda: list(self._rows))

    async def close(self) -> None:
        self.closed += 1


def place(monkeypatch: pytest.MonkeyPatch, module: object, **stand_ins: object) -> None:
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(module, name, stand_in)


def opening(eventhouse: Asked) -> Callable[..., Any]:
    async def open_eventhouse(target: object, *, create: bool = False) -> Asked:
        assert (str(target), create) == (TOLD, True)
        return eventhouse

    return open_eventhouse


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    shown = capsys.readouterr()
    return [*shown.out.splitlines(), *shown.err.splitlines()]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


BREACH = DefinitionError("F_v1 is not locked", Path("f.kql"), 3, "run `tickhouse lock`")


@pytest.mark.parametrize("files", [None, Path("folder")])
def test_a_deployment_reads_the_registry_of_the_market_and_tells_what_it_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], files: Path | None, tmp_path: Path
) -> None:
    eventhouse, read = Asked(), []
    (tmp_path / "lock").touch()

    async def made(where: object, what: object) -> str:
        assert (where, what) == (eventhouse, "definitions")
        return "3 entities"

    place(
        monkeypatch, deploy, open_eventhouse=opening(eventhouse), deploy=made,
        definitions_of=lambda given: ("definitions", tmp_path / "lock") if given == files else None,
        breaches=lambda definitions, lock: (Breach("F_v1", False, BREACH),),
        load_registry=lambda database: read.append(database),
    )  # fmt: skip
    deploy.run_deploy(TARGET, files=files)
    assert read == (["definitions"] if files is None else [])
    assert said(capsys) == [TOLD, "Note: F_v1 is not locked; run `tickhouse lock`.", "Deployed 3 entities."]
    assert eventhouse.closed == 1


def test_a_deployment_that_breaks_a_contract_changes_nothing_and_without_a_lock_nothing_is_released(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def made(where: object, what: object) -> str:
        return "it"

    eventhouse = Asked()
    place(
        monkeypatch, deploy, open_eventhouse=opening(eventhouse), deploy=made,
        definitions_of=lambda _: ("definitions", tmp_path / "lock"), load_registry=lambda database: None,
        breaches=lambda definitions, lock: (Breach("F_v1", True, BREACH),),
    )  # fmt: skip
    deploy.run_deploy(TARGET, files=Path())
    assert said(capsys) == [TOLD, "Deployed it."]
    (tmp_path / "lock").touch()
    with pytest.raises(DefinitionError) as caught:
        deploy.run_deploy(TARGET, files=Path())
    assert caught.value is BREACH
    assert (said(capsys), eventhouse.closed) == ([], 1)


@pytest.mark.parametrize("mix", [False, True])
def test_a_load_needs_the_market_and_tells_of_each_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mix: bool
) -> None:
    received = datetime(2026, 1, 2, tzinfo=UTC)
    eventhouse = Asked(("price", 2))
    done: list[object] = []

    async def require_market(where: object) -> None:
        done.append("market")

    async def refuse_mixing(where: object, *, simulated: bool) -> None:
        done.append(simulated)

    async def load_file(store: object, request: Any, clock: object, show: Callable[..., None]) -> LoadReport:
        show(SimpleNamespace(done=1, total=2))
        done.append((request.path, request.kind, request.options))
        return LoadReport(5, 4, received_at=received, doubts=("1 row is odd",))

    place(
        monkeypatch, load, open_eventhouse=opening(eventhouse), require_market=require_market,
        refuse_mixing=refuse_mixing, load_file=load_file,
        time=SimpleNamespace(perf_counter=iter([1.0, 3.0, 5.0, 5.5]).__next__),
    )  # fmt: skip
    files, options = (Path("a.csv"), Path("b.csv")), FileOptions()
    for file in files:
        file.touch()
    load.run_load(files=files, kind="trades", options=options, target=TARGET, mix=mix)
    assert done == ["market", *([] if mix else [False]), *((file, "trades", options) for file in files)]
    assert said(capsys) == [
        TOLD,
        "a.csv: 2 new of 5 rows, rejected 2 (2 for price), in 2.0 s (2 rows/s)",
        "a.csv: 1 row is odd",
        "b.csv: 2 new of 5 rows, rejected 2 (2 for price), in 0.5 s (10 rows/s)",
        "b.csv: 1 row is odd",
    ]
    query = "declare query_parameters(received: datetime); RejectionsOf(received)"
    assert eventhouse.asked == [(query, {"received": received})] * 2
    assert eventhouse.closed == 1


def test_bars_are_not_asked_for_rejections(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def nothing(*_: object, **__: object) -> None: ...

    async def load_file(*_: object) -> LoadReport:
        return LoadReport(5, 4)

    eventhouse = Asked(("price", 2))
    place(
        monkeypatch, load, open_eventhouse=opening(eventhouse), require_market=nothing, refuse_mixing=nothing,
        load_file=load_file, time=SimpleNamespace(perf_counter=lambda: 1.0),
    )  # fmt: skip
    Path("a.csv").touch()
    load.run_load(files=(Path("a.csv"),), kind="daily", options=FileOptions(), target=TARGET, mix=False)
    assert (said(capsys), eventhouse.asked) == ([TOLD, "a.csv: 4 new of 5 rows in 0.0 s ()"], [])


@pytest.mark.parametrize(("speed", "expected"), [(2.0, 2.0), (0.0, float("inf"))])
def test_a_replay_goes_through_the_pipeline_at_its_speed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], speed: float, expected: float
) -> None:
    eventhouse = Asked()

    async def nothing(*_: object) -> None: ...

    class Pipeline:
        def __init__(self, source: Any, sink: object, clock: object, settings: object) -> None:
            assert (source.file, source.settings.speed, source.settings.options) == (Path("t.csv"), expected, options)

        async def run(self) -> SimpleNamespace:
            return SimpleNamespace(sent=1_234, batches=1_000)

    options = FileOptions()
    place(
        monkeypatch, replay, open_eventhouse=opening(eventhouse), require_market=nothing, Pipeline=Pipeline,
        ReplaySource=lambda file, clock, settings: SimpleNamespace(file=file, settings=settings),
    )  # fmt: skip
    Path("t.csv").touch()
    replay.run_replay(file=Path("t.csv"), speed=speed, options=options, target=TARGET)
    assert said(capsys) == [TOLD, "t.csv: 1,234 trades sent in 1,000 batches"]

    async def refused(*_: object) -> None:
        raise KustoError("no room", "Code")

    place(monkeypatch, replay, require_market=refused)
    with pytest.raises(CliError) as caught:
        replay.run_replay(file=Path("t.csv"), speed=speed, options=options, target=TARGET)
    assert caught.value.message == str(KustoError("no room", "Code"))
    assert eventhouse.closed == 2


@pytest.mark.parametrize("command", ["load", "replay"])
def test_a_file_that_is_not_there_is_named_before_anything_is_opened(command: str) -> None:
    missing, options = Path("missing.csv"), FileOptions()
    run = {
        "load": partial(load.run_load, files=(missing,), kind="daily", options=options, target=TARGET, mix=False),
        "replay": partial(replay.run_replay, file=missing, speed=1.0, options=options, target=TARGET),
    }
    with pytest.raises(CliError, match=r"missing\.csv"):
        run[command]()


@pytest.mark.parametrize("files", [None, Path("folder")])
def test_contracts_are_locked_or_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], files: Path | None
) -> None:
    loaded: list[tuple[object, ...]] = []

    def load_database(*folders: object) -> str:
        loaded.append(folders)
        return "database"

    place(
        monkeypatch, lock, load_database=load_database,
        LOCK_FILE=Path("of/kql.lock"), breaches=lambda *_: (),
        write_lock=lambda database, file, replace: [database, *replace],
    )  # fmt: skip
    file = Path("of/kql.lock") if files is None else Path("folder/kql.lock")
    found: tuple[object, object] = lock.definitions_of(files)
    assert found == ("database", file)
    lock.run_lock(files=files, check=False, replace=("F_v1",))
    place(monkeypatch, lock, write_lock=lambda *_, **__: [])
    lock.run_lock(files=files, check=False, replace=())
    lock.run_lock(files=files, check=True, replace=())
    assert loaded == [() if files is None else (files,)] * 4
    assert said(capsys) == [
        f"{file}: locked database, F_v1.",
        f"{file}: nothing to lock.",
        f"{file}: every released function keeps its contract.",
    ]
    other = DefinitionError("G_v1 is gone", Path("g.kql"))
    place(monkeypatch, lock, breaches=lambda *_: (Breach("F_v1", False, BREACH), Breach("G_v1", True, other)))
    with pytest.raises(CliError) as caught:
        lock.run_lock(files=files, check=True, replace=())
    assert caught.value.message == f"{BREACH}\nerror: {other}"


def test_a_data_folder_is_read_part_by_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (data / "spool").mkdir(parents=True)
    findings = [Finding("database", "4 tables", is_problem=False)]
    accepted: list[Path] = []

    def accept_loss(folder: Path) -> list[str]:
        accepted.append(folder)
        return ["gone"]

    place(
        monkeypatch, check_data, serving=lambda folder: None, SPOOL_FOLDER="spool", LOG_FOLDER="hubs",
        check_database=lambda folder: findings, check_hubs=lambda folder: [("t/0", "9 events", False)],
        unreadable_bytes=lambda folder: [], accept_loss=accept_loss,
    )  # fmt: skip
    fine = ["fine     database: 4 tables", "fine     hubs/t/0: 9 events"]
    check_data.run_check_data(TargetSettings(data=data), accept=False)
    assert (said(capsys), accepted) == (fine, [])
    check_data.run_check_data(TargetSettings(data=data), accept=True)
    assert (said(capsys), accepted) == (["gone", *fine], [data])

    (data / "backup.json").touch()
    place(
        monkeypatch, check_data, MANIFEST_FILE="backup.json", changed_files=lambda folder, backup: [],
        read_backup=lambda folder: SimpleNamespace(files=["a"] * 2000),
    )  # fmt: skip
    check_data.run_check_data(TargetSettings(data=data), accept=False)
    backup = "fine     backup.json: 2,000 files as backed up"
    assert said(capsys) == [backup, *fine]

    damaged = {
        "changed_files": (
            lambda folder, backup: ["a", "b"],
            ["damaged  backup.json: not what was backed up: a, b", *fine],
        ),
        "check_database": (
            lambda folder: [Finding("log", "torn", is_problem=True)],
            [backup, "damaged  log: torn", fine[1]],
        ),
        "unreadable_bytes": (
            lambda folder: [(folder / "one", 2_000)],
            [backup, *fine, "damaged  spool/one: 2,000 bytes cannot be read"],
        ),
    }
    for name, (stand_in, lines) in damaged.items():
        with monkeypatch.context() as patch:
            patch.setattr(check_data, name, stand_in)
            with pytest.raises(typer.Exit) as caught:
                check_data.run_check_data(TargetSettings(data=data), accept=False)
        assert (said(capsys), caught.value.exit_code) == (lines, 1)


@pytest.mark.parametrize(
    ("kept_in", "is_served", "message", "hint"),
    [
        (None, False, "that Eventhouse keeps its data in memory", "name a data folder with --data"),
        (Path("gone"), False, "there is no data folder 'gone'", "name one with --data"),
        (
            Path(),
            True,
            "data folder '.' is served at http://127.0.0.1:1",
            "end that process, or check a backup of it: `tickhouse backup`",
        ),
    ],
)
def test_what_cannot_be_checked(
    monkeypatch: pytest.MonkeyPatch, kept_in: Path | None, is_served: bool, message: str, hint: str
) -> None:
    served = Instance("http://127.0.0.1:1", "Market", Path()) if is_served else None
    place(
        monkeypatch,
        check_data,
        serving=lambda folder: served,
        find_target=lambda given: SimpleNamespace(folder=kept_in),
    )
    with pytest.raises(CliError) as caught:
        check_data.run_check_data(TargetSettings(), accept=False)
    assert (caught.value.message, caught.value.hint) == (message, hint)
