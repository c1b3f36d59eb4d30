"""One query request from text to typed results: parse → bind → emit → render, cached, and run on a DuckDB cursor."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from emulator.binder.entities import EntityProvider
from emulator.binder.faults import refusing_deep_queries
from emulator.binder.plan import ParameterDeclaration
from emulator.context import NO_PROPERTIES, RequestProperties
from emulator.emit.context import Storage
from emulator.engine.faults import STORAGE_ERRORS, kusto_fault, timeout_fault
from emulator.engine.lru import LruCache
from emulator.engine.running.language import Language, bind_text
from emulator.engine.running.limits import Limits
from emulator.engine.running.parameters import bind_parameters
from emulator.engine.running.prelude import Prelude, prepare_prelude, snapshot
from emulator.engine.running.prepared import LIMIT, NOW, Run, Variants, prepare_result, running_on
from emulator.engine.running.results import fetch, truncation_fault
from emulator.engine.session.deadline import deadline
from emulator.engine.session.statement import Statement
from emulator.engine.udf import register
from emulator.errors import KustoError, SemanticFault
from emulator.functions.macros import MACROS
from emulator.optimize.invariants import Invariant, hoisted
from emulator.optimize.specialize import simplified
from emulator.result import ResultTable
from emulator.sql.render import render


@dataclass(frozen=True, slots=True)
class CompiledResult:
    """One result of a request; its statements read the values of the prelude, but for the general one."""

    name: str
    statements: Variants
    visualization: dict[str, object]


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """A request text ready to run with any parameter values.

    `is_self_contained`: it names no stored function, whose expressions have their places in another text.
    """

    text: str
    results: tuple[CompiledResult, ...]
    prelude: Prelude
    parameters: tuple[ParameterDeclaration, ...]
    options: dict[str, str]
    is_self_contained: bool = False


class Compiler:
    """Compiles request texts and keeps the latest ones; safe to share between threads.

    The key of a text must change whenever a schema, a function or the place of a relation changes.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self._kept: LruCache[tuple[str, Language, Hashable], CompiledQuery] = LruCache(capacity)

    def compile(
        self,
        text: str,
        entities: EntityProvider,
        storage: Storage,
        version: Hashable,
        language: Language = Language.KQL,
    ) -> CompiledQuery:
        """Return the compiled text; faults carry the text they point into."""
        key = (text, language, version)
        if (found := self._kept.get(key)) is not None:
            return found
        compiled = compile_query(text, entities, storage, language)
        self._kept.put(key, compiled)
        return compiled


def compile_query(
    text: str, entities: EntityProvider, storage: Storage, language: Language = Language.KQL
) -> CompiledQuery:
    """Compile a request text without keeping it."""
    bound = bind_text(text, language, entities)
    try:
        with refusing_deep_queries():
            smaller = hoisted(simplified(bound.results))
            visualizations = (*bound.visualizations, *({} for _ in bound.results))
            results = tuple(
                CompiledResult(name, prepare_result(plan, smaller_plan, storage), dict(visualization))
                for name, plan, smaller_plan, visualization in zip(
                    bound.names, bound.results, smaller.plans, visualizations, strict=False
                )
            )
            prelude = prepare_prelude(smaller.steps, storage)
    except KustoError as error:
        raise error.with_source(text) from error.__cause__
    is_self_contained = not any(name in text for name in entities.function_names())
    return CompiledQuery(text, results, prelude, bound.parameters, bound.options, is_self_contained)


def prepare_connection(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection what compiled queries rely on, and its cursors the engine's functions."""
    register(connection)
    create_macros(connection)


def create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the macros of compiled queries, which live as long as the connection."""
    for macro in _MACROS:
        connection.execute(macro.parsed(connection))


_MACROS = tuple(Statement(render(macro.creation)) for macro in MACROS)


def execute(
    query: CompiledQuery,
    cursor: duckdb.DuckDBPyConnection,
    properties: RequestProperties = NO_PROPERTIES,
    now: datetime | None = None,
    run: Run | None = None,
) -> tuple[ResultTable, ...]:
    """Run a compiled query and return its results; `now` (naive UTC) is the instant that the request sees.

    `run` runs the statements on the connection, by default as it is set already.

    Raises TruncationFault for a result that is too large, LimitFault for one that takes too long, SemanticFault for
    parameters that are missing or ill-typed.
    """
    run = run or running_on(cursor)
    limits = Limits.of({**query.options, **properties.options})
    try:
        values = bind_parameters(query.parameters, properties.parameters)
    except KustoError as error:
        raise error.with_source(query.text) from None
    values[NOW] = now or datetime.now(UTC).replace(tzinfo=None)
    values[LIMIT] = None if limits.records is None else limits.records + 1
    steps = query.prelude.recall(values)
    is_several = bool(steps) or len(query.results) > 1
    failed: Invariant | None = None
    try:
        with _interrupted_after(cursor, limits.timeout), snapshot(cursor) if is_several else nullcontext():
            failed = query.prelude.run(steps, cursor, values, run)
            tables: tuple[ResultTable, ...] = ()
            for result in query.results:
                statement = result.statements.general if failed else result.statements.of(values)
                with run(statement, values, limits.records is None) as answer:
                    arrow, exceeded = fetch(answer, statement.schema, limits)
                tables += (ResultTable(statement.schema, arrow, result.name, dict(result.visualization)),)
                if exceeded:
                    raise truncation_fault(exceeded, tables)
            return tables
    except SemanticFault as fault:
        if failed is not None and query.is_self_contained:
            fault.span = failed.span
            fault.with_source(query.text)
        raise


@contextmanager
def _interrupted_after(cursor: duckdb.DuckDBPyConnection, timeout: timedelta) -> Iterator[None]:
    with deadline(timeout.total_seconds(), cursor.interrupt) as watched:
        try:
            yield
        except STORAGE_ERRORS as error:
            raise timeout_fault(timeout) if watched.expired else kusto_fault(error) from error
