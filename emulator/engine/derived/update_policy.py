"""Update policies carried out: their checks, and the SQL that turns new rows of a source into rows of a target."""

from collections.abc import Iterator

from emulator.binder.entities import StoredTable
from emulator.binder.plan import Stored
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database, Table
from emulator.engine.relation_names import batch_name
from emulator.engine.running.stored_query import StoredQuery, compile_rows
from emulator.engine.storage.relations import DuckStorage
from emulator.errors import SemanticFault
from emulator.schema.update_policy import POLICY, UpdatePolicy, read_update_policy
from emulator.types import Schema


def policies_from(database: Database, source: str) -> Iterator[tuple[Table, UpdatePolicy]]:
    """Yield the tables that new rows of a source are to be turned into, with the policy."""
    for table in database.tables.values():
        for policy in read_update_policy(table.policies.get(POLICY)):
            if policy.is_enabled and policy.matches(source):
                yield table, policy


def compile_policy(database: Database, policy: UpdatePolicy, source: Table, target: Table) -> StoredQuery:
    """Compile a policy's query over the batch of its source; its columns must fit the target by position."""
    batch = StoredTable(Stored(source.name, batch_name(source.relation), source.schema))
    compiled = compile_rows(policy.query, Entities(database, {source.name: batch}), DuckStorage())
    check_schema(compiled.schema, target)
    return compiled


def check_schema(found: Schema, target: Table) -> None:
    """Compare a policy's columns with its target's, types in order, or raise SemanticFault in Kusto's words."""
    types = [column.type.scalar for column in found]
    if types != [column.type.scalar for column in target.schema]:
        raise SemanticFault(
            "Update policy query: Query schema does not match table schema. "
            f"QuerySchema=({found.csl()}), TableSchema=({target.schema.csl()}), Table={target.name}",
            "BadRequest_QuerySchemaDoesNotMatchTableSchema",
            hint="columns are matched by position; only their types count",
        )
