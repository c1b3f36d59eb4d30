"""A request text as statements for DuckDB: read and bound, narrowed, emitted, rendered; once per text and schema."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial

import duckdb

from emulator.binder.entities import EntityProvider
from emulator.binder.faults import refusing_deep_queries
from emulator.binder.plan import ParameterDeclaration, Plan
from emulator.emit.context import NOW_PARAMETER, Storage
from emulator.emit.relations import EmittedQuery, emit_query
from emulator.engine.faults import VALUE_ERRORS
from emulator.engine.lru import LruCache
from emulator.engine.running.language import Language, bind_text
from emulator.engine.session.join_sides import JoinSides
from emulator.engine.session.statement import Statement
from emulator.engine.session.workload import Workload
from emulator.engine.storage.relations import Reads
from emulator.errors import KustoError
from emulator.optimize.narrow import narrowed
from emulator.optimize.request_values import Separated, separated
from emulator.optimize.sharing import shared
from emulator.optimize.walk import separate
from emulator.options import OF_REQUESTS_ONLY
from emulator.sql.ast import Parameter, Query, Select, With
from emulator.sql.render import render
from emulator.types import Schema

# Names of values beside those of declared parameters, which never begin like this.
NOW, LIMIT = "$now", "$limit"

_LIMIT_PARAMETER = "limit"


@dataclass(frozen=True, slots=True)
class RequestValues:
    """A SELECT of one row with the values that a request's parameters alone decide, by name.

    `whole` compiles the result that does without them.
    """

    statement: Statement
    parameters: Mapping[str, str]
    names: tuple[str, ...]
    whole: Callable[[], "CompiledResult"]

    def of(self, connection: duckdb.DuckDBPyConnection, values: Mapping[str, object]) -> dict[str, object]:
        """Return the values of a request with these added."""
        parsed, arguments = self.statement.parsed(connection), _arguments(self.parameters, values)
        (found,) = connection.execute(parsed, arguments).fetchall()
        return {**values, **dict(zip(self.names, found, strict=True))}


@dataclass(frozen=True, slots=True)
class CompiledResult:
    """One result of a request: a SELECT with the columns of `schema` by position, and how it is to be drawn.

    It ends after as many rows as the value `$limit` says, so that no more is computed. `parameters` names the value of
    a request for each parameter of the SQL, some of them from `request_values`. Where both sides of its `joins` are
    large, `apart` is to be run in its place.
    """

    name: str
    statement: Statement
    schema: Schema
    parameters: Mapping[str, str]
    workload: Workload
    visualization: Mapping[str, object]
    request_values: RequestValues | None = None
    joins: JoinSides | None = None
    apart: Callable[[], "CompiledResult"] | None = None

    def fitting(self, are_large: Callable[[JoinSides], bool]) -> "CompiledResult":
        """Return the result to run on tables as large as they are now."""
        is_apart = self.joins is not None and self.apart is not None and are_large(self.joins)
        return self.apart() if is_apart and self.apart is not None else self

    def ready(
        self, connection: duckdb.DuckDBPyConnection, values: Mapping[str, object]
    ) -> tuple["CompiledResult", Mapping[str, object]]:
        """Return the result to run on a connection, and the values to run it with."""
        if self.request_values is None:
            return self, values
        try:
            return self, self.request_values.of(connection, values)
        except VALUE_ERRORS:
            # It is a fault only where a row asks for the value.
            return self.request_values.whole(), values

    def arguments(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return what DuckDB is to bind."""
        return _arguments(self.parameters, values)


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """A request text ready to run with any parameter values; `options` are those that a text may set."""

    text: str
    results: tuple[CompiledResult, ...]
    parameters: tuple[ParameterDeclaration, ...]
    options: dict[str, str]


class CompiledQueries:
    """The request texts that were compiled latest; safe to share between threads.

    The version of a text must change whenever a schema, a function or the place of a relation changes.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self._kept: LruCache[tuple[str, Language, Hashable], CompiledQuery] = LruCache(capacity)

    def of(
        self,
        text: str,
        entities: EntityProvider,
        storage: Storage,
        version: Hashable,
        language: Language = Language.KQL,
    ) -> CompiledQuery:
        """Return a compiled text; faults carry the text they point into."""
        key = text, language, version
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
            results = tuple(
                _compile_result(name, plan, visualization, storage)
                for name, plan, visualization in zip(bound.names, bound.results, bound.visualizations, strict=True)
            )
    except KustoError as error:
        raise error.with_source(text) from error.__cause__
    options = {name: value for name, value in bound.options.items() if name.lower() not in OF_REQUESTS_ONLY}
    return CompiledQuery(text, results, bound.parameters, options)


def _compile_result(
    name: str,
    plan: Plan,
    visualization: dict[str, object],
    storage: Storage,
    *,
    whole: bool = False,
    compares_in_joins: bool = True,
) -> CompiledResult:
    reads = Reads(storage)
    once = shared(plan)
    steps = separate if once is not plan else _no_steps
    lean = narrowed(once, steps(once))
    parts = Separated(lean) if whole else separated(lean, steps(lean))
    emitted = emit_query(
        parts.plan, reads, for_result=True, separate=steps(parts.plan), compares_in_joins=compares_in_joins
    )
    again = partial(_compile_result, name, plan, visualization, storage)
    values = None
    if parts.values is not None:
        row = emit_query(parts.values, storage)
        of_row = Statement(render(row.query)), _parameters(row), parts.values.schema.names
        values = RequestValues(*of_row, partial(again, whole=True, compares_in_joins=compares_in_joins))
    joins, apart = None, None
    if emitted.compared_joins:
        joins, apart = JoinSides.of(emitted.compared_joins), cache(partial(again, whole=whole, compares_in_joins=False))
    return CompiledResult(
        name,
        Statement(render(_limited(emitted.query))),
        emitted.schema,
        _parameters(emitted) | {_LIMIT_PARAMETER: LIMIT},
        Workload.of(plan, reads.identities),
        visualization,
        values,
        joins,
        apart,
    )


def _no_steps(_: Plan) -> Iterable[Plan]:
    return ()


def _parameters(emitted: EmittedQuery) -> dict[str, str]:
    parameters = {parameter: value for value, parameter in emitted.parameters.items()}
    return parameters | {NOW_PARAMETER: NOW} if emitted.uses_now else parameters


def _arguments(parameters: Mapping[str, str], values: Mapping[str, object]) -> dict[str, object]:
    return {parameter: values[name] for parameter, name in parameters.items()}


def _limited(query: Query) -> Query:
    limit = Parameter(_LIMIT_PARAMETER, "BIGINT")
    match query:
        case With(_, Select() as body):
            return replace(query, query=replace(body, limit=limit))
        case Select():
            return replace(query, limit=limit)
        case _:
            raise TypeError("a result is one selection, not a union")
