"""Who a server lets in, as flags, environment and settings file say."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.errors import CliError
from cli.main import app
from cli.settings.access import Access, access

RUN = CliRunner()
KEY = "clé 🔑"
# What runs each command, its flag for the key, and where it gets what was said.
SERVERS: dict[str, tuple[str, str, Callable[..., Access]]] = {
    "api": ("cli.commands.api.run_api", "api-key", lambda _target, **given: given["access"]),
    "up": ("cli.commands.up.run_up", "api-key", lambda settings: settings.access),
    "emulator": ("cli.commands.emulator.run_emulator", "token", lambda **given: given["access"]),
}
CLIENT: tuple[str, str, Callable[..., Access]] = (
    "cli.commands.data_connection.run_data_connection",
    "token",
    lambda settings: Access(settings.token),
)
ALL = {**SERVERS, "data-connection run": CLIENT}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text(f"{KEY}\n", encoding="utf-8")
    return tmp_path


def told(monkeypatch: pytest.MonkeyPatch, command: str, *flags: str, **environment: str) -> Access | CliError:
    """Return what a command would let in, or the error it ends with."""
    run, _, given = ALL[command]
    found: list[Access] = []
    monkeypatch.setattr(run, lambda *said, **named: found.append(given(*said, **named)))
    result = RUN.invoke(app, [*command.split(), *flags], env=environment)
    if isinstance(result.exception, CliError):
        assert found == []
        return result.exception
    assert result.exit_code == 0, result.output
    return found[0]


@pytest.mark.slow
@pytest.mark.parametrize("command", ALL)
def test_a_key_comes_from_a_file_by_flag_environment_or_settings(
    monkeypatch: pytest.MonkeyPatch, folder: Path, command: str
) -> None:
    flag = ALL[command][1]
    variable = f"TICKHOUSE_{flag.upper().replace('-', '_')}"
    with_key = Access(KEY)
    assert told(monkeypatch, command) == Access()
    assert told(monkeypatch, command, f"--{flag}-file", "key") == with_key
    assert told(monkeypatch, command, **{f"{variable}_FILE": "key"}) == with_key
    # The nearer one wins; two that are equally near are refused.
    assert told(monkeypatch, command, f"--{flag}-file", "key", **{variable: "other"}) == with_key
    assert told(monkeypatch, command, f"--{flag}", "other", **{f"{variable}_FILE": "key"}) == Access("other")
    both = told(monkeypatch, command, f"--{flag}-file", "key", f"--{flag}", "other")
    assert isinstance(both, CliError)
    assert (both.message, both.hint) == (f"--{flag} and --{flag}-file exclude each other", "give one of the two")
    (folder / "tickhouse.toml").write_text(f'{flag}-file = "key"\n')
    assert told(monkeypatch, command) == with_key
    assert told(monkeypatch, command, **{variable: "other"}) == Access("other")


@pytest.mark.parametrize("command", ALL)
def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    flag = ALL[command][1]
    fault = told(monkeypatch, command, f"--{flag}-file", "none")
    assert isinstance(fault, CliError)
    assert (fault.message, fault.hint) == (
        "the key file 'none' cannot be read: No such file or directory",
        f"see --{flag}-file",
    )


@pytest.mark.parametrize("command", SERVERS)
def test_hosts_and_origins_are_lists(monkeypatch: pytest.MonkeyPatch, folder: Path, command: str) -> None:
    both = Access(None, ("prices.example", "b.example"), ("https://dash.example", "http://b.example:3000"))
    hosts, origins = ",".join(both.hosts), ", ".join(both.origins)
    assert told(monkeypatch, command, "--allowed-hosts", hosts, "--allowed-origins", origins) == both
    environment = {"TICKHOUSE_ALLOWED_HOSTS": hosts, "TICKHOUSE_ALLOWED_ORIGINS": origins}
    assert told(monkeypatch, command, **environment) == both
    (folder / "tickhouse.toml").write_text(f'[{command}]\nallowed-hosts = "{hosts}"\nallowed-origins = "{origins}"\n')
    assert told(monkeypatch, command) == both


@pytest.mark.parametrize(
    ("hosts", "origins", "message"),
    [
        ("https://prices.example", "", "'https://prices.example' is no host: "),
        ("prices.example:8000", "", "'prices.example:8000' is no host: "),
        ("prices.example,*", "", "'*' is no host: "),
        ("a b", "", "'a b' is no host: "),
        ("", "dash.example", "'dash.example' is no origin: "),
        ("", "https://dash.example/page", "'https://dash.example/page' is no origin: "),
        ("", "https://*.example", "'https://*.example' is no origin: "),
        ("", "*", "'*' is no origin: "),
        ("", "https://a.example,null", "'null' is no origin: "),
    ],
)
def test_what_no_header_can_be_is_refused(hosts: str, origins: str, message: str) -> None:
    form = (
        "write a name such as prices.example, without scheme, port and path"
        if hosts
        else "write scheme and host such as https://dash.example, with a port where it has one"
    )
    with pytest.raises(CliError) as caught:
        access(None, hosts, origins)
    assert (caught.value.message, caught.value.hint) == (message + form, "see --allowed-hosts and --allowed-origins")


def test_addresses_and_ports_of_origins_are_taken() -> None:
    assert access("k", "[::1],10.0.0.7, näme.example,", "http://[::1]:3000,app://local,https://a.example/") == Access(
        "k", ("[::1]", "10.0.0.7", "näme.example"), ("http://[::1]:3000", "app://local", "https://a.example/")
    )
