"""A database as its definitions: what management commands say of it, one after the other, without an engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from emulator.errors import EntityNotFound
from emulator.schema.canonical import (
    canonical_function,
    canonical_mappings,
    canonical_policies,
    canonical_table,
    canonical_view,
)
from emulator.schema.changes import (
    column_policy,
    declared_schema,
    defined_function,
    defined_view,
    redefined_schema,
    with_column_docstrings,
    with_mapping,
    with_policy,
    with_text,
    with_texts,
    with_view_properties,
)
from emulator.schema.entities import Function, IngestionMapping, MaterializedView, Policies, Table
from emulator.schema.policies import altered_policy, known_policy
from emulator.syntax.commands import (
    AlterPolicy,
    Command,
    DefineFunction,
    DefineMapping,
    DefineMaterializedView,
    DefineTables,
    DefineVerb,
    DeletePolicy,
    Entity,
    EntityKind,
    SetColumnDocstrings,
    SetEntityText,
    SetViewProperty,
    TableDefinition,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Definitions:
    """The entities of one database by name, with its own policies and mappings; two of them compare by equality."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    views: Mapping[str, MaterializedView] = field(default_factory=dict)
    policies: Policies = field(default_factory=dict)
    mappings: tuple[IngestionMapping, ...] = ()

    def after(self, command: Command) -> "Definitions":
        """Return the definitions after a command; one that defines nothing, such as `.ingest`, leaves them as they are.

        Raises KustoError where the command names an entity that is not defined.
        """
        match command:
            case DefineTables():
                tables = {each.name.text: self._table(command, each) for each in command.tables}
                return replace(self, tables={**self.tables, **tables})
            case DefineFunction(name=name):
                function = defined_function(command, self.functions.get(name.text))
                return replace(self, functions={**self.functions, function.name: function})
            case DefineMaterializedView(name=name):
                view = defined_view(command, self.views.get(name.text))
                return replace(self, views={**self.views, view.name: view})
            case SetColumnDocstrings(table=name, docstrings=docstrings, merge=merge):
                texts = {column.text: text for column, text in docstrings}
                return self._with_table(
                    with_column_docstrings(_found("Table", self.tables, name.text), texts, merge=merge)
                )
            case SetEntityText(entity=entity, field=field_, text=text):
                return self._with_text(entity, field_, text)
            case SetViewProperty(name=name, property=property_):
                view = with_view_properties(_found("Materialized view", self.views, name.text), (property_,))
                return replace(self, views={**self.views, view.name: view})
            case DefineMapping(entity=entity):
                mapping = IngestionMapping(command.name, command.kind, command.mapping_text.strip())
                return self._with_mapping(entity, mapping)
            case AlterPolicy():
                changed = self
                for entity in command.entities:
                    changed = changed._with_policy(entity, command.policy, lambda now: altered_policy(command, now))
                return changed
            case DeletePolicy(entity=entity, policy=policy):
                return self._with_policy(entity, policy, lambda _: None)
            case _:
                return self

    def canonical(self) -> "Definitions":
        """Return the same definitions with every text in its canonical form: equal ones mean the same."""
        return Definitions(
            {name: canonical_table(table) for name, table in self.tables.items()},
            {name: canonical_function(function) for name, function in self.functions.items()},
            {name: canonical_view(view) for name, view in self.views.items()},
            canonical_policies(self.policies),
            canonical_mappings(self.mappings),
        )

    def _table(self, command: DefineTables, definition: TableDefinition) -> Table:
        existing = self.tables.get(definition.name.text)
        declared = declared_schema(definition.columns)
        if existing is None:
            return with_texts(Table(definition.name.text, declared), DefineVerb.CREATE_OR_ALTER, command.properties)
        schema = redefined_schema(existing, command.verb, declared)
        return with_texts(replace(existing, schema=schema), command.verb, command.properties)

    def _with_table(self, table: Table) -> "Definitions":
        return replace(self, tables={**self.tables, table.name: table})

    def _with_text(self, entity: Entity, field_: str, text: str) -> "Definitions":
        key = entity.name or ""
        match entity.kind:
            case EntityKind.TABLE:
                return self._with_table(with_text(_found("Table", self.tables, key), field_, text))
            case EntityKind.FUNCTION:
                function = with_text(_found("Function", self.functions, key), field_, text)
                return replace(self, functions={**self.functions, key: function})
            case EntityKind.MATERIALIZED_VIEW:
                view = with_text(_found("Materialized view", self.views, key), field_, text)
                return replace(self, views={**self.views, key: view})
            case EntityKind.COLUMN:
                table = _found("Table", self.tables, entity.container or "")
                return self._with_table(with_column_docstrings(table, {key: text}, merge=True))
            case _:
                return self

    def _with_mapping(self, entity: Entity, mapping: IngestionMapping) -> "Definitions":
        if entity.kind is not EntityKind.TABLE:
            return replace(self, mappings=with_mapping(self.mappings, mapping))
        table = _found("Table", self.tables, entity.name or "")
        return self._with_table(replace(table, mappings=with_mapping(table.mappings, mapping)))

    def _with_policy(self, entity: Entity, policy: str, change: Callable[[str | None], str | None]) -> "Definitions":
        policy = known_policy(policy)
        match entity.kind:
            case EntityKind.TABLE | EntityKind.COLUMN:
                is_column = entity.kind is EntityKind.COLUMN
                table = _found("Table", self.tables, (entity.container if is_column else entity.name) or "")
                key = column_policy(entity.name or "", policy) if is_column else policy
                policies = with_policy(table.policies, key, change(table.policies.get(key)))
                return self._with_table(replace(table, policies=policies))
            case EntityKind.MATERIALIZED_VIEW:
                view = _found("Materialized view", self.views, entity.name or "")
                view = replace(view, policies=with_policy(view.policies, policy, change(view.policies.get(policy))))
                return replace(self, views={**self.views, view.name: view})
            case _:
                return replace(self, policies=with_policy(self.policies, policy, change(self.policies.get(policy))))


def _found(kind: str, entities: Mapping[str, T], name: str) -> T:
    entity = entities.get(name)
    if entity is None:
        raise EntityNotFound(f"{kind} '{name}' is not defined.", "BadRequest_EntityNotFound")
    return entity
