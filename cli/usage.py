"""What a command line, a variable or the settings file got wrong, in one form: `error: …`, `hint: …`, exit code 2."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer._click.exceptions import MissingParameter, NoArgsIsHelpError, NoSuchOption, UsageError
from typer.core import TyperGroup

from cli.names import nearest
from cli.settings.file import place_of

# Read beside those of options and of providers.
_OF_NO_OPTION = {"TICKHOUSE_OFFLINE", "TICKHOUSE_KEY_VAULT", "TICKHOUSE_EVENTHUBS_CONNECTION"}
PREFIX = "TICKHOUSE_"
# As near as one letter too many, too few or in the place of another is to a word of four; farther ones are others'.
_NEAR = 0.7
# The parser's words, by which alone these faults are told apart.
_TOO_MANY = "Got unexpected extra argument(s)"
_NO_COMMAND = "No such command '"


class Tool(TyperGroup):
    """The group of all commands; what is wrong with a command line ends it."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - handed through
    ) -> Any:  # noqa: ANN401 - as above
        """Run a command line and end the process, as the parser does, but for its words."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except NoArgsIsHelpError as error:
            typer.echo(error.format_message(), err=True)
            sys.exit(error.exit_code)
        except UsageError as error:
            end(*_words(error), error.exit_code)
        except typer.Abort:
            end("ended before it was done", "", 1)
        sys.exit(code if isinstance(code, int) else 0)


def end(message: str, hint: str, code: int) -> NoReturn:
    """Print an error and end the process."""
    typer.secho(f"error: {message}", err=True, fg=typer.colors.RED)
    if hint:
        typer.echo(f"hint: {hint}", err=True)
    sys.exit(code)


def warn_of_variables(known: Iterable[str], environment: Mapping[str, str] = os.environ) -> None:
    """Tell of variables that look like one that is read, and are none."""
    known = set(known)
    others = [name for name in environment if name.startswith(PREFIX) and name not in known]
    if not others:
        return
    # Only now, for they take a while to load.
    from producer.settings import ProviderKeys, ProviderUrls, variable_of

    known |= {variable_of(field.name) for kind in (ProviderKeys, ProviderUrls) for field in fields(kind)}
    known |= _OF_NO_OPTION
    for name in sorted(set(others) - known):
        near = nearest(name.removeprefix(PREFIX), (each.removeprefix(PREFIX) for each in known), _NEAR)
        if near:
            typer.echo(f"warning: nothing reads {name}; did you mean {PREFIX}{near}?", err=True)


def _words(error: UsageError) -> tuple[str, str]:
    """Return what is wrong, and a hint."""
    context = error.ctx
    help_ = f"see `{context.command_path} -h`" if context is not None else "see `tickhouse -h`"
    if isinstance(error, NoSuchOption):
        return f"no option '{error.option_name}'", _option_hint(error, help_)
    if isinstance(error, MissingParameter):
        return f"{_name(error)} is missing", help_
    if isinstance(error, typer.BadParameter):
        return f"{_place(error)}: {_fault(error)}", help_
    if error.message.startswith(_NO_COMMAND) and context is not None:
        name = error.message.removeprefix(_NO_COMMAND).partition("'")[0]
        near = nearest(name, getattr(context.command, "commands", {}))
        return f"no command '{name}'", f"did you mean '{near}'?" if near else help_
    if error.message.startswith(_TOO_MANY):
        return f"too many arguments: {error.message.removeprefix(_TOO_MANY).strip('( )')}", help_
    message = error.message.rstrip(".")
    return message[:1].lower() + message[1:], help_


def _option_hint(error: NoSuchOption, help_: str) -> str:
    context = error.ctx
    if context is None:
        return help_
    root = context.find_root()
    if context is not root and any(error.option_name in parameter.opts for parameter in root.command.params):
        line = f"{root.command_path} {error.option_name} … {_after(context)}"
        return f"{error.option_name} stands before the command: `{line}`"
    near = nearest(error.option_name, (flag for parameter in context.command.params for flag in parameter.opts))
    return f"did you mean '{near}'?" if near else help_


def _name(error: typer.BadParameter) -> str:
    parameter = error.param
    if parameter is None:
        return "a value"
    return next((flag for flag in parameter.opts if flag.startswith("--")), parameter.display_name_raw)


def _place(error: typer.BadParameter) -> str:
    """Return where a value came from: a flag, a variable, or a line of the settings file."""
    name, parameter, context = _name(error), error.param, error.ctx
    if parameter is None or context is None:
        return name
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "ENVIRONMENT":
        return str(parameter.envvar)
    if source is not None and source.name == "DEFAULT_MAP":
        commands = tuple(_after(context).split())
        return place_of(Path(context.find_root().params["config"]), commands, name.removeprefix("--"))
    return name


def _depth(context: Any) -> int:  # noqa: ANN401 - the parser's own
    return 0 if context.parent is None else 1 + _depth(context.parent)


def _after(context: Any) -> str:  # noqa: ANN401 - as above
    return " ".join(context.command_path.split()[-_depth(context) :])


def _fault(error: typer.BadParameter) -> str:
    """Return what is wrong with a value, by the type that the parameter has."""
    read = getattr(error.__cause__, "errors", None)
    if read is None or error.param is None:
        return error.message.rstrip(".")
    fault = read()[0]
    value, type_ = fault["input"], error.param.type_descriptor
    shown = f"'{value}'" if isinstance(value, str) else str(value)
    if type_.is_choice:
        return f"{shown} is not one of {', '.join(str(each.value) for each in type_.choices or ())}"
    if fault["type"] in ("greater_than_equal", "less_than_equal"):
        least, most = type_.parameter_info.min, type_.parameter_info.max
        return f"{shown} is not {f'from {least} to {most}' if most is not None else f'{least} or more'}"
    if type_.is_datetime:
        return f"{shown} is not a date, written {error.param.metavar}"
    if type_.is_path or fault["type"].startswith("path"):
        return f"{shown} is not a path"
    if fault["type"].startswith("int"):
        return f"{shown} is not a whole number"
    if fault["type"].startswith("float"):
        return f"{shown} is not a number"
    if fault["type"].startswith("bool"):
        return f"{shown} is not true or false"
    return f"{shown} is not {'text' if fault['type'].startswith('string') else 'a value that it takes'}"
