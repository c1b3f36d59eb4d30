"""Plans as statements that are ready to run: one for all requests, or one per kind of request that was met."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import duckdb

from emulator.binder.plan import Plan
from emulator.emit.context import NOW_PARAMETER, Storage
from emulator.emit.relations import emit_query
from emulator.engine.lru import LruCache
from emulator.engine.session.kept_plans import argument
from emulator.engine.session.statement import Answer, Statement
from emulator.engine.session.workload import Load
from emulator.engine.storage.relations import Reads
from emulator.optimize.narrow import narrowed
from emulator.optimize.specialize import specialized, switches
from emulator.sql.ast import Parameter, Query, Select, Sql, With
from emulator.sql.render import render
from emulator.sql.walk import with_own_parameters
from emulator.types import Schema

# Names of values beside those of declared parameters, which never begin like this.
NOW, LIMIT = "$now", "$limit"

_LIMIT_PARAMETER = "limit"

# A dozen conditions can meet in thousands of ways, a client meets a few of them.
_KEPT_VARIANTS = 64


@dataclass(frozen=True, slots=True)
class Given:
    """What a parameter of a statement stands for: a value of the request, and the DuckDB type it is cast to."""

    value: str
    type: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A SELECT with the columns of `schema`; `parameters` are those that the SQL names, each of them once.

    `whole` is the same without the limit of a result, for what reads few rows.
    """

    statement: Statement
    whole: str
    schema: Schema
    parameters: Mapping[str, Given]
    load: Load
    is_limited: bool

    def arguments(self, values: Mapping[str, object]) -> dict[str, object] | None:
        """Return what DuckDB is to bind."""
        bound = {name: values[given.value] for name, given in self.parameters.items()}
        if self.is_limited:
            bound[_LIMIT_PARAMETER] = values[LIMIT]
        return bound or None

    def literals(self, values: Mapping[str, object]) -> dict[str, Sql] | None:
        """Return the arguments of `whole` for a plan that is kept, or None where a value cannot be one."""
        found = {}
        for name, given in self.parameters.items():
            literal = argument(values[given.value], given.type)
            if literal is None:
                return None
            found[name] = literal
        return found


Run: TypeAlias = Callable[[Prepared, Mapping[str, object], bool], AbstractContextManager[Answer]]
"""Runs a statement with the values of a request; the flag says that its rows may be many, and are to stream."""


def running_on(connection: duckdb.DuckDBPyConnection) -> Run:
    """Return what runs statements on a connection as it is set already."""

    @contextmanager
    def run(prepared: Prepared, values: Mapping[str, object], streams: bool) -> Iterator[Answer]:
        yield prepared.statement.run(connection, prepared.arguments(values), streams=streams)

    return run


def prepare(plan: Plan, storage: Storage, *, for_result: bool) -> Prepared:
    """Emit a plan; a result ends after as many rows as the value `$limit` says, so that no more is computed."""
    reads = Reads(storage)
    emitted = emit_query(narrowed(plan), reads, for_result=for_result)
    query, found = with_own_parameters(emitted.query)
    values = {parameter: name for name, parameter in emitted.parameters.items()} | {NOW_PARAMETER: NOW}
    whole = render(query)
    return Prepared(
        Statement(render(_limited(query)) if for_result else whole),
        whole,
        emitted.schema,
        {name: Given(values[parameter.name], parameter.type) for name, parameter in found.items()},
        Load.of(plan, reads.identities),
        is_limited=for_result,
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


class Variants:
    """The statements of one result by the truth of its conditions; safe to share between threads.

    `general` serves any request. `plan` is the result's plan over the values that a prelude computes.
    """

    def __init__(self, general: Prepared, plan: Plan, storage: Storage) -> None:
        self.general = general
        self._plan = plan
        self._storage = storage
        self._switches = tuple(sorted(switches(plan)))
        self._kept: LruCache[tuple[object, ...], Prepared] = LruCache(_KEPT_VARIANTS)

    def of(self, values: Mapping[str, object]) -> Prepared:
        """Return the statement for a request with these values, those of the prelude among them."""
        key = tuple(values[name] for name in self._switches)
        if (found := self._kept.get(key)) is not None:
            return found
        truths = {name: None if values[name] is None else bool(values[name]) for name in self._switches}
        prepared = prepare(specialized(self._plan, truths), self._storage, for_result=True)
        self._kept.put(key, prepared)
        return prepared


def prepare_result(plan: Plan, smaller: Plan, storage: Storage) -> Variants:
    """Emit a result as a whole, so that what is not supported is refused whatever a request needs of it."""
    return Variants(prepare(plan, storage, for_result=True), smaller, storage)
