"""The text of a file that people write: UTF-8, with or without a byte order mark."""

from pathlib import Path

from kql.errors import DefinitionError


def read_text(file: Path) -> str:
    """Return the text of a file; one that cannot be read, or is no text, is a `DefinitionError`."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DefinitionError(f"not a file that can be read: {error}", file, line, "save it as UTF-8") from error
    except OSError as error:
        raise DefinitionError(f"not a file that can be read: {error.strerror}", file) from error
