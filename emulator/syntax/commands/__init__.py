"""AST of management commands: one frozen dataclass each, by family, in a closed union.

Texts that a database stores (bodies, queries, policies) are kept as written, beside what they parse to. Spans of
parsed parts point into the whole command text.
"""

from typing import TypeAlias

from emulator.syntax.commands.cancel import CancelOperation, CancelQuery
from emulator.syntax.commands.databases import ClearCache, CreateDatabase, DropDatabase, ExecuteScript, RefreshCache
from emulator.syntax.commands.functions import DefineFunction
from emulator.syntax.commands.ingest import IngestFromQuery, IngestFromStorage, IngestInline, IngestVerb
from emulator.syntax.commands.mappings import DefineMapping, DropMapping, ShowMappings
from emulator.syntax.commands.parts import DefineVerb, Entity, EntityKind, Properties, Property, property_text
from emulator.syntax.commands.policies import (
    AlterPolicy,
    DeletePolicy,
    PolicyJson,
    PolicyOrder,
    PolicySetting,
    PolicySettings,
    PolicySwitch,
    PolicyValue,
    ShowPolicy,
)
from emulator.syntax.commands.show import (
    GetResources,
    PipedCommand,
    ShowDatabasesEntities,
    ShowEntities,
    ShowOperations,
    ShowQueryPlan,
    ShowSchema,
    ShowTopic,
    UnbuiltCommand,
)
from emulator.syntax.commands.tables import (
    AlterColumnType,
    ClearData,
    DefineTables,
    DeleteRecords,
    DropColumns,
    DropEntities,
    RenameEntities,
    SetColumnDocstrings,
    SetEntityText,
    TableDefinition,
)
from emulator.syntax.commands.views import DefineMaterializedView, SetViewProperty, SwitchView

SimpleCommand: TypeAlias = (
    DefineTables
    | DropEntities
    | RenameEntities
    | SetEntityText
    | SetColumnDocstrings
    | AlterColumnType
    | DropColumns
    | ClearData
    | DeleteRecords
    | DefineFunction
    | DefineMaterializedView
    | SetViewProperty
    | SwitchView
    | AlterPolicy
    | DeletePolicy
    | ShowPolicy
    | DefineMapping
    | DropMapping
    | ShowMappings
    | IngestInline
    | IngestFromStorage
    | IngestFromQuery
    | CreateDatabase
    | DropDatabase
    | ExecuteScript
    | ClearCache
    | RefreshCache
    | GetResources
    | ShowEntities
    | ShowSchema
    | ShowDatabasesEntities
    | ShowOperations
    | ShowQueryPlan
    | ShowTopic
    | CancelQuery
    | CancelOperation
    | UnbuiltCommand
)

Command: TypeAlias = SimpleCommand | PipedCommand

__all__ = [
    "AlterColumnType",
    "AlterPolicy",
    "CancelOperation",
    "CancelQuery",
    "ClearCache",
    "ClearData",
    "Command",
    "CreateDatabase",
    "DefineFunction",
    "DefineMapping",
    "DefineMaterializedView",
    "DefineTables",
    "DefineVerb",
    "DeletePolicy",
    "DeleteRecords",
    "DropColumns",
    "DropDatabase",
    "DropEntities",
    "DropMapping",
    "Entity",
    "EntityKind",
    "ExecuteScript",
    "GetResources",
    "IngestFromQuery",
    "IngestFromStorage",
    "IngestInline",
    "IngestVerb",
    "PipedCommand",
    "PolicyJson",
    "PolicyOrder",
    "PolicySetting",
    "PolicySettings",
    "PolicySwitch",
    "PolicyValue",
    "Properties",
    "Property",
    "RefreshCache",
    "RenameEntities",
    "SetColumnDocstrings",
    "SetEntityText",
    "SetViewProperty",
    "ShowDatabasesEntities",
    "ShowEntities",
    "ShowMappings",
    "ShowOperations",
    "ShowPolicy",
    "ShowQueryPlan",
    "ShowSchema",
    "ShowTopic",
    "SimpleCommand",
    "SwitchView",
    "TableDefinition",
    "UnbuiltCommand",
    "property_text",
]
