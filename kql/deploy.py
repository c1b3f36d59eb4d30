"""Bring an Eventhouse to what the `.kql` files say: every command, idempotent, in dependency order."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from emulator.errors import KustoError
from emulator.schema.subjects import Kind
from emulator.text import line_and_column
from kql.binding import check_database
from kql.client import Eventhouse
from kql.errors import DefinitionError
from kql.loader import MarketDatabase, Statement, load_database


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment did: the commands that ran, and how long they took."""

    database: str
    statements: tuple[Statement, ...]
    seconds: float

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of the entities of one kind, in the order in which they were deployed."""
        return tuple(statement.name for statement in self.statements if statement.kind is kind)

    def __str__(self) -> str:
        counts = {kind: len(self.names(kind)) for kind in (Kind.TABLE, Kind.VIEW, Kind.FUNCTION)}
        made = ", ".join(f"{count} {kind.value}{'' if count == 1 else 's'}" for kind, count in counts.items())
        return f"{self.database}: {made} ({len(self.statements)} commands in {self.seconds:.1f} s)"


async def deploy(
    eventhouse: Eventhouse,
    database: MarketDatabase | None = None,
    on_statement: Callable[[Statement], None] | None = None,
) -> Deployment:
    """Run every command of the market database; running it again changes nothing.

    All files are parsed and bound before the first command runs, so a mistake in one of them leaves the Eventhouse
    as it was. A command that the Eventhouse refuses ends the deployment with a `DefinitionError` at its file and line.
    """
    database = database or load_database()
    check_database(database)
    started = perf_counter()
    for statement in database.statements:
        try:
            await eventhouse.command(statement.text)
        except KustoError as error:
            if not error.permanent:
                raise
            raise refused(statement, error) from error
        if on_statement is not None:
            on_statement(statement)
    return Deployment(eventhouse.database, database.statements, perf_counter() - started)


def refused(statement: Statement, error: KustoError) -> DefinitionError:
    """Return the error of a command at the place in its file."""
    offset = error.span.start if error.source == statement.text else 0
    line, _ = line_and_column(statement.text, offset)
    return DefinitionError(
        f"{statement.subject}: {error.code}: {error.message}", statement.file, statement.line + line - 1, error.hint
    )
