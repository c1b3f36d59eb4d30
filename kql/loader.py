"""The folder of `.kql` files as ordered definitions: what each file makes, what it says of it, and what it needs.

A file is a script of plain management commands, each starting at the left margin; comment lines before the first
command are its header. Lines of the header that begin with `@` say what KQL has no place for:

    // @param window Number of bars.
    // @column Average The average over the last bars.
    // @inherit PriceHistory_v1        (descriptions that stand in the header of another function)
"""

import json
import re
from dataclasses import dataclass, field
from enum import Enum
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from emulator.syntax.lexer import scan
from emulator.syntax.tokens import Token, TokenKind
from kql.errors import DefinitionError

DATABASE_FOLDER = Path(__file__).parent / "database"
_COMMAND = re.compile(r"^\.[a-z]", re.MULTILINE)
_DIRECTIVE = re.compile(r"@(\w+)\s*(\w*)\s*(.*)")
_WORD = re.compile(r"\w+")


class Kind(Enum):
    """What a management command makes; the value is its name in messages."""

    TABLE = "table"
    FUNCTION = "function"
    VIEW = "materialized view"
    OTHER = "command"


_STARTS: dict[tuple[str, ...], Kind] = {
    ("create-merge", "table"): Kind.TABLE,
    ("create-or-alter", "function"): Kind.FUNCTION,
    ("create-or-alter", "materialized-view"): Kind.VIEW,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One management command: `text` is sent as it stands; `line` is where it starts in `file`.

    `name` is the table, function or view it makes. `head` is the text before its body or columns, `body` the rest:
    the parameters and the braces of a function, the braces of a view, the columns of a table.
    """

    kind: Kind
    name: str
    text: str
    file: Path
    line: int
    body_start: int = 0
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> str:
        """What follows the name."""
        return self.text[self.body_start :]

    def error(self, message: str, *, offset: int = 0, hint: str = "") -> DefinitionError:
        """Return an error at a character of the text."""
        return DefinitionError(message, self.file, self.line + self.text.count("\n", 0, offset), hint)


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a file says: descriptions by parameter and column, and functions to inherit them from."""

    parameters: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    inherits: tuple[str, ...] = ()
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Script:
    """One `.kql` file: its header, its commands, the names it makes and the words it uses."""

    file: Path
    header: Header
    statements: tuple[Statement, ...]
    words: frozenset[str]

    @property
    def entities(self) -> tuple[Statement, ...]:
        """The commands that make a table, a function or a view."""
        return tuple(statement for statement in self.statements if statement.kind is not Kind.OTHER)


@dataclass(frozen=True, slots=True)
class MarketDatabase:
    """Every script in dependency order: each one needs only what earlier ones make."""

    scripts: tuple[Script, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All commands in the order in which they run."""
        return tuple(statement for script in self.scripts for statement in script.statements)

    def find(self, kind: Kind, name: str) -> tuple[Script, Statement] | None:
        """Return the script and the command that make an entity."""
        for script in self.scripts:
            for statement in script.entities:
                if statement.kind is kind and statement.name == name:
                    return script, statement
        return None


def load_database(*folders: Path) -> MarketDatabase:
    """Read all `.kql` files below the folders (default: the market database) into dependency order."""
    files = [file for folder in folders or (DATABASE_FOLDER,) for file in sorted(folder.rglob("*.kql"))]
    if not files:
        raise DefinitionError("no .kql file found", (folders or (DATABASE_FOLDER,))[0])
    return _ordered([load_script(file) for file in files])


def load_script(file: Path) -> Script:
    """Read one file."""
    text = file.read_text(encoding="utf-8")
    starts = [match.start() for match in _COMMAND.finditer(text)]
    if not starts:
        raise DefinitionError("no management command found", file, hint="a command starts at the left margin: .create…")
    statements = tuple(
        _statement(_without_trailing_comments(text[start:end]), file, text.count("\n", 0, start) + 1)
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
    )
    words = frozenset(word for statement in statements for word in _words(statement))
    return Script(file, _header(text[: starts[0]], file), statements, words)


def _without_trailing_comments(text: str) -> str:
    lines = text.rstrip().split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].startswith("//")):
        lines.pop()
    return "\n".join(lines)


def _header(text: str, file: Path) -> Header:
    header = Header()
    inherits: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if not line.startswith("//"):
            raise DefinitionError("text before the first command that is no comment", file, number)
        directive = _DIRECTIVE.match(line.removeprefix("//").strip())
        if directive is None:
            continue
        keyword, name, description = directive.groups()
        if keyword == "inherit" and name:
            inherits.append(name)
        elif keyword in ("param", "column") and name and description:
            (header.parameters if keyword == "param" else header.columns)[name] = description
        else:
            raise DefinitionError(
                f"'{line.strip()}' is not understood",
                file,
                number,
                "a header knows @param name text, @column Name text and @inherit Function",
            )
        header.lines[name] = number
    return Header(header.parameters, header.columns, tuple(inherits), header.lines)


def _statement(text: str, file: Path, line: int) -> Statement:
    tokens = scan(text)
    error = next((token for token in tokens if token.kind is TokenKind.ERROR), None)
    if error is not None:
        raise DefinitionError(str(error.value), file, line + text.count("\n", 0, error.start))
    words, position = _leading_words(tokens)
    kind = _STARTS.get(words, Kind.OTHER)
    if kind is Kind.OTHER:
        return Statement(kind, "", text, file, line)
    properties, position = _properties(tokens, position)
    name = tokens[position]
    if name.kind is not TokenKind.NAME:
        raise DefinitionError(
            f"the name of the {kind.value} is missing",
            file,
            line + text.count("\n", 0, name.start),
            "write .create-or-alter function with (docstring = \"…\") Name(parameters) { body }"
            if kind is Kind.FUNCTION
            else "",
        )
    return Statement(kind, name.text, text, file, line, name.end, properties)


def _leading_words(tokens: list[Token]) -> tuple[tuple[str, ...], int]:
    """Read `. create - or - alter function` as two words; the dashes bind what they touch."""
    words: list[str] = []
    position = 1
    while len(words) < 2 and tokens[position].kind is TokenKind.NAME:
        word = tokens[position].text
        end = tokens[position].end
        position += 1
        while tokens[position].text == "-" and tokens[position].start == end:
            word += "-" + tokens[position + 1].text
            end = tokens[position + 1].end
            position += 2
        words.append(word)
    return tuple(words), position


def _properties(tokens: list[Token], position: int) -> tuple[dict[str, str], int]:
    """Read `with (folder = "x", docstring = "y")` where it stands."""
    properties: dict[str, str] = {}
    if tokens[position].text != "with":
        return properties, position
    position += 1
    while tokens[position].text != ")" and tokens[position].kind is not TokenKind.END:
        if tokens[position].text == "=":
            value = tokens[position + 1]
            key = tokens[position - 1].text.lower()
            properties[key] = str(value.value) if value.kind is TokenKind.STRING else value.text
        position += 1
    return properties, position + 1


def _words(statement: Statement) -> set[str]:
    """Return the names a command uses; those of an update policy stand inside of its JSON."""
    tokens = scan(statement.text)
    words = {token.text for token in tokens if token.kind is TokenKind.NAME}
    if {"policy", "update"} <= words:
        policy = next((token for token in tokens if token.kind is TokenKind.STRING), None)
        try:
            entries = json.loads(str(policy.value)) if policy is not None else []
        except ValueError as error:
            raise statement.error(f"the update policy is not valid JSON: {error}") from error
        for entry in entries:
            words.update(_WORD.findall(f"{entry.get('Source', '')} {entry.get('Query', '')}"))
    return words


def _ordered(scripts: list[Script]) -> MarketDatabase:
    makers: dict[str, Script] = {}
    for script in scripts:
        for entity in script.entities:
            other = makers.setdefault(entity.name, script)
            if other is not script:
                raise entity.error(f"'{entity.name}' is made by {other.file.name} too")
    by_file = {script.file: script for script in scripts}
    sorter: TopologicalSorter[Path] = TopologicalSorter()
    for script in scripts:
        needed = {makers[word].file for word in script.words if word in makers}
        sorter.add(script.file, *sorted(needed - {script.file}))
    try:
        return MarketDatabase(tuple(by_file[file] for file in sorter.static_order()))
    except CycleError as error:
        circle = [Path(file).name for file in error.args[1]]
        raise DefinitionError(f"files that need each other: {' → '.join(circle)}", error.args[1][0]) from error
