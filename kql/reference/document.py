"""The reference file: read once per caller, and every mistake in it named."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import time
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from kql.errors import DefinitionError

T = TypeVar("T")
REFERENCE_FOLDER = Path(__file__).parents[1] / "database" / "reference"
COMPANIES_FILE = REFERENCE_FOLDER / "companies.toml"
_KINDS = {str: "a text", int: "a whole number", float: "a number", list: "a list", time: "a time such as 09:30:00"}


def read_document(file: Path) -> dict[str, object]:
    """Return the file as TOML; one that is not is a `DefinitionError`."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"not valid TOML: {error}", file) from error


class Entry:
    """One table of the file; `what` names it in messages."""

    def __init__(self, values: Mapping[str, object], what: str, file: Path, known: Iterable[str]) -> None:
        self._values = values
        self._what = what
        self._file = file
        names = sorted(known)
        for name in values:
            if name not in names:
                close = get_close_matches(name, names, 1)
                hint = f"is '{close[0]}' meant?" if close else f"known are {', '.join(names)}"
                raise DefinitionError(f"{what}: '{name}' is unknown", file, hint=hint)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def value(self, name: str, kind: type[T]) -> T:
        """Return a value of that type, or raise a `DefinitionError`.

        A whole number is a number, and an empty text is none.
        """
        value = self._values.get(name)
        if kind is float and type(value) is int:
            value = float(value)
        # The exact type, for a bool is an int.
        if type(value) is not kind or (isinstance(value, str) and not value.strip()):
            is_missing = value is None or (isinstance(value, str) and not value.strip())
            raise self.error(f"'{name}' is missing" if is_missing else f"'{name}' is not {_KINDS[kind]}")
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, or raise a `DefinitionError`."""
        values = self.value(name, list)
        if any(not isinstance(value, str) or not value.strip() for value in values):
            raise self.error(f"'{name}' is not a list of texts")
        return tuple(values)

    def error(self, message: str, hint: str = "") -> DefinitionError:
        """Return a mistake of this table."""
        return DefinitionError(f"{self._what}: {message}", self._file, hint=hint)
