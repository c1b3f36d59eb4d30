"""What follows from new rows of a table, compiled once per schema version of its database."""

from dataclasses import dataclass

from emulator.engine.catalog.records import Database, Table
from emulator.engine.catalog.snapshot_cache import SnapshotCache
from emulator.engine.derived.compile_upkeep import kept_views
from emulator.engine.derived.update_policy import compile_policy, policies_from
from emulator.engine.derived.upkeep import KeptView
from emulator.engine.running.stored_query import StoredQuery
from emulator.errors import KustoError
from emulator.schema.update_policy import UpdatePolicy


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """An update policy of `target`, compiled, or the fault that compiling it met."""

    target: Table
    policy: UpdatePolicy
    compiled: StoredQuery | KustoError


@dataclass(frozen=True, slots=True)
class Steps:
    """The consequences of new rows in one table."""

    views: tuple[KeptView, ...]
    policies: tuple[PolicyStep, ...]


class Pipelines:
    """The compiled steps of the latest snapshot of each database."""

    def __init__(self) -> None:
        self._compiled = SnapshotCache(_compile)

    def steps(self, database: Database, table: str) -> Steps:
        """Return the steps that follow new rows of a table."""
        return self._compiled.get(database, table)


def _compile(database: Database, name: str) -> Steps:
    table = database.tables[name]
    return Steps(
        kept_views(database, name),
        tuple(_policy_step(database, table, target, policy) for target, policy in policies_from(database, name)),
    )


def _policy_step(database: Database, source: Table, target: Table, policy: UpdatePolicy) -> PolicyStep:
    try:
        return PolicyStep(target, policy, compile_policy(database, policy, source, target))
    except KustoError as error:
        return PolicyStep(target, policy, error)
