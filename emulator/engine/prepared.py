"""Plans as statements that are ready to run: one for all requests, or one per kind of request that was met."""

from collections.abc import Mapping
from dataclasses import dataclass

from emulator.binder.plan import Plan
from emulator.emit.context import NOW_PARAMETER, Storage
from emulator.emit.relations import emit_query
from emulator.engine.loads import Load
from emulator.engine.lru import LruCache
from emulator.engine.statement import Statement
from emulator.engine.storage import Reads
from emulator.optimize.narrow import narrowed
from emulator.optimize.specialize import specialized, switches
from emulator.sql.ast import Parameter
from emulator.sql.render import render
from emulator.types import Schema

# Names of values beside those of declared parameters, which never begin like this.
NOW, LIMIT = "$now", "$limit"

_LIMIT_PARAMETER = "limit"

# A dozen conditions can meet in thousands of ways, a client meets a few of them.
_KEPT_VARIANTS = 64


@dataclass(frozen=True, slots=True)
class Prepared:
    """A SELECT with the columns of `schema`; `parameters` maps names to the DuckDB parameters that the SQL names."""

    statement: Statement
    schema: Schema
    parameters: Mapping[str, str]
    load: Load

    def arguments(self, values: Mapping[str, object]) -> dict[str, object] | None:
        """Return what DuckDB is to bind."""
        return {parameter: values[name] for name, parameter in self.parameters.items()} or None


def prepare(plan: Plan, storage: Storage, *, for_result: bool) -> Prepared:
    """Emit a plan; a result ends after as many rows as the value `$limit` says, so that no more is computed."""
    limit = Parameter(_LIMIT_PARAMETER, "BIGINT") if for_result else None
    reads = Reads(storage)
    emitted = emit_query(narrowed(plan), reads, for_result=for_result, limit=limit)
    parameters = dict(emitted.parameters)
    if emitted.uses_now:
        parameters[NOW] = NOW_PARAMETER
    if for_result:
        parameters[LIMIT] = _LIMIT_PARAMETER
    return Prepared(Statement(render(emitted.query)), emitted.schema, parameters, Load.of(plan, reads.identities))


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
