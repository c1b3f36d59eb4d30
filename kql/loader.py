"""The folder of `.kql` files as ordered definitions: what each file makes, what it says of it, and what it needs.

A file is a script of plain management commands; the comment lines before the first one are its header. Lines of the
header that begin with `@` say what KQL has no place for:

    // @param window Number of bars.
    // @column Average The average over the last bars.
    // @inherit PriceHistory_v1        (descriptions that stand in the header of another function)
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from emulator.errors import KustoError
from emulator.schema.definitions import Definitions
from emulator.schema.subjects import Kind, SeveralSubjects, Subject, subject_of
from emulator.schema.update_policy import read_update_policy
from emulator.syntax.commands import (
    AlterPolicy,
    ClearData,
    Command,
    DeleteRecords,
    DropColumns,
    DropDatabase,
    DropEntities,
    DropMapping,
    IngestFromQuery,
    IngestFromStorage,
    IngestInline,
    PolicyJson,
)
from emulator.syntax.lexer import scan
from emulator.syntax.parse_command import parse_command
from emulator.syntax.requests import is_command
from emulator.syntax.script import split_script
from emulator.syntax.tokens import TokenKind
from emulator.text import line_and_column
from kql.errors import DefinitionError
from kql.text_file import read_text

DATABASE_FOLDER = Path(__file__).parent / "database"
_DIRECTIVE = re.compile(r"@(\w+)\s*(\w*)\s*(.*)")
_WORD = re.compile(r"\w+")
_ENTITIES = frozenset({Kind.TABLE, Kind.FUNCTION, Kind.VIEW})

# Its order among the files is unknown, and nobody who deploys a folder again expects to lose rows.
_TAKES_AWAY = (ClearData, DeleteRecords, DropColumns, DropDatabase, DropEntities, DropMapping)
_ADDS = (IngestInline, IngestFromQuery, IngestFromStorage)
_TELLS = ("show", "get", "cancel")


@dataclass(frozen=True, slots=True)
class Statement:
    """One management command: `text` is sent as it stands, `line` is where it starts in `file`.

    `subject` is what it makes or changes: an entity, or a mapping, a policy or a text of one.
    """

    subject: Subject
    text: str
    file: Path
    line: int
    command: Command

    @property
    def kind(self) -> Kind:
        """The kind of what the command is about."""
        return self.subject.kind

    @property
    def name(self) -> str:
        """The name of what the command is about."""
        return self.subject.name

    def error(self, message: str, offset: int = 0, hint: str = "") -> DefinitionError:
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
        return tuple(statement for statement in self.statements if statement.kind in _ENTITIES)


@dataclass(frozen=True)
class MarketDatabase:
    """Every script in dependency order: each one needs only what earlier ones make."""

    scripts: tuple[Script, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All commands in the order in which they run."""
        return tuple(statement for script in self.scripts for statement in script.statements)

    @cached_property
    def definitions(self) -> Definitions:
        """The database that the commands make where there was nothing; a `DefinitionError` names the line at fault."""
        made = Definitions()
        for statement in self.statements:
            try:
                made = made.after(statement.command)
            except KustoError as error:
                raise statement.error(
                    f"{statement.subject}: {error.code}: {error.message}", error.span.start, error.hint
                ) from error
        return made

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
    database = _ordered([load_script(file) for file in files])
    for script in database.scripts:
        _require_name_of_file(script)
        _require_definitions(script)
    return database


def load_script(file: Path) -> Script:
    """Read one file; a fault in its syntax is a `DefinitionError` at its line."""
    text = read_text(file)
    parts = split_script(text)
    if not parts:
        raise DefinitionError(
            "no management command found", file, hint="a command starts with a dot: .create-or-alter …"
        )
    statements = tuple(_statement(part.text, file, text.count("\n", 0, part.span.start) + 1) for part in parts)
    words = frozenset(word for statement in statements for word in _words(statement))
    return Script(file, _header(text[: parts[0].span.start], file), statements, words)


def _require_name_of_file(script: Script) -> None:
    """Refuse a file that makes one function of another name: who looks for the function looks for the file."""
    file = script.file
    match script.entities:
        case (Statement(kind=Kind.FUNCTION, name=name) as made,) if name != file.stem:
            raise made.error(
                f"the file is called {file.name} and makes the function '{name}'",
                hint=f"call the file {name}.kql, or the function '{file.stem}'",
            )


def _require_definitions(script: Script) -> None:
    """Refuse what makes nothing: rows would be added at every deployment anew, and nobody reads what is shown."""
    for statement in script.statements:
        if isinstance(statement.command, _ADDS):
            raise statement.error(
                "a command that adds rows, at every deployment anew",
                hint="run it once, by `tickhouse query`, or load a file by `tickhouse load`",
            )
        if scan(statement.text)[1].text.lower() in _TELLS:
            raise statement.error(
                "a command that makes nothing that a database consists of", hint="run it by `tickhouse query`"
            )


def _header(text: str, file: Path) -> Header:
    header = Header()
    inherits: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        directive = _DIRECTIVE.match(line.strip().removeprefix("//").strip())
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
    if not is_command(text):
        raise DefinitionError("a query, not a management command", file, line, "wrap it in a function")
    try:
        command = parse_command(text)
    except KustoError as error:
        number, _ = line_and_column(text, error.span.start)
        raise DefinitionError(f"{error.code}: {error.message}", file, line + number - 1, error.hint) from error
    if isinstance(command, _TAKES_AWAY):
        raise DefinitionError(
            "a command that takes away what is there, at every deployment anew",
            file,
            line,
            "run it once, by `tickhouse query`",
        )
    try:
        return Statement(subject_of(command, text), text, file, line, command)
    except SeveralSubjects:
        raise DefinitionError(
            "a command about several entities at once", file, line, "write one command for each of them"
        ) from None


def _words(statement: Statement) -> set[str]:
    """Return the names a command uses; those of an update policy stand inside of its JSON."""
    words = {token.text for token in scan(statement.text) if token.kind is TokenKind.NAME}
    match statement.command:
        case AlterPolicy(policy="update", value=PolicyJson(text=policy)):
            try:
                elements = read_update_policy(policy)
            except KustoError as error:
                raise statement.error(f"{statement.subject}: {error.code}: {error.message}", hint=error.hint) from error
            for element in elements:
                words.update(_WORD.findall(f"{element.source} {element.query}"))
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
