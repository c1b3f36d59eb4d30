"""A request text as statements for DuckDB: read and bound, narrowed, emitted, rendered; once per text and schema."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

from emulator.binder.entities import EntityProvider
from emulator.binder.faults import refusing_deep_queries
from emulator.binder.plan import ParameterDeclaration, Plan
from emulator.emit.context import NOW_PARAMETER, Storage
from emulator.emit.relations import emit_query
from emulator.engine.lru import LruCache
from emulator.engine.running.language import Language, bind_text
from emulator.engine.session.statement import Statement
from emulator.engine.session.workload import Workload
from emulator.engine.storage.relations import Reads
from emulator.errors import KustoError
from emulator.optimize.narrow import narrowed
from emulator.sql.ast import Parameter, Query, Select, With
from emulator.sql.render import render
from emulator.types import Schema

# Names of values beside those of declared parameters, which never begin like this.
NOW, LIMIT = "$now", "$limit"

_LIMIT_PARAMETER = "limit"


@dataclass(frozen=True, slots=True)
class CompiledResult:
    """One result of a request: a SELECT with the columns of `schema` by position, and how it is to be drawn.

    It ends after as many rows as the value `$limit` says, so that no more is computed. `parameters` names the value of
    a request for each parameter of the SQL.
    """

    name: str
    statement: Statement
    schema: Schema
    parameters: Mapping[str, str]
    workload: Workload
    visualization: Mapping[str, object]

    def arguments(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return what DuckDB is to bind."""
        return {parameter: values[name] for parameter, name in self.parameters.items()}


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """A request text ready to run with any parameter values."""

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
    return CompiledQuery(text, results, bound.parameters, bound.options)


def _compile_result(name: str, plan: Plan, visualization: dict[str, object], storage: Storage) -> CompiledResult:
    reads = Reads(storage)
    emitted = emit_query(narrowed(plan), reads, for_result=True)
    parameters = {parameter: value for value, parameter in emitted.parameters.items()} | {_LIMIT_PARAMETER: LIMIT}
    if emitted.uses_now:
        parameters[NOW_PARAMETER] = NOW
    statement = Statement(render(_limited(emitted.query)))
    return CompiledResult(
        name, statement, emitted.schema, parameters, Workload.of(plan, reads.identities), visualization
    )


def _limited(query: Query) -> Query:
    limit = Parameter(_LIMIT_PARAMETER, "BIGINT")
    match query:
        case With(_, Select() as body):
            return replace(query, query=replace(body, limit=limit))
        case Select():
            return replace(query, limit=limit)
        case _:
            raise TypeError("a result is one selection, not a union")
