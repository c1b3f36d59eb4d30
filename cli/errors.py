"""The one error a command ends with: printed without a traceback, exit code 1."""


class CliError(Exception):
    """A message for the user, with an optional hint."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
