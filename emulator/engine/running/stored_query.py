"""Stored query texts (policies, views) compiled to SQL over the engine's relations."""

from dataclasses import dataclass

from emulator.binder.bind import bind_query
from emulator.binder.entities import EntityProvider
from emulator.binder.faults import refusing_deep_queries
from emulator.binder.plan import Plan
from emulator.emit.context import Storage
from emulator.emit.relations import emit_query
from emulator.engine.storage.relations import Reads
from emulator.errors import SemanticFault
from emulator.optimize.sharing import in_steps
from emulator.sql.render import render
from emulator.syntax.parser import parse_query
from emulator.syntax.statements import Query
from emulator.types import Schema


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """A query as SQL text with the columns of `schema` by position; `$now` is its only parameter, if any.

    `reads` are the identities of the relations it reads.
    """

    sql: str
    schema: Schema
    uses_now: bool
    reads: frozenset[str]


def bind_rows(text: str, entities: EntityProvider) -> Plan:
    """Bind a text that is one tabular expression without query parameters."""
    return bind_single(parse_query(text), entities)


def bind_single(query: Query, entities: EntityProvider) -> Plan:
    """Bind a query with one result and without query parameters."""
    bound = bind_query(query, entities, keeps_rows=True)
    if len(bound.results) != 1 or bound.parameters:
        raise SemanticFault(
            "The query must be a single tabular expression without query parameters.", "BadRequest_InvalidQuery"
        )
    return bound.results[0]


def compile_rows(text: str, entities: EntityProvider, storage: Storage) -> StoredQuery:
    """Compile a text that is one tabular expression, with columns as tables store them."""
    return compile_plan(bind_rows(text, entities), storage)


def compile_plan(plan: Plan, storage: Storage) -> StoredQuery:
    """Compile a bound tabular expression, with columns as tables store them."""
    reads = Reads(storage)
    with refusing_deep_queries():
        once, steps = in_steps(plan)
        emitted = emit_query(once, reads, separate=steps)
        return StoredQuery(render(emitted.query), emitted.schema, emitted.uses_now, frozenset(reads.identities))
