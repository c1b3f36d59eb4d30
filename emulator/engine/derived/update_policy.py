"""Update policies: their JSON, their checks, and the SQL that turns new rows of a source into rows of a target."""

import fnmatch
import json
from collections.abc import Iterator
from dataclasses import dataclass

from emulator.binder.entities import StoredTable
from emulator.binder.plan import Stored
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database, Table
from emulator.engine.running.compile import Compiled, compile_rows
from emulator.engine.storage.relations import DuckStorage, batch_name
from emulator.engine.user_json import read_user_json
from emulator.errors import KustoError, SemanticFault
from emulator.types import Schema

POLICY = "update"


@dataclass(frozen=True, slots=True)
class UpdatePolicy:
    """One element of a table's update policy: `query` makes rows of the table from new rows of `source`."""

    source: str
    query: str
    is_enabled: bool = True
    is_wildcard: bool = False
    is_transactional: bool = False
    propagates_properties: bool = False

    def matches(self, table: str) -> bool:
        """Tell whether a table is a source of this policy."""
        return fnmatch.fnmatchcase(table, self.source) if self.is_wildcard else table == self.source


def read_policies(text: str | None) -> tuple[UpdatePolicy, ...]:
    """Read the JSON of an update policy; None and `null` are no policy."""
    document = json.loads(text) if text else None
    return tuple(map(_policy, document or ()))


def parse_policies(text: str) -> tuple[UpdatePolicy, ...]:
    """Read an update policy as a command gives it, or raise KustoError."""
    try:
        document = read_user_json(text)
        if document is not None and not isinstance(document, list):
            raise TypeError("an update policy is a JSON array of objects")
        return tuple(map(_policy, document or ()))
    except (ValueError, TypeError, KeyError) as error:
        raise KustoError(f"Invalid update policy: {error}.", "BadRequest_InvalidPolicy") from error


def canonical(policies: tuple[UpdatePolicy, ...]) -> str:
    """Write an update policy as Kusto shows it."""
    return json.dumps(
        [
            {
                "IsEnabled": policy.is_enabled,
                "Source": policy.source,
                "SourceIsWildCard": policy.is_wildcard,
                "Query": policy.query,
                "IsTransactional": policy.is_transactional,
                "PropagateIngestionProperties": policy.propagates_properties,
                "ManagedIdentity": None,
            }
            for policy in policies
        ]
    )


def policies_from(database: Database, source: str) -> Iterator[tuple[Table, UpdatePolicy]]:
    """Yield the tables that new rows of a source are to be turned into, with the policy."""
    for table in database.tables.values():
        for policy in read_policies(table.policies.get(POLICY)):
            if policy.is_enabled and policy.matches(source):
                yield table, policy


def compile_policy(database: Database, policy: UpdatePolicy, source: Table, target: Table) -> Compiled:
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


def _policy(element: object) -> UpdatePolicy:
    if not isinstance(element, dict):
        raise TypeError("an element of an update policy is an object")
    fields = {str(key).lower(): value for key, value in element.items()}
    for name in ("source", "query"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise KeyError(f"'{name.capitalize()}' is missing")
    return UpdatePolicy(
        fields["source"],
        fields["query"],
        is_enabled=_flag(fields.get("isenabled", True)),
        is_wildcard=_flag(fields.get("sourceiswildcard", False)),
        is_transactional=_flag(fields.get("istransactional", False)),
        propagates_properties=_flag(fields.get("propagateingestionproperties", False)),
    )


def _flag(value: object) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)
