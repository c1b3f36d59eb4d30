"""A batch on its way through a database: landing rows, what update policies make of them, what views accumulate.

All of it happens in the transaction of the landing rows. Tables that a chain of policies reaches twice take part once,
as on a real Eventhouse.
"""

from collections.abc import Mapping

import duckdb

from emulator.engine import storage
from emulator.engine.catalog import Table
from emulator.engine.failures import Failure, PolicyAborted, record_failure
from emulator.engine.faults import kusto_fault
from emulator.engine.pipelines import Pipelines, PolicyStep
from emulator.engine.transaction import Transaction
from emulator.engine.view_upkeep import apply_batch
from emulator.errors import IngestionFault, KustoError


class Batch:
    """The rows of one table that a transaction adds, and their consequences.

    `lost` are the policies, as (target, query), that failed before and are left out, with why.
    """

    def __init__(
        self,
        transaction: Transaction,
        pipelines: Pipelines,
        database: str,
        lost: Mapping[tuple[str, str], Failure],
    ) -> None:
        self._transaction = transaction
        self._connection = transaction.connection
        self._pipelines = pipelines
        self._database = database
        self._lost = lost

    def add(self, table: Table, rows_query: str, **values: object) -> int:
        """Add the rows of a query, by position in the table's types, and all that follows; return how many they are."""
        count = storage.stage(self._connection, table.relation, table.schema, rows_query, **values)
        if count:
            self._spread(table, frozenset())
        return count

    def _spread(self, table: Table, chain: frozenset[str]) -> None:
        time = self._transaction.time
        storage.append_batch(self._connection, table.relation, table.schema, time)
        steps = self._pipelines.steps(self._transaction.database(self._database), table.name)
        for view in steps.views:
            apply_batch(self._connection, view, time)
        for step in steps.policies:
            if step.target.name not in chain and step.target.name != table.name and self._run(step, table):
                self._spread(step.target, chain | {table.name})

    def _run(self, step: PolicyStep, source: Table) -> bool:
        key = (step.target.name, step.policy.query)
        if key in self._lost:
            return False
        if isinstance(step.compiled, KustoError):
            if step.policy.is_transactional:
                raise self._fault(step, step.compiled) from step.compiled
            record_failure(self._connection, self._failure(step, source, step.compiled))
            return False
        values = {"now": self._transaction.time} if step.compiled.uses_now else {}
        target = step.target
        try:
            return storage.stage(self._connection, target.relation, target.schema, step.compiled.sql, **values) > 0
        except duckdb.Error as error:
            if step.policy.is_transactional:
                raise self._fault(step, error) from error
            raise PolicyAborted(key, self._failure(step, source, error)) from error

    def _fault(self, step: PolicyStep, error: Exception) -> IngestionFault:
        return IngestionFault(
            f"The update policy of table '{step.target.name}' failed: {_details(error)}",
            "BadRequest_UpdatePolicyFailure",
            hint=f"its query is: {step.policy.query}",
        )

    def _failure(self, step: PolicyStep, source: Table, error: Exception) -> Failure:
        return Failure(
            self._transaction.time,
            self._database,
            step.target.name,
            _details(error),
            source.name,
            is_from_policy=True,
        )


def _details(error: Exception) -> str:
    match error:
        case KustoError():
            return error.message
        case duckdb.Error():
            return kusto_fault(error).message
        case _:
            return str(error)
