"""Where settings come from: flags, then environment (`TICKHOUSE_*`), then `tickhouse.toml`, then defaults.

The file's keys are the long option names without dashes in front (`data`, `port`, `eventhouse-port`). At the top
level they hold for every command that has the option; in a table named after a command (`[up]`) for that one.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError
from cli.names import nearest

SETTINGS_FILE = "tickhouse.toml"
EXCLUSIVE = frozenset({"data", "eventhouse"})


@dataclass(frozen=True, slots=True)
class Option:
    """One option of one command as the file may name it: its flag, and whether it is either on or off."""

    parameter: str
    flag: str
    is_switch: bool = False


def read_settings_file(path: Path, *, must_exist: bool = False) -> dict[str, object]:
    """Return the parsed file, or nothing when it does not exist and need not."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if must_exist:
            raise CliError(f"no settings file '{path}'", hint="see --config and TICKHOUSE_CONFIG") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"the settings file '{path}' cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise CliError(f"{path} is not valid TOML: {error}") from error


def default_map(
    settings: Mapping[str, object], commands: Mapping[str, tuple[Option, ...]], path: Path
) -> dict[str, dict[str, object]]:
    """Turn the file into Click's map of defaults: command → parameter → value.

    A key that no command knows is an error, so that a misspelt setting is not ignored.
    """
    known = {option.flag for options in commands.values() for option in options}
    tables = _tables(settings, commands, path)
    for key, value in settings.items():
        if not isinstance(value, dict) and key not in known:
            raise CliError(f"{_at(path, key)}: unknown setting '{key}'", hint=_hint(key, known, "settings"))
    common = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    result: dict[str, dict[str, object]] = {}
    for command, options in commands.items():
        own = tables.get(command, {})
        # A command's own Eventhouse stands in place of a common one, whichever of the two ways names it.
        replaced = EXCLUSIVE if EXCLUSIVE & own.keys() else frozenset()
        merged = {**{key: value for key, value in common.items() if key not in replaced}, **own}
        *groups, name = command.split(".")
        level: dict[str, object] = {}
        for group in groups:
            level = result.setdefault(group, {})
        given = [option for option in options if option.flag in merged]
        for option in given:
            keys = (*command.split("."), option.flag) if option.flag in own else (option.flag,)
            _check_value(merged[option.flag], option, path, keys)
        defaults = {option.parameter: merged[option.flag] for option in given}
        if groups:
            level[name] = defaults
        else:
            result[name] = defaults
    return result


def place_of(path: Path, commands: tuple[str, ...], flag: str) -> str:
    """Return where a value of the file stands: file, line, table and key."""
    table: object = read_settings_file(path)
    for command in commands:
        table = table.get(command) if isinstance(table, dict) else None
    if isinstance(table, dict) and flag in table:
        return f"{_at(path, *commands, flag)}: [{'.'.join(commands)}] {flag}"
    return f"{_at(path, flag)}: {flag}"


def _at(path: Path, *keys: str) -> str:
    """Return a file with the line of a table or key, where it has one."""
    from kql.toml_lines import TomlLines

    try:
        line = TomlLines(path.read_text(encoding="utf-8")).of(keys)
    except OSError:
        line = None
    return str(path) if line is None else f"{path}:{line}"


def _hint(name: str, names: Collection[str], noun: str) -> str:
    if near := nearest(name, names):
        return f"did you mean '{near}'?"
    return f"{noun} are named as `tickhouse -h` and `tickhouse <command> -h` show them"


def _tables(
    settings: Mapping[str, object], commands: Mapping[str, tuple[Option, ...]], path: Path, prefix: str = ""
) -> dict[str, dict[str, object]]:
    """Return the file's tables by command; `[producer.run]` is the table of a command in a group."""
    found: dict[str, dict[str, object]] = {}
    for key, value in settings.items():
        if not isinstance(value, dict):
            continue
        name = prefix + key
        if any(command.startswith(f"{name}.") for command in commands):
            if loose := [each for each, inner in value.items() if not isinstance(inner, dict)]:
                place = _at(path, *name.split("."), loose[0])
                raise CliError(f"{place}: [{name}] has no setting '{loose[0]}'", hint=f"write [{name}.<command>]")
            found |= _tables(value, commands, path, f"{name}.")
        else:
            _check_table(name, value, commands, path)
            found[name] = value
    return found


def _check_table(
    name: str, table: Mapping[str, object], commands: Mapping[str, tuple[Option, ...]], path: Path
) -> None:
    if name not in commands:
        hint = _hint(name, commands, "commands")
        raise CliError(f"{_at(path, *name.split('.'))}: unknown command [{name}]", hint=hint)
    flags = {option.flag for option in commands[name]}
    for key in table:
        if key not in flags:
            place = _at(path, *name.split("."), key)
            raise CliError(f"{place}: [{name}] has no setting '{key}'", hint=_hint(key, flags, "settings"))


def _check_value(value: object, option: Option, path: Path, keys: tuple[str, ...]) -> None:
    # The parser would make a number or a text of it.
    if isinstance(value, bool) and not option.is_switch:
        raise CliError(f"{_at(path, *keys)}: '{option.flag}' cannot be {str(value).lower()}", hint="write a value")
    if option.is_switch and not isinstance(value, bool):
        raise CliError(f"{_at(path, *keys)}: '{option.flag}' is true or false", hint=f"write {option.flag} = true")
    if isinstance(value, str) and "\0" in value:
        raise CliError(f"{_at(path, *keys)}: '{option.flag}' holds a null character")
