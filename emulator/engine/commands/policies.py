"""Commands on policies: kept and shown as Kusto shows them.

The update policy is carried out; retention, caching, batching, merge and the like are recorded and have no effect here.
Policies that would restrict who sees what are refused, since nothing here would enforce them.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from emulator.binder.faults import unsupported
from emulator.engine.catalog.records import Database
from emulator.engine.commands.answer import answer, columns, to_json
from emulator.engine.derived.update_policy import compile_policy
from emulator.engine.storage.transaction import Transaction, find_table, find_view
from emulator.errors import EntityNotFound, KustoError, UnsupportedFault
from emulator.result import ResultTable
from emulator.schema.entities import Policies
from emulator.schema.update_policy import POLICY, read_update_policy, write_update_policy
from emulator.schema.user_json import read_user_json
from emulator.syntax.commands import (
    AlterPolicy,
    DeletePolicy,
    Entity,
    EntityKind,
    PolicyJson,
    PolicyOrder,
    PolicySetting,
    PolicySettings,
    PolicySwitch,
    ShowPolicy,
)
from emulator.syntax.expressions import DynamicLiteral, Literal, Name
from emulator.text_forms import timespan_text
from emulator.types import Scalar

_SHOWN = columns("PolicyName:string, EntityName:string, Policy:string, ChildEntities:string, EntityType:string")

_NAMES: Mapping[str, str] = {
    "auto_delete": "AutoDeletePolicy",
    "caching": "CachingPolicy",
    "capacity": "CapacityPolicy",
    "encoding": "EncodingPolicy",
    "extent_tags_retention": "ExtentTagsRetentionPolicy",
    "ingestionbatching": "IngestionBatchingPolicy",
    "ingestiontime": "IngestionTimePolicy",
    "managed_identity": "ManagedIdentityPolicy",
    "merge": "MergePolicy",
    "mirroring": "MirroringPolicy",
    "partitioning": "PartitioningPolicy",
    "query_acceleration": "QueryAccelerationPolicy",
    "query_weak_consistency": "QueryWeakConsistencyPolicy",
    "restricted_view_access": "RestrictedViewAccessPolicy",
    "retention": "RetentionPolicy",
    "row_level_security": "RowLevelSecurityPolicy",
    "roworder": "RowOrderPolicy",
    "sharding": "ShardingPolicy",
    "streamingingestion": "StreamingIngestionPolicy",
    "update": "UpdatePolicy",
}
_ENFORCED_NOWHERE = frozenset({"restricted_view_access", "row_level_security"})
_ENTITY_TYPES = {
    EntityKind.CLUSTER: "Cluster",
    EntityKind.DATABASE: "Database",
    EntityKind.TABLE: "Table",
    EntityKind.MATERIALIZED_VIEW: "MaterializedView",
    EntityKind.COLUMN: "Column",
}
_SETTING_NAMES = {
    "softdelete": "SoftDeletePeriod",
    "recoverability": "Recoverability",
    "hintallocatedrate": "HintAllocatedRate",
}


def alter_policy(transaction: Transaction, database: str, command: AlterPolicy) -> ResultTable:
    """Set or merge a policy of entities."""
    policy = _known(command.policy)
    rows = []
    for entity in command.entities:
        snapshot = transaction.database(database)
        current = _policies(snapshot, entity).get(policy)
        text = _policy_text(policy, command, current)
        if policy == POLICY:
            text = _validated_update_policy(snapshot, entity, text)
        _store(transaction, snapshot, entity, policy, text)
        rows.append(_row(transaction.database(database), entity, policy))
    return answer(_SHOWN, rows)


def delete_policy(transaction: Transaction, database: str, command: DeletePolicy) -> ResultTable:
    """Remove a policy; the entity then inherits."""
    policy = _known(command.policy)
    snapshot = transaction.database(database)
    _store(transaction, snapshot, command.entity, policy, None)
    return answer(_SHOWN, [_row(transaction.database(database), command.entity, policy)])


def show_policy(database: Database, command: ShowPolicy) -> ResultTable:
    """Show a policy of one entity, or of every entity of a kind (`*`)."""
    names = tuple(_NAMES) if command.policy == "*" else (_known(command.policy),)
    entities = _entities(database, command.entity)
    return answer(_SHOWN, [_row(database, entity, name) for entity in entities for name in names])


def _known(name: str) -> str:
    folded = name.lower()
    if folded not in _NAMES:
        raise KustoError(f"Unknown policy '{name}'.", "BadRequest_UnknownPolicy", hint=f"known are {', '.join(_NAMES)}")
    return folded


def _policy_text(policy: str, command: AlterPolicy, current: str | None) -> str:
    document = _document(policy, command)
    if command.merge and current is not None:
        before = json.loads(current)
        if isinstance(before, dict) and isinstance(document, dict):
            document = {**before, **document}
        elif isinstance(before, list) and isinstance(document, list):
            document = [*before, *document]
    return to_json(document)


def _document(policy: str, command: AlterPolicy) -> object:
    match command.value:
        case PolicyJson(text):
            try:
                document = read_user_json(text)
            except ValueError as error:
                raise KustoError(f"The policy is not JSON: {error}.", "BadRequest_InvalidPolicy") from error
            if policy in _ENFORCED_NOWHERE and document:
                raise _unenforced(policy, command)
            return document
        case PolicySwitch(enabled, query):
            if policy in _ENFORCED_NOWHERE and enabled:
                raise _unenforced(policy, command)
            return {"IsEnabled": enabled, **({"Query": query} if query else {})}
        case PolicySettings(settings):
            return _caching(settings) if policy == "caching" else _settings(settings)
        case PolicyOrder(keys):
            return {
                "Keys": [
                    {"Name": key.expression.text, "Ascending": key.ascending is not False}
                    for key in keys
                    if isinstance(key.expression, Name)
                ]
            }


def _unenforced(policy: str, command: AlterPolicy) -> UnsupportedFault:
    return unsupported(f"policy '{policy}': it would not be enforced", command.span)


def _caching(settings: tuple[PolicySetting, ...]) -> dict[str, object]:
    document: dict[str, object] = {}
    windows = []
    for setting in settings:
        match setting.name.lower():
            case "hot" | "hotdata":
                document["DataHotSpan"] = {"Value": _value(setting.value)}
                document.setdefault("IndexHotSpan", {"Value": _value(setting.value)})
            case "hotindex":
                document["IndexHotSpan"] = {"Value": _value(setting.value)}
            case "hot_window" if setting.upper is not None:
                windows.append({"MinValue": _value(setting.value), "MaxValue": _value(setting.upper)})
            case _:
                raise KustoError(f"Unknown caching setting '{setting.name}'.", "BadRequest_InvalidPolicy")
    if windows:
        document["HotWindows"] = windows
    return document


def _settings(settings: tuple[PolicySetting, ...]) -> dict[str, object]:
    return {_SETTING_NAMES.get(each.name.lower(), each.name): _value(each.value) for each in settings}


def _value(value: Literal | DynamicLiteral | Name) -> object:
    match value:
        case Literal(Scalar.TIMESPAN, int() as ticks):
            return timespan_text(ticks)
        case Literal(value=content):
            return content
        case DynamicLiteral(text=text):
            return json.loads(text)
        case Name(text=text):
            return text.capitalize()


def _validated_update_policy(database: Database, entity: Entity, text: str) -> str:
    if entity.kind is not EntityKind.TABLE:
        raise KustoError("An update policy belongs to a table.", "BadRequest_InvalidPolicy", entity.span)
    target = find_table(database, entity.name or "")
    policies = read_update_policy(text)
    for policy in policies:
        if policy.is_wildcard:
            sources = [table for table in database.tables.values() if policy.matches(table.name)]
        else:
            sources = [find_table(database, policy.source)]
        if policy.is_enabled:
            for source in sources:
                compile_policy(database, policy, source, target)
    return write_update_policy(policies)


def _policies(database: Database, entity: Entity) -> Policies:
    match entity.kind:
        case EntityKind.TABLE:
            return find_table(database, entity.name or "").policies
        case EntityKind.MATERIALIZED_VIEW:
            return find_view(database, entity.name or "").policies
        case EntityKind.COLUMN:
            policies = find_table(database, entity.container or "").policies
            prefix = f"column {entity.name} "
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
    name = f"column {entity.name} {policy}" if entity.kind is EntityKind.COLUMN else policy

    def changed(policies: Policies) -> dict[str, str]:
        left = {key: value for key, value in policies.items() if key != name}
        return left if text is None else {**left, name: text}

    match entity.kind:
        case EntityKind.TABLE | EntityKind.COLUMN:
            table = find_table(database, (entity.container if entity.kind is EntityKind.COLUMN else entity.name) or "")
            transaction.put(database.with_table(replace(table, policies=changed(table.policies))))
        case EntityKind.MATERIALIZED_VIEW:
            view = find_view(database, entity.name or "")
            transaction.put(database.with_view(replace(view, policies=changed(view.policies))))
        case _:
            transaction.put(replace(database, policies=changed(database.policies)))


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
    return (_NAMES[policy], _path(database, entity), text or "null", to_json(children), _ENTITY_TYPES[entity.kind])


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
