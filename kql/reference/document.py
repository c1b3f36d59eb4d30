"""The reference file: read once per caller, and every mistake in it named."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from kql.errors import DefinitionError
from kql.text_file import read_text
from kql.toml_lines import TomlLines

T = TypeVar("T")
REFERENCE_FOLDER = Path(__file__).parents[1] / "database" / "reference"
COMPANIES_FILE = REFERENCE_FOLDER / "companies.toml"
_TABLES = ("market", "company")
_KINDS = {str: "a text", int: "a whole number", float: "a number", list: "a list", time: "a time such as 09:30:00"}


@dataclass(frozen=True, slots=True)
class Document:
    """The tables of the file, and where they stand."""

    market: object
    companies: object
    lines: TomlLines


def read_document(file: Path) -> Document:
    """Return the file as TOML; one that is not, or that holds another table, is a `DefinitionError`."""
    text = read_text(file)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise DefinitionError(f"not valid TOML: {error}", file, int(line[1]) if line else None) from error
    lines = TomlLines(text)
    for name in values:
        if name not in _TABLES:
            close = get_close_matches(name, _TABLES, 1)
            hint = f"is '{close[0]}' meant?" if close else f"known are {', '.join(_TABLES)}"
            raise DefinitionError(f"'{name}' is unknown", file, lines.of((name,)) or lines.of((name, 0)), hint)
    return Document(values.get("market"), values.get("company"), lines)


class Entry:
    """One table of the file; `what` names it in messages."""

    def __init__(
        self, values: Mapping[str, object], what: str, file: Path, known: Iterable[str], line: int | None = None
    ) -> None:
        self._values = values
        self._what = what
        self._file = file
        self._line = line
        names = sorted(known)
        for name in values:
            if name not in names:
                close = get_close_matches(name, names, 1)
                hint = f"is '{close[0]}' meant?" if close else f"known are {', '.join(names)}"
                raise DefinitionError(f"{what}: '{name}' is unknown", file, line, hint)

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
        return DefinitionError(f"{self._what}: {message}", self._file, self._line, hint)
