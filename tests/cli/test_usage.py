"""What a command line, a variable or the settings file got wrong: one form, and the place where it stands."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli.commands import lock
from cli.errors import CliError
from cli.main import app, fail
from cli.usage import warn_of_variables

RUN = CliRunner()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("up --port abc", "--port: 'abc' is not a whole number", "see `tickhouse up -h`"),
        ("replay a.csv --speed x", "--speed: 'x' is not a number", "see `tickhouse replay -h`"),
        ("up --via x", "--via: 'x' is not one of direct, eventhubs", "see `tickhouse up -h`"),
        ("up --port", "option '--port' requires an argument", "see `tickhouse -h`"),
        ("up --mix=3", "option '--mix' does not take a value", "see `tickhouse -h`"),
        ("up --prot 1", "no option '--prot'", "did you mean '--port'?"),
        ("up --zzzzzzz", "no option '--zzzzzzz'", "see `tickhouse up -h`"),
        ("--confg x up", "no option '--confg'", "did you mean '--config'?"),
        (
            "query --config x",
            "no option '--config'",
            "--config stands before the command: `tickhouse --config … query`",
        ),
        (
            "producer run --config x",
            "no option '--config'",
            "--config stands before the command: `tickhouse --config … producer run`",
        ),
        ("upp", "no command 'upp'", "did you mean 'up'?"),
        ("zzzzzz", "no command 'zzzzzz'", "see `tickhouse -h`"),
        ("producer rnu", "no command 'rnu'", "did you mean 'run'?"),
        ("load", "FILE is missing", "see `tickhouse load -h`"),
        ("backfill", "--from is missing", "see `tickhouse backfill -h`"),
        ("query print 1 2", "too many arguments: 1 2", "see `tickhouse query -h`"),
    ],
)
def test_a_command_line_that_is_wrong(line: str, message: str, hint: str) -> None:
    result = RUN.invoke(app, line.split())
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"error: {message}\nhint: {hint}\n")


def test_a_variable_that_is_wrong_is_named() -> None:
    result = RUN.invoke(app, ["up"], env={"TICKHOUSE_PORT": "99999"})
    message = "error: TICKHOUSE_PORT: '99999' is not from 0 to 65535\nhint: see `tickhouse up -h`\n"
    assert (result.exit_code, result.output) == (2, message)


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        ("up", '# c\n[up]\nport = "abc"\n', "tickhouse.toml:3: [up] port: 'abc' is not a whole number"),
        ("up", "\nport = 99999\n[deploy]\n", "tickhouse.toml:2: port: 99999 is not from 0 to 65535"),
        ("up", "data = 5\n", "tickhouse.toml:1: data: 5 is not a path"),
        ("deploy", '"data" = ["a"]\n', "tickhouse.toml:1: data: ['a'] is not a path"),
        (
            "producer run",
            "[producer.run]\nbatch-age = 90\n",
            "tickhouse.toml:2: [producer.run] batch-age: 90 is not from 0.0 to 60.0",
        ),
    ],
)
def test_a_value_of_the_settings_file_is_named_by_its_place(line: str, text: str, message: str) -> None:
    Path("tickhouse.toml").write_text(text)
    result = RUN.invoke(app, line.split())
    assert (result.exit_code, result.output) == (2, f"error: {message}\nhint: see `tickhouse {line} -h`\n")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\nprot = 1\n", "tickhouse.toml:2: unknown setting 'prot'", "did you mean 'port'?"),
        ("\n[up]\nprot = 1\n", "tickhouse.toml:3: [up] has no setting 'prot'", "did you mean 'port'?"),
        ("\n[upp]\nport = 1\n", "tickhouse.toml:2: unknown command [upp]", "did you mean 'up'?"),
        (
            "[producer.rnu]\n",
            "tickhouse.toml:1: unknown command [producer.rnu]",
            "did you mean 'producer.run'?",
        ),
        (
            "zzzzzzz = 1\n",
            "tickhouse.toml:1: unknown setting 'zzzzzzz'",
            "settings are named as `tickhouse -h` and `tickhouse <command> -h` show them",
        ),
        (
            "[producer]\nmix = true\n",
            "tickhouse.toml:2: [producer] has no setting 'mix'",
            "write [producer.<command>]",
        ),
        ("\nport = true\n", "tickhouse.toml:2: 'port' cannot be true", "write a value"),
        ("[up]\nmix = 1\n", "tickhouse.toml:2: 'mix' is true or false", "write mix = true"),
    ],
)
def test_a_name_of_the_settings_file_that_nobody_knows(text: str, message: str, hint: str) -> None:
    Path("tickhouse.toml").write_text(text)
    fault = RUN.invoke(app, ["up"]).exception
    assert isinstance(fault, CliError)
    assert (fault.message, fault.hint) == (message, hint)


def test_a_variable_that_looks_like_one_is_told_and_others_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    others = {"SHARED": "a", "KQLCHECK": "1", "OFFLINE": "1", "KEY_VAULT": "v", "FINNHUB_KEY": "k", "PORT": "1"}
    environment = {f"TICKHOUSE_{name}": value for name, value in others.items()}
    warn_of_variables(["TICKHOUSE_PORT"], environment)
    assert capsys.readouterr() == ("", "")
    warn_of_variables(["TICKHOUSE_PORT"], {**environment, "TICKHOUSE_PROT": "1", "TICKHOUSE_FINHUB_KEY": "k"})
    assert capsys.readouterr() == (
        "",
        "warning: nothing reads TICKHOUSE_FINHUB_KEY; did you mean TICKHOUSE_FINNHUB_KEY?\n"
        "warning: nothing reads TICKHOUSE_PROT; did you mean TICKHOUSE_PORT?\n",
    )


def test_the_tool_warns_of_the_variables_of_any_command() -> None:
    result = RUN.invoke(app, ["lock", "--zzzzzzz"], env={"TICKHOUSE_EVENTHOUSE_PROT": "1"})
    assert result.stderr == (
        "warning: nothing reads TICKHOUSE_EVENTHOUSE_PROT; did you mean TICKHOUSE_EVENTHOUSE_PORT?\n"
        "error: no option '--zzzzzzz'\nhint: see `tickhouse lock -h`\n"
    )


def test_each_contract_that_is_not_kept_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lock, "definitions_of", lambda _files: (None, Path("kql.lock")))
    found = [SimpleNamespace(error="a.kql:1: one\nhint: x"), SimpleNamespace(error="b.kql:1: two")]
    monkeypatch.setattr(lock, "breaches", lambda _database, _lock: found)
    with pytest.raises(CliError) as caught:
        lock.run_lock(files=None, check=True, replace=())
    with pytest.raises(SystemExit) as ended:
        fail(caught.value.message, caught.value.hint)
    said = "error: a.kql:1: one\nhint: x\nerror: b.kql:1: two\n"
    assert (ended.value.code, capsys.readouterr()) == (1, ("", said))
