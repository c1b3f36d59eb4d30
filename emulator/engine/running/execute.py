"""A compiled query run on a DuckDB cursor: values in, typed results out, within the limits of the request."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import datetime
from typing import TypeAlias

import duckdb

from emulator.context import NO_PROPERTIES, RequestProperties
from emulator.engine.faults import STORAGE_ERRORS, kusto_fault
from emulator.engine.running.limits import Limits
from emulator.engine.running.parameters import bind_parameters
from emulator.engine.running.query import LIMIT, NOW, CompiledQuery
from emulator.engine.running.results import fetch, truncation_fault
from emulator.engine.session.deadline import Watch
from emulator.engine.session.join_sides import JoinSides
from emulator.engine.session.statement import Statement
from emulator.engine.session.workload import Workload
from emulator.engine.udf import register
from emulator.errors import KustoError
from emulator.functions.macros import MACROS
from emulator.instants import utc_now
from emulator.result import ResultTable
from emulator.sql.render import render
from emulator.sql.statements import Begin
from emulator.work import Work

Fit: TypeAlias = Callable[[Workload], AbstractContextManager[None]]
"""Sets a connection for what a statement has to do, as long as the statement runs."""


def prepare_connection(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection what compiled queries rely on, and its cursors the engine's functions."""
    register(connection)
    create_macros(connection)


def create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the macros of compiled queries, which live as long as the connection."""
    for macro in _MACROS:
        connection.execute(macro.parsed(connection))


_BEGIN = render(Begin(read_only=True))
_MACROS = tuple(Statement(render(macro.creation)) for macro in MACROS)


def _as_it_is(_: Workload) -> AbstractContextManager[None]:
    return nullcontext()


def _never(_: JoinSides) -> bool:
    return False


def execute(
    query: CompiledQuery,
    cursor: duckdb.DuckDBPyConnection,
    properties: RequestProperties = NO_PROPERTIES,
    now: datetime | None = None,
    fit: Fit = _as_it_is,
    are_large: Callable[[JoinSides], bool] = _never,
    watch: Watch | None = None,
    work: Work | None = None,
) -> tuple[ResultTable, ...]:
    """Run a compiled query and return its results; `now` (naive UTC) is the instant that the request sees.

    `are_large` tells of joins whether their sides have many rows now.

    It is done for `work`, by default one with the request's timeout, and `watch` ends it with that, by default one for
    this request alone.

    Raises TruncationFault for a result that is too large, SemanticFault for parameters that are missing or ill-typed,
    and what `Work.check` does.
    """
    limits = Limits.of({**query.options, **properties.options})
    try:
        values = bind_parameters(query.parameters, properties.parameters)
    except KustoError as error:
        raise error.with_source(query.text) from None
    values[NOW] = now or utc_now()
    values[LIMIT] = None if limits.records is None else limits.records + 1
    work = work or Work(limits.timeout.total_seconds())
    tables: tuple[ResultTable, ...] = ()
    with (
        closing(Watch()) if watch is None else nullcontext(watch) as watching,
        _interrupted(watching, cursor, work),
    ):
        # Before the transaction, which a value that cannot be computed would end.
        ready = [result.fitting(are_large).ready(cursor, values) for result in query.results]
        with _snapshot(cursor) if len(ready) > 1 else nullcontext():
            for result, known in ready:
                with fit(result.workload):
                    # Rows that no limit bounds are to stream.
                    answer = result.statement.run(cursor, result.arguments(known), streams=limits.records is None)
                    arrow, exceeded = fetch(answer, result.schema, limits)
                tables += (ResultTable(result.schema, arrow, result.name, dict(result.visualization)),)
                if exceeded:
                    raise truncation_fault(exceeded, tables)
    return tables


@contextmanager
def _snapshot(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let several statements see the same rows."""
    cursor.execute(_BEGIN)
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):
            cursor.rollback()
        raise
    cursor.commit()


@contextmanager
def _interrupted(watch: Watch, cursor: duckdb.DuckDBPyConnection, work: Work) -> Iterator[None]:
    try:
        with watch.interrupting(work, cursor.interrupt, cursor):
            yield
    except STORAGE_ERRORS as error:
        raise work.fault() if work.is_over else kusto_fault(error) from error
