"""How a command's arguments stand in its help: `FILE...`, as in the usage line of any tool, without braces or types."""

from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand


class Argument(TyperArgument):
    """An argument that is shown by its name alone."""

    def get_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # the parser's own context
        """Return the argument as the usage line shows it."""
        del ctx
        return [self._shown if self.required else f"[{self._shown}]"]

    def get_help_record(self, ctx: typer.Context) -> tuple[str, str] | None:  # type: ignore[override]  # as above
        """Return the argument's name and its help."""
        record = super().get_help_record(ctx)
        return record and (self._shown, record[1])

    @property
    def _shown(self) -> str:
        return f"{self.display_name_raw}{'' if self.nargs == 1 else '...'}"


class Command(TyperCommand):
    """A command with such arguments."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - handed through to the parser as they are
        super().__init__(*args, **options)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                # The parser makes them, and has no place to say of which class.
                parameter.__class__ = Argument
