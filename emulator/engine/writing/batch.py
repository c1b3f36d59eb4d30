"""A batch on its way through a database: landing rows, what update policies make of them, what views accumulate.

All of it happens in the transaction of the landing rows. Tables that a chain of policies reaches twice take part once,
as on a real Eventhouse.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from emulator.engine.catalog.records import Table
from emulator.engine.derived.steps import Pipelines, PolicyStep
from emulator.engine.failures import Failure, PolicyAborted, record_failure
from emulator.engine.faults import is_of_statement, kusto_fault
from emulator.engine.relation_names import batch_name
from emulator.engine.session.budget import BudgetEnded
from emulator.engine.storage.rows import Rows
from emulator.engine.storage.transaction import Transaction
from emulator.errors import IngestionFault, KustoError


class UpdatePolicyTimeout(IngestionFault):
    """A transactional update policy takes too long for the rows: fewer of them, or all of them later, may be stored."""

    # So is `Timeout` (error-codes.md).
    permanent = False


class Batch:
    """The rows of one table that a transaction adds, and their consequences."""

    def __init__(self, transaction: Transaction, pipelines: Pipelines, database: str) -> None:
        self._transaction = transaction
        self._pipelines = pipelines
        self._database = database

    def add(self, table: Table, rows_query: str, values: Mapping[str, datetime]) -> int:
        """Add the rows of a query, by position in the table's types, and all that follows; return how many they are."""
        count = self._transaction.staging.stage(table.relation, table.schema, rows_query, values)
        self._transaction.budget.allow_for(count)
        self._spread(table, count, frozenset())
        return count

    def add_rows(self, table: Table, rows: Sequence[Rows]) -> None:
        """Add rows with the physical columns of the table, and all that follows."""
        count = self._transaction.staging.stage_rows(table.relation, table.schema, rows)
        self._transaction.budget.allow_for(count)
        self._spread(table, count, frozenset())

    def _spread(self, table: Table, count: int, chain: frozenset[str]) -> None:
        if not count:
            return
        transaction = self._transaction
        transaction.staging.append(table.relation, table.schema, transaction.time, count)
        steps = self._pipelines.steps(transaction.database(self._database), table.name)
        for view in steps.views:
            view.apply(transaction, count)
        for step in steps.policies:
            if step.target.name not in chain and step.target.name != table.name:
                self._follow(step, table, count, chain | {table.name})

    def _follow(self, step: PolicyStep, source: Table, count: int, chain: frozenset[str]) -> None:
        try:
            self._spread(step.target, self._run(step, source, count), chain)
        except IngestionFault as fault:
            # A transactional policy over the target fails the target's rows; whether the source's, this policy says.
            if step.policy.is_transactional:
                raise
            raise PolicyAborted(_key(step), self._failure(step, source, fault)) from fault

    def _run(self, step: PolicyStep, source: Table, count: int) -> int:
        if _key(step) in self._transaction.lost:
            return 0
        if isinstance(step.compiled, KustoError):
            if step.policy.is_transactional:
                raise self._fault(step, step.compiled) from step.compiled
            record_failure(self._transaction.connection, self._failure(step, source, step.compiled))
            return 0
        compiled, target = step.compiled, step.target
        values = {"now": self._transaction.time} if compiled.uses_now else {}
        limit = count if compiled.reads <= {batch_name(source.relation)} else None
        try:
            with self._transaction.budget.step((self._database, *_key(step))):
                return self._transaction.staging.stage(target.relation, target.schema, compiled.sql, values, limit)
        except (BudgetEnded, duckdb.Error) as error:
            if isinstance(error, duckdb.Error) and not is_of_statement(error):
                raise
            if step.policy.is_transactional:
                raise self._fault(step, error) from error
            raise PolicyAborted(_key(step), self._failure(step, source, error)) from error

    def _fault(self, step: PolicyStep, error: Exception) -> IngestionFault:
        message = f"The update policy of table '{step.target.name}' failed: {_details(error)}"
        hint = f"its query is: {step.policy.query}"
        if isinstance(error, BudgetEnded):
            return UpdatePolicyTimeout(message, "E_QUERY_TIMEOUT", hint=hint)
        # A policy that is broken for every row has Kusto's own code (error-codes.md).
        code = "UpdatePolicy_BadRequest" if isinstance(error, KustoError) else "BadRequest_UpdatePolicyFailure"
        return IngestionFault(message, code, hint=hint)

    def _failure(self, step: PolicyStep, source: Table, error: Exception) -> Failure:
        return Failure(
            self._transaction.time,
            self._database,
            step.target.name,
            _details(error),
            source.name,
            is_from_policy=True,
        )


def _key(step: PolicyStep) -> tuple[str, str]:
    return step.target.name, step.policy.query


def _details(error: Exception) -> str:
    match error:
        case KustoError():
            return error.message
        case duckdb.Error():
            return kusto_fault(error).message
        case _:
            return str(error)
