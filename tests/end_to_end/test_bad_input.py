"""What a user may get wrong, from the command line: a clear message, exit code 1, and nothing half-done."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kql.loader import DATABASE_FOLDER
from tests.companies import UNKNOWN
from tests.end_to_end.platform import Platform, free_port, running, tickhouse

HEADER = "symbol,date,open,high,low,close,volume\n"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("bad") / "data", "--source", "none") as platform:
        yield platform


@pytest.mark.parametrize(
    ("path", "parameters", "status", "words"),
    [
        (f"/v1/prices/{UNKNOWN}/latest", {}, 404, (UNKNOWN, "NVDA")),
        ("/v1/analytics/AAPL/rolling-average", {"window": "0"}, 422, ("window", "1000")),
        ("/v1/analytics/AAPL/rolling-average", {"kind": "hull"}, 422, ("kind", "wma")),
        ("/v1/analytics/AAPL/volatility", {"estimator": "best"}, 422, ("estimator", "yang_zhang")),
        ("/v1/prices/AAPL/history", {"from": "2024-01-02", "to": "2024-01-01"}, 422, ("from", "to")),
        ("/v1/prices/AAPL/history", {"from": "yesterday"}, 422, ("from", "yesterday")),
        ("/v1/prices/AAPL/history", {"interval": "2m"}, 422, ("interval", "15m")),
        ("/v1/prices/AAPL/history", {"intervall": "1m"}, 422, ("intervall", "did you mean")),
        ("/v1/nothing", {}, 404, ("/v1/nothing",)),
    ],
)
def test_a_bad_request_is_a_problem_document_that_names_the_fault(
    platform: Platform, path: str, parameters: dict[str, str], status: int, words: tuple[str, ...]
) -> None:
    answer = platform.get(path, **parameters)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == status
    for word in words:
        assert word in answer.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("torn.parquet", b"PAR1 this is no Parquet", ("torn.parquet",)),
        ("empty.csv", b"", ("empty.csv",)),
        ("columns.csv", b"symbol,date,open\nAAPL,2024-01-02,1\n", ("columns.csv", "high")),
        ("number.csv", f"{HEADER}AAPL,2024-01-02,1,2,1,1,5\nAAPL,2024-01-03,1,x,1,1,5\n".encode(), ("high", "row 2")),
        ("date.csv", f"{HEADER}AAPL,someday,1,2,1,1,5\n".encode(), ("date", "row 1")),
        ("range.csv", f"{HEADER}AAPL,2024-01-02,1,2,3,1,5\n".encode(), ("row 1", "low")),
    ],
)
def test_a_faulty_file_is_refused_whole(
    platform: Platform, tmp_path: Path, name: str, content: bytes, words: tuple[str, ...]
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    before = platform.rows("DailyBars | count")
    result = tickhouse("load", str(file), "--as", "daily", "--data", str(platform.data))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr.lower()
    assert platform.rows("DailyBars | count") == before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    result = tickhouse("load", str(tmp_path / "none.csv"), "--as", "daily", "--data", str(tmp_path / "data"))
    assert result.returncode == 1
    assert "none.csv" in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_syntax_error_in_a_kql_file_is_shown_at_its_place_and_nothing_is_deployed(tmp_path: Path) -> None:
    files = tmp_path / "database"
    shutil.copytree(DATABASE_FOLDER, files)
    broken = files / "functions" / "Companies_v1.kql"
    broken.write_text(broken.read_text().replace("| sort by Symbol asc", "| sort Symbol asc"))
    data = tmp_path / "data"
    result = tickhouse("deploy", "--files", str(files), "--data", str(data))
    line = broken.read_text().splitlines().index("    | sort Symbol asc") + 1
    assert result.returncode == 1
    assert f"Companies_v1.kql:{line}" in result.stderr
    assert "Traceback" not in result.stderr
    tables = tickhouse("query", ".show tables | count", "--data", str(data), "--format", "csv")
    assert tables.returncode == 1 or tables.stdout.split() == ["Count", "0"]


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        data = tmp_path / "data"
        for arguments in (
            ("up", "--port", port, "--eventhouse-port", str(free_port()), "--data", str(data)),
            ("up", "--port", str(free_port()), "--eventhouse-port", port, "--data", str(data)),
            ("emulator", "--port", port, "--data", str(data)),
        ):
            result = tickhouse(*arguments, timeout=60)
            assert result.returncode == 1
            assert port in result.stderr
            assert "in use" in result.stderr
            assert not data.exists()


def test_a_data_folder_in_use_is_named_with_its_owner(platform: Platform) -> None:
    ports = ("--port", str(free_port()), "--eventhouse-port", str(free_port()))
    result = tickhouse("up", "--source", "none", "--data", str(platform.data), *ports, timeout=60)
    assert result.returncode == 1
    assert str(platform.data) in result.stderr.replace("\n", "")
    emulator = tickhouse("emulator", "--port", str(free_port()), "--data", str(platform.data), timeout=60)
    assert emulator.returncode == 1
    assert str(platform.process.pid) in emulator.stderr
    assert platform.get("/readyz").status_code == 200


def test_the_public_network_needs_a_key(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - what must be refused
    result = tickhouse("up", "--host", everywhere, "--port", str(free_port()), "--data", str(tmp_path / "data"))
    assert result.returncode == 1
    assert "--api-key" in result.stderr


def test_real_prices_do_not_mix_with_simulated_ones(tmp_path: Path) -> None:
    data = tmp_path / "data"
    rows = tmp_path / "daily.csv"
    rows.write_text(f"{HEADER}AAPL,2024-01-02,1,2,1,1.5,5\n")
    assert tickhouse("load", str(rows), "--as", "daily", "--data", str(data)).returncode == 0
    ports = ("--port", str(free_port()), "--eventhouse-port", str(free_port()))
    result = tickhouse("up", "--source", "simulated", "--data", str(data), *ports, timeout=60)
    assert result.returncode == 1
    assert "real prices" in result.stderr.replace("\n", " ")


def test_offline_keeps_yahoo_and_clusters_out_of_reach(tmp_path: Path) -> None:
    ports = ("--port", str(free_port()), "--eventhouse-port", str(free_port()))
    result = tickhouse("up", "--source", "yahoo", "--data", str(tmp_path / "data"), *ports, timeout=60)
    assert result.returncode == 1
    assert "TICKHOUSE_OFFLINE" in result.stderr
    result = tickhouse("deploy", "--eventhouse", "https://example.kusto.windows.net")
    assert result.returncode == 1
    assert "TICKHOUSE_OFFLINE" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "nonsense = 1\n",
            ("error: tickhouse.toml:1: unknown setting 'nonsense'\nhint: settings are named as",),
        ),
        ("[up]\nspeed = 1\n", ("[up]", "speed")),
        ("[upp]\n", ("[upp]",)),
        ("port = \n", ("tickhouse.toml",)),
    ],
)
def test_a_mistake_in_the_settings_file_is_named(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "tickhouse.toml").write_text(text)
    result = tickhouse("query", "print 1", cwd=tmp_path)
    assert result.returncode == 1
    for word in words:
        assert word in result.stderr
