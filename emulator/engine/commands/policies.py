"""Commands on policies: kept and shown as Kusto shows them.

The update policy is carried out; retention, caching, batching, merge and the like are recorded and have no effect here.
Policies that would restrict who sees what are refused, since nothing here would enforce them.
"""

from dataclasses import replace

from emulator.engine.catalog.records import Database
from emulator.engine.commands.answer import answer, columns, to_json
from emulator.engine.derived.update_policy import compile_policy
from emulator.engine.storage.transaction import Transaction, find_table, find_view
from emulator.errors import EntityNotFound, KustoError
from emulator.result import ResultTable
from emulator.schema.changes import column_policy, with_policy
from emulator.schema.entities import Policies
from emulator.schema.policies import NAMES, altered_policy, known_policy
from emulator.schema.update_policy import POLICY, read_update_policy
from emulator.syntax.commands import (
    AlterPolicy,
    DeletePolicy,
    Entity,
    EntityKind,
    ShowPolicy,
)

_SHOWN = columns("PolicyName:string, EntityName:string, Policy:string, ChildEntities:string, EntityType:string")

_ENTITY_TYPES = {
    EntityKind.CLUSTER: "Cluster",
    EntityKind.DATABASE: "Database",
    EntityKind.TABLE: "Table",
    EntityKind.MATERIALIZED_VIEW: "MaterializedView",
    EntityKind.COLUMN: "Column",
}


def alter_policy(transaction: Transaction, database: str, command: AlterPolicy) -> ResultTable:
    """Set or merge a policy of entities."""
    policy = known_policy(command.policy)
    rows = []
    for entity in command.entities:
        snapshot = transaction.database(database)
        current = _policies(snapshot, entity).get(policy)
        text = altered_policy(command, current)
        if policy == POLICY:
            _check_update_policy(snapshot, entity, text)
        _store(transaction, snapshot, entity, policy, text)
        rows.append(_row(transaction.database(database), entity, policy))
    return answer(_SHOWN, rows)


def delete_policy(transaction: Transaction, database: str, command: DeletePolicy) -> ResultTable:
    """Remove a policy; the entity then inherits."""
    policy = known_policy(command.policy)
    snapshot = transaction.database(database)
    _store(transaction, snapshot, command.entity, policy, None)
    return answer(_SHOWN, [_row(transaction.database(database), command.entity, policy)])


def show_policy(database: Database, command: ShowPolicy) -> ResultTable:
    """Show a policy of one entity, or of every entity of a kind (`*`)."""
    names = tuple(NAMES) if command.policy == "*" else (known_policy(command.policy),)
    entities = _entities(database, command.entity)
    return answer(_SHOWN, [_row(database, entity, name) for entity in entities for name in names])


def _check_update_policy(database: Database, entity: Entity, text: str) -> None:
    if entity.kind is not EntityKind.TABLE:
        raise KustoError("An update policy belongs to a table.", "BadRequest_InvalidPolicy", entity.span)
    target = find_table(database, entity.name or "")
    for policy in read_update_policy(text):
        if policy.is_wildcard:
            sources = [table for table in database.tables.values() if policy.matches(table.name)]
        else:
            sources = [find_table(database, policy.source)]
        if policy.is_enabled:
            for source in sources:
                compile_policy(database, policy, source, target)


def _policies(database: Database, entity: Entity) -> Policies:
    match entity.kind:
        case EntityKind.TABLE:
            return find_table(database, entity.name or "").policies
        case EntityKind.MATERIALIZED_VIEW:
            return find_view(database, entity.name or "").policies
        case EntityKind.COLUMN:
            policies = find_table(database, entity.container or "").policies
            prefix = column_policy(entity.name or "", "")
            return {name.removeprefix(prefix): text for name, text in policies.items() if name.startswith(prefix)}
        case EntityKind.DATABASE | EntityKind.CLUSTER:
            return database.policies
        case _:
            raise EntityNotFound(
                f"A {entity.kind.value} has no policies here.", "BadRequest_EntityNotFound", entity.span
            )


def _store(transaction: Transaction, database: Database, entity: Entity, policy: str, text: str | None) -> None:
    before = _policies(database, entity)
    if before.get(policy) == text:
        return
    name = column_policy(entity.name or "", policy) if entity.kind is EntityKind.COLUMN else policy
    match entity.kind:
        case EntityKind.TABLE | EntityKind.COLUMN:
            table = find_table(database, (entity.container if entity.kind is EntityKind.COLUMN else entity.name) or "")
            transaction.put(database.with_table(replace(table, policies=with_policy(table.policies, name, text))))
        case EntityKind.MATERIALIZED_VIEW:
            view = find_view(database, entity.name or "")
            transaction.put(database.with_view(replace(view, policies=with_policy(view.policies, name, text))))
        case _:
            transaction.put(replace(database, policies=with_policy(database.policies, name, text)))


def _entities(database: Database, entity: Entity) -> list[Entity]:
    if entity.name != "*":
        return [entity]
    match entity.kind:
        case EntityKind.TABLE:
            return [replace(entity, name=name) for name in database.tables]
        case EntityKind.MATERIALIZED_VIEW:
            return [replace(entity, name=name) for name in database.views]
        case EntityKind.COLUMN:
            return [
                replace(entity, name=column.name, container=table.name)
                for table in database.tables.values()
                for column in table.schema
            ]
        case _:
            return [replace(entity, name=None)]


def _row(database: Database, entity: Entity, policy: str) -> tuple[object, ...]:
    text = _policies(database, entity).get(policy)
    children = list(database.tables) if entity.kind is EntityKind.DATABASE else []
    return (NAMES[policy], _path(database, entity), text or "null", to_json(children), _ENTITY_TYPES[entity.kind])


def _path(database: Database, entity: Entity) -> str:
    match entity.kind:
        case EntityKind.CLUSTER:
            return ""
        case EntityKind.DATABASE:
            return f"[{database.name}]"
        case EntityKind.COLUMN:
            return f"[{database.name}].[{entity.container}].[{entity.name}]"
        case _:
            return f"[{database.name}].[{entity.name}]"
