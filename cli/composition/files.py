"""Files that a command is given."""

from pathlib import Path

from cli.errors import CliError


def require_files(files: tuple[Path, ...]) -> None:
    """Refuse files that do not exist before anything is opened."""
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise CliError(f"no such file: {', '.join(missing)}")
