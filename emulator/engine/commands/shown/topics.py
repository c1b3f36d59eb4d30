"""`.show` of the service itself, and other commands that clients expect to be answered."""

import os
from collections.abc import Callable

from emulator.binder.faults import unsupported
from emulator.engine.catalog.entities import Entities
from emulator.engine.commands.answer import answer, columns
from emulator.engine.commands.shown import requests
from emulator.engine.core import Core
from emulator.engine.failures import failures
from emulator.engine.queued.access import EXPORT, INGESTION_QUEUE, SCRATCH, STATUS_TABLE, Access, open_access
from emulator.engine.queued.store import ReportQueue
from emulator.engine.running.stored_query import bind_single, compile_plan
from emulator.engine.storage.relations import DuckStorage
from emulator.product_version import product_version
from emulator.result import ResultTable
from emulator.syntax.commands import GetResources, ShowQueryPlan, ShowTopic

_VERSION = columns(
    "BuildVersion:string, BuildTime:datetime, ServiceType:string, ProductVersion:string, ServiceOffering:string"
)
_CLUSTER = columns(
    "NodeId:string, Address:string, Name:string, StartTime:datetime, IsAdmin:bool, MachineTotalMemory:long,"
    "MachineAvailableMemory:long, ProcessorCount:int, EnvironmentDescription:string"
)
_CAPACITY = columns("Resource:string, Total:long, Consumed:long, Remaining:long, Origin:string")
_ROLES = columns("Scope:string, DisplayName:string, AADObjectID:string, Role:string")
_PRINCIPALS = columns(
    "Role:string, PrincipalType:string, PrincipalDisplayName:string, PrincipalObjectId:string, PrincipalFQN:string,"
    "Notes:string"
)
_FAILURES = columns(
    "OperationId:guid, Database:string, Table:string, FailedOn:datetime, IngestionSourcePath:string, Details:string,"
    "FailureKind:string, RootActivityId:guid, OperationKind:string, OriginatesFromUpdatePolicy:bool, ErrorCode:string,"
    "Principal:string, ShouldRetry:bool, User:string, IngestionProperties:string"
)
_DIAGNOSTICS = columns("IsHealthy:bool, IsScaleOutRequired:bool, MachinesTotal:long, MachinesOffline:long")
_EXTERNAL_TABLES = columns(
    "TableName:string, TableType:string, Folder:string, DocString:string, Properties:string, ConnectionStrings:string"
)
_PLAN = columns("ResultType:string, Format:string, Content:string")
_CACHE = columns("NodeId:string, Status:string")
_RESOURCE = columns("ResourceTypeName:string, StorageRoot:string")
_IDENTITY = columns("AuthorizationContext:string")
_EXPORT = columns("StorageRoot:string")
_RESOURCES = (
    ("SecuredReadyForAggregationQueue", INGESTION_QUEUE, "a"),
    ("FailedIngestionsQueue", ReportQueue.FAILED.value, "rp"),
    ("SuccessfulIngestionsQueue", ReportQueue.SUCCEEDED.value, "rp"),
    ("TempStorage", SCRATCH, "rw"),
    ("IngestionsStatusTable", STATUS_TABLE, "r"),
)

_EMPTY = {
    "continuous-exports": columns("Name:string, ExternalTableName:string, Query:string, IsDisabled:bool"),
    "entity_groups": columns("Name:string, Entities:string"),
    "external tables": _EXTERNAL_TABLES,
    "graph_models": columns("Name:string, CreationTime:datetime, ModelId:string, DatabaseName:string"),
    "rowstores": columns("DatabaseName:string, TableName:string, RowCount:long"),
    "stored_query_results": columns("StoredQueryResultId:guid, Name:string, DatabaseName:string"),
    "streamingingestion failures": columns("Database:string, Table:string, Principal:string, LastFailureOn:datetime"),
    "workload_groups": columns("WorkloadGroupName:string, WorkloadGroup:string"),
}


