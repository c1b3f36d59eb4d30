"""One query request from text to typed results: parse → bind → emit → render, cached, and run on a DuckDB cursor."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from emulator.binder.bind import bind_query
from emulator.binder.entities import EntityProvider
from emulator.binder.plan import ParameterDeclaration
from emulator.context import NO_PROPERTIES, RequestProperties
from emulator.emit.context import NOW_PARAMETER, Storage
from emulator.emit.relations import emit_query
from emulator.engine.faults import STORAGE_ERRORS, kusto_fault, timeout_fault
from emulator.engine.limits import Limits
from emulator.engine.parameters import bind_parameters
from emulator.engine.results import fetch, truncation_fault
from emulator.engine.statement import Statement
from emulator.engine.udf import register
from emulator.errors import KustoError
from emulator.functions.macros import MACROS
from emulator.result import ResultTable
from emulator.sql.ast import Parameter
from emulator.sql.render import render
from emulator.syntax.parser import parse_query
from emulator.types import Schema

LIMIT_PARAMETER = "limit"


@dataclass(frozen=True, slots=True)
class CompiledResult:
    """One result of a request as SQL; `parameters` maps declared parameters to those the SQL names."""

    name: str
    statement: Statement
    schema: Schema
    parameters: dict[str, str]
    uses_now: bool
    visualization: dict[str, object]


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """A request text ready to run with any parameter values."""

    text: str
    results: tuple[CompiledResult, ...]
    parameters: tuple[ParameterDeclaration, ...]
    options: dict[str, str]


class Compiler:
    """Compiles request texts and keeps the latest ones; safe to share between threads.

    The key of a text must change whenever a schema, a function or the place of a relation changes.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, Hashable], CompiledQuery] = OrderedDict()
        self._lock = threading.Lock()

    def compile(self, text: str, entities: EntityProvider, storage: Storage, version: Hashable) -> CompiledQuery:
        """Return the compiled text; faults carry the text they point into."""
        key = (text, version)
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        compiled = compile_query(text, entities, storage)
        with self._lock:
            self._kept[key] = compiled
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return compiled


def compile_query(text: str, entities: EntityProvider, storage: Storage) -> CompiledQuery:
    """Compile a request text without keeping it."""
    try:
        bound = bind_query(parse_query(text), entities)
        results = []
        for position, (plan, name) in enumerate(zip(bound.results, bound.names, strict=True)):
            # A result that is too large is not computed to its end.
            emitted = emit_query(plan, storage, for_result=True, limit=Parameter(LIMIT_PARAMETER, "BIGINT"))
            visualization = bound.visualizations[position] if position < len(bound.visualizations) else {}
            statement = Statement(render(emitted.query))
            results.append(
                CompiledResult(name, statement, emitted.schema, emitted.parameters, emitted.uses_now, visualization)
            )
    except KustoError as error:
        raise error.with_source(text) from error.__cause__
    return CompiledQuery(text, tuple(results), bound.parameters, bound.options)


def prepare_connection(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection what compiled queries rely on; macros live as long as the connection."""
    register(connection)
    for macro in MACROS:
        connection.execute(macro.create_statement())


def execute(
    query: CompiledQuery,
    cursor: duckdb.DuckDBPyConnection,
    properties: RequestProperties = NO_PROPERTIES,
    now: datetime | None = None,
) -> tuple[ResultTable, ...]:
    """Run a compiled query and return its results; `now` (naive UTC) is the instant that the request sees.

    Raises TruncationFault for a result that is too large, LimitFault for one that takes too long, SemanticFault for
    parameters that are missing or ill-typed.
    """
    limits = Limits.of({**query.options, **properties.options})
    try:
        values = bind_parameters(query.parameters, properties.parameters)
    except KustoError as error:
        raise error.with_source(query.text) from None
    values[NOW_PARAMETER] = now or datetime.now(UTC).replace(tzinfo=None)
    with _interrupted_after(cursor, limits.timeout):
        tables: tuple[ResultTable, ...] = ()
        for result in query.results:
            table, exceeded = _run(result, cursor, values, limits)
            tables += (table,)
            if exceeded:
                raise truncation_fault(exceeded, tables)
        return tables


def _run(
    result: CompiledResult, cursor: duckdb.DuckDBPyConnection, values: dict[str, object], limits: Limits
) -> tuple[ResultTable, str]:
    named = {parameter: values[name] for name, parameter in result.parameters.items()}
    if result.uses_now:
        named[NOW_PARAMETER] = values[NOW_PARAMETER]
    named[LIMIT_PARAMETER] = None if limits.records is None else limits.records + 1
    arrow, exceeded = fetch(cursor, result.statement, named, result.schema, limits)
    return ResultTable(result.schema, arrow, result.name, dict(result.visualization)), exceeded


@contextmanager
def _interrupted_after(cursor: duckdb.DuckDBPyConnection, timeout: timedelta) -> Iterator[None]:
    expired = threading.Event()

    def interrupt() -> None:
        expired.set()
        cursor.interrupt()

    timer = threading.Timer(timeout.total_seconds(), interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except STORAGE_ERRORS as error:
        raise timeout_fault(timeout) if expired.is_set() else kusto_fault(error) from error
    finally:
        timer.cancel()
