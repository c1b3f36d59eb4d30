"""Flags, then environment, then `tickhouse.toml`, then defaults."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.errors import CliError
from cli.main import app
from cli.settings.file import Option, default_map, read_settings_file
from cli.settings.network import is_offline, require_reachable
from emulator.loopback import is_loopback_url
from tests.end_to_end.platform import tickhouse

COMMANDS = {
    "up": (Option("data", "data"), Option("eventhouse_port", "eventhouse-port")),
    "query": (Option("data", "data"),),
}
FILE = Path("tickhouse.toml")


def test_a_table_of_a_command_wins_over_the_top_level() -> None:
    settings = {"data": "all", "up": {"data": "mine", "eventhouse-port": 1}}
    assert default_map(settings, COMMANDS, FILE) == {
        "up": {"data": "mine", "eventhouse_port": 1},
        "query": {"data": "all"},
    }


@pytest.mark.parametrize("settings", [{"dat": "x"}, {"uq": {}}, {"query": {"eventhouse-port": 1}}])
def test_what_nobody_knows_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(CliError):
        default_map(settings, COMMANDS, FILE)


def test_the_eventhouse_of_a_command_stands_in_place_of_a_common_one() -> None:
    commands = {name: (Option("data", "data"), Option("url", "eventhouse")) for name in ("deploy", "query")}
    settings = {"eventhouse": "http://common", "query": {"data": "mine"}}
    assert default_map(settings, commands, FILE) == {"deploy": {"url": "http://common"}, "query": {"data": "mine"}}


def test_a_missing_file_holds_no_settings(tmp_path: Path) -> None:
    assert read_settings_file(tmp_path / "tickhouse.toml") == {}


@pytest.mark.slow
def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "text.toml").write_bytes(b"data = '\xff'")
    for name, message in (
        ("prdo.toml", "error: no settings file 'prdo.toml'\nhint: see --config and TICKHOUSE_CONFIG\n"),
        (".", "error: the settings file '.' cannot be read: [Errno 21] Is a directory: '.'\n"),
        (
            "text.toml",
            "error: the settings file 'text.toml' cannot be read: 'utf-8' codec can't decode byte 0xff in position 8:"
            " invalid start byte\n",
        ),
    ):
        result = tickhouse("--config", name, "deploy", cwd=tmp_path)
        assert (result.returncode, result.stdout, result.stderr) == (1, "", message)
    assert [path.name for path in tmp_path.iterdir()] == ["text.toml"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://127.9.0.1", True),
        ("https://x.kusto.windows.net", False),
        ("http://10.0.0.1", False),
        ("http://127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_network(url: str, expected: bool) -> None:
    assert is_loopback_url(url) is expected


def test_offline_is_off_for_the_words_that_mean_no() -> None:
    assert [is_offline({"TICKHOUSE_OFFLINE": word}) for word in ("", "0", "false", "1", "yes")] == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_an_address_beyond_loopback_is_refused_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKHOUSE_OFFLINE", "1")
    assert require_reachable("http://127.0.0.1:8080") == "http://127.0.0.1:8080"
    with pytest.raises(CliError, match="TICKHOUSE_OFFLINE"):
        require_reachable("https://x.kusto.windows.net")
    with pytest.raises(CliError, match="not an Eventhouse URL"):
        require_reachable("x.kusto.windows.net")


@pytest.mark.slow
def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tickhouse.toml").write_text('data = "from-file"\n')

    def folder_asked_for(*arguments: str) -> str:
        return tickhouse("query", "print 1", *arguments, cwd=tmp_path).stderr

    assert "from-file" in folder_asked_for()
    monkeypatch.setattr("tests.end_to_end.platform.offline_environment", with_data("from-environment"))
    assert "from-environment" in folder_asked_for()
    assert "from-flag" in folder_asked_for("--data", "from-flag")


def with_data(folder: str) -> object:
    from tests.end_to_end.platform import offline_environment

    environment = {**offline_environment(), "TICKHOUSE_DATA": folder}
    return lambda: environment


@pytest.mark.parametrize(
    "settings",
    [{"eventhouse-port": True}, {"data": False}, {"up": {"eventhouse-port": True}}, {"mix": 1}, {"mix": "yes"}],
)
def test_a_switch_is_not_taken_for_a_value_nor_a_value_for_a_switch(settings: dict[str, object]) -> None:
    commands = {"up": (*COMMANDS["up"], Option("mix", "mix", is_switch=True))}
    with pytest.raises(CliError, match=r"cannot be true|cannot be false|is true or false"):
        default_map(settings, commands, FILE)
    assert default_map({"mix": True}, commands, FILE) == {"up": {"mix": True}}


def test_no_value_holds_a_null_character() -> None:
    with pytest.raises(CliError, match="'data' holds a null character"):
        default_map({"data": "a\0b"}, COMMANDS, FILE)


REFUSED = {
    "inf": "inf is not a finite number",
    "nan": "'nan' is not 0.1 or more",
    "-inf": "'-inf' is not 0.1 or more",
}


@pytest.mark.parametrize("value", REFUSED)
def test_a_rate_is_a_finite_number(value: str) -> None:
    result = CliRunner().invoke(app, ["up", "--source", "none"], env={"TICKHOUSE_TRADES_PER_SECOND": value})
    message = f"error: TICKHOUSE_TRADES_PER_SECOND: {REFUSED[value]}\nhint: see `tickhouse up -h`\n"
    assert (result.exit_code, result.output) == (2, message)


@pytest.mark.parametrize("harm", ["a folder", "a loop", "not UTF-8", "not there"])
def test_a_settings_file_that_cannot_be_read_is_one_line(tmp_path: Path, harm: str) -> None:
    file = tmp_path / "tickhouse.toml"
    match harm:
        case "a folder":
            file.mkdir()
        case "a loop":
            file.symlink_to(file)
        case "not UTF-8":
            file.write_bytes(b'port = "\xff"')
    with pytest.raises(CliError, match=str(file)):
        read_settings_file(file, must_exist=True)