def show_topic(core: Core, database: str, command: ShowTopic) -> ResultTable:
    """Answer `.show version`, `.show capacity` and their kin."""
    build = _TOPICS.get(command.topic)
    if build is not None:
        return build(core, database)
    if command.topic in _EMPTY:
        return answer(_EMPTY[command.topic], [])
    raise unsupported(f".show {command.topic}", command.span)


def show_query_plan(core: Core, database: str, command: ShowQueryPlan) -> ResultTable:
    """Show the SQL that a query becomes, in place of the real engine's plan."""
    plan = bind_single(command.query, Entities(core.database(database)))
    return answer(_PLAN, [("RelopTree", "text", compile_plan(plan, DuckStorage()).sql)])


def cache_cleared() -> ResultTable:
    """Answer the clearing of a schema cache: there is none that could be old."""
    return answer(_CACHE, [("Node_0", "Succeeded")])


def get_resources(core: Core, command: GetResources) -> ResultTable:
    """Return what clients of queued ingestion ask for first; the wire completes the addresses."""
    if command.topic == "kusto identity token":
        return answer(_IDENTITY, [(_access(core).identity_token(),)])
    access = _access(core)
    resources = [(kind, access.signed(name, letters)) for kind, name, letters in _RESOURCES]
    return answer(_RESOURCE, resources)


def _version(_core: Core, _database: str) -> ResultTable:
    number = product_version()
    offering = '{"Type":"Emulator"}'
    return answer(_VERSION, [(number, None, "Engine", f"tickhouse {number}", offering)])


def _cluster(_core: Core, _database: str) -> ResultTable:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    row = ("Node_0", "127.0.0.1", "emulator", None, True, memory, memory, os.cpu_count() or 1, "embedded")
    return answer(_CLUSTER, [row])


def _capacity(_core: Core, _database: str) -> ResultTable:
    total = os.cpu_count() or 1
    resources = ("Ingestions", "Queries", "Materialized-View", "DataExport", "ExtentsMerge")
    return answer(_CAPACITY, [(name, total, 0, total, "Default") for name in resources])


def _roles(_core: Core, database: str) -> ResultTable:
    return answer(_ROLES, [(database, "anonymous", "", "Admin")])


def _principals(_core: Core, database: str) -> ResultTable:
    return answer(_PRINCIPALS, [(f"Database {database} Admin", "User", "anonymous", "", "anonymous", "")])


def _failures(core: Core, database: str) -> ResultTable:
    with core.cursor() as cursor:
        found = failures(cursor, database)
    rows = [
        (
            *(each.operation, each.database, each.table, each.failed_on, each.path, each.details, "Permanent"),
            *(each.operation, "UpdatePolicy" if each.is_from_policy else "DataIngestPull", each.is_from_policy),
            each.code,
            *("anonymous", False, "anonymous", f'{{"SourceTable":"{each.source}"}}' if each.source else ""),
        )
        for each in found
    ]
    return answer(_FAILURES, rows)


def _access(core: Core) -> Access:
    with core.cursor() as cursor:
        return open_access(cursor)


def _export_containers(core: Core, _database: str) -> ResultTable:
    return answer(_EXPORT, [(_access(core).signed(EXPORT, "rw"),)])


def _diagnostics(_core: Core, _database: str) -> ResultTable:
    return answer(_DIAGNOSTICS, [(True, False, 1, 0)])


_TOPICS: dict[str, Callable[[Core, str], ResultTable]] = {
    "version": _version,
    "cluster": _cluster,
    "capacity": _capacity,
    "principal roles": _roles,
    "principals": _principals,
    "cluster principals": _principals,
    "ingestion failures": _failures,
    "diagnostics": _diagnostics,
    "export containers": _export_containers,
    "queries": lambda core, _: requests.queries(core),
    "running queries": lambda core, _: requests.running_queries(core),
    "commands": lambda core, _: requests.commands(core),
    "running commands": lambda core, _: requests.running_commands(core),
    "commands-and-queries": lambda core, _: requests.commands_and_queries(core),
}
