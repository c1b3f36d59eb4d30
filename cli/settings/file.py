"""Where settings come from: flags, then environment (`TICKHOUSE_*`), then `tickhouse.toml`, then defaults.

The file's keys are the long option names without dashes in front (`data`, `port`, `eventhouse-port`). At the top
level they hold for every command that has the option; in a table named after a command (`[up]`) for that one.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError

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
            raise CliError(f"{path}: unknown setting '{key}'", hint=f"known settings: {', '.join(sorted(known))}")
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
            _check_value(merged[option.flag], option, path)
        defaults = {option.parameter: merged[option.flag] for option in given}
        if groups:
            level[name] = defaults
        else:
            result[name] = defaults
    return result


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
                raise CliError(f"{path}: [{name}] has no setting '{loose[0]}'", hint=f"write [{name}.<command>]")
            found |= _tables(value, commands, path, f"{name}.")
        else:
            _check_table(name, value, commands, path)
            found[name] = value
    return found


def _check_table(
    name: str, table: Mapping[str, object], commands: Mapping[str, tuple[Option, ...]], path: Path
) -> None:
    if name not in commands:
        raise CliError(f"{path}: unknown command [{name}]", hint=f"commands: {', '.join(sorted(commands))}")
    flags = {option.flag for option in commands[name]}
    for key in table:
        if key not in flags:
            raise CliError(
                f"{path}: [{name}] has no setting '{key}'", hint=f"known settings: {', '.join(sorted(flags))}"
            )


def _check_value(value: object, option: Option, path: Path) -> None:
    # The parser would make a number or a text of it.
    if isinstance(value, bool) and not option.is_switch:
        raise CliError(f"{path}: '{option.flag}' cannot be {str(value).lower()}", hint="write a value")
    if option.is_switch and not isinstance(value, bool):
        raise CliError(f"{path}: '{option.flag}' is true or false", hint=f"write {option.flag} = true")
    if isinstance(value, str) and "\0" in value:
        raise CliError(f"{path}: '{option.flag}' holds a null character")
