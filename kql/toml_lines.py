"""Where tables and keys stand in a TOML file, which `tomllib` does not tell."""

import re
from collections import Counter

Path = tuple[str | int, ...]
"""Keys from the root inwards; an entry of an array of tables has its number behind the array's key."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_LONG_QUOTES = re.compile(r"\"\"\"|'''")


class TomlLines:
    """The lines, from 1, of the tables and keys of a text that is valid TOML."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._entries: Counter[Path] = Counter()
        table: Path = ()
        quotes = ""
        for number, line in enumerate(text.splitlines(), 1):
            if not quotes:
                if header := _HEADER.match(line):
                    table = self._table(header[2], number, is_entry=header[1] == "[[")
                    self._lines[table] = number
                elif key := _KEY.match(line):
                    self._lines.setdefault((*table, *_parts(key[1])), number)
            for found in _LONG_QUOTES.findall(line):
                quotes = "" if quotes == found else quotes or found

    def of(self, path: Path) -> int | None:
        """Return the line of a table or key, or of the innermost table around it that has one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return None

    def _table(self, text: str, number: int, *, is_entry: bool) -> Path:
        *outer, last = _parts(text)
        path: Path = ()
        for part in outer:
            path = self._inside((*path, part))
            # A table may be told of by what is in it alone.
            self._lines.setdefault(path, number)
        path = (*path, last)
        if not is_entry:
            return self._inside(path)
        self._entries[path] += 1
        # The array as a whole stands where its first entry does.
        self._lines.setdefault(path, number)
        return self._inside(path)

    def _inside(self, path: Path) -> Path:
        """Return the path of the last entry where there is an array of tables, else the path as it is."""
        count = self._entries[path]
        return (*path, count - 1) if count else path


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(text))
