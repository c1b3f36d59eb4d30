"""`.show` of what runs and what has run: operations, queries, commands."""

from contextlib import suppress
from datetime import timedelta

from emulator.engine.commands.answer import answer, columns
from emulator.engine.commands.kinds import command_kind
from emulator.engine.core import Core
from emulator.engine.requests import QUERY, Request
from emulator.errors import KustoError
from emulator.result import ResultTable
from emulator.syntax.commands import ShowOperations
from emulator.syntax.parse_command import parse_command
from emulator.types import TICKS_PER_MICROSECOND

_OPERATIONS = columns(
    "OperationId:guid, Operation:string, NodeId:string, StartedOn:datetime, LastUpdatedOn:datetime, Duration:timespan,"
    "State:string, Status:string, RootActivityId:guid, ShouldRetry:bool, Database:string, Principal:string,"
    "User:string, AdminEpochStartTime:datetime"
)
# What is not measured is null or empty.
_QUERIES = columns(
    "ClientActivityId:string, Text:string, Database:string, StartedOn:datetime, LastUpdatedOn:datetime,"
    "Duration:timespan, State:string, RootActivityId:guid, User:string, FailureReason:string, TotalCpu:timespan,"
    "CacheStatistics:dynamic, Application:string, MemoryPeak:long, ScannedExtentsStatistics:dynamic, Principal:string,"
    "ClientRequestProperties:dynamic, ResultSetStatistics:dynamic, WorkloadGroup:string"
)
_COMMANDS = columns(
    "ClientActivityId:string, CommandType:string, Text:string, Database:string, StartedOn:datetime,"
    "LastUpdatedOn:datetime, Duration:timespan, State:string, RootActivityId:guid, User:string, FailureReason:string,"
    "Application:string, Principal:string, TotalCpu:timespan, ResourceUtilization:dynamic, WorkloadGroup:string"
)
_BOTH = columns(
    "ClientActivityId:string, CommandType:string, Text:string, Database:string, StartedOn:datetime,"
    "LastUpdatedOn:datetime, Duration:timespan, State:string, FailureReason:string, RootActivityId:guid, User:string,"
    "Application:string, Principal:string, ClientRequestProperties:dynamic, TotalCpu:timespan, MemoryPeak:long,"
    "CacheStatistics:dynamic, ScannedExtentsStatistics:dynamic, ResultSetStatistics:dynamic, WorkloadGroup:string"
)
_NOBODY, _GROUP = "anonymous", "default"


def show_operations(core: Core, command: ShowOperations) -> ResultTable:
    """List operations of this process, those that run last, or those of the given ids."""
    shown = [each for each in operations(core) if not command.ids or str(each.id) in command.ids]
    return answer(_OPERATIONS, map(_operation_row, shown))


def operations(core: Core) -> tuple[Request, ...]:
    """Return the commands that are more than questions, in the order of ending, and those that run or wait."""
    return tuple(each for each in (*core.requests.ended(), *_running(core)) if each.is_operation)


def _running(core: Core) -> tuple[Request, ...]:
    """Return what runs or waits; what nobody has parsed yet gets its kind."""
    running = core.requests.running()
    for each in running:
        if not each.kind:
            # Of a text that is none, or was cut off, it is told when its turn comes.
            with suppress(KustoError):
                each.kind = command_kind(parse_command(each.text))
    return running


def queries(core: Core) -> ResultTable:
    """List the queries that have ended."""
    return answer(_QUERIES, [_query_row(each) for each in core.requests.ended() if each.kind == QUERY])


def running_queries(core: Core) -> ResultTable:
    """List the queries that run."""
    return answer(_QUERIES, [_query_row(each) for each in core.requests.running() if each.kind == QUERY])


def commands(core: Core) -> ResultTable:
    """List the commands that have ended."""
    return answer(_COMMANDS, [_command_row(each) for each in core.requests.ended() if each.kind != QUERY])


def running_commands(core: Core) -> ResultTable:
    """List the commands that run, this one too."""
    return answer(_COMMANDS, [_command_row(each) for each in _running(core) if each.kind != QUERY])


def commands_and_queries(core: Core) -> ResultTable:
    """List all that has ended."""
    return answer(_BOTH, map(_row_of_both, core.requests.ended()))


def _ticks(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * TICKS_PER_MICROSECOND


def _operation_row(each: Request) -> tuple[object, ...]:
    head = (each.id, each.kind, "Node_0", each.started_on, each.updated_on, _ticks(each.duration), each.state)
    return (*head, each.failure, each.id, False, each.database, _NOBODY, _NOBODY, None)


def _query_row(each: Request) -> tuple[object, ...]:
    head = (each.client_id, each.text, each.database, each.started_on, each.updated_on, _ticks(each.duration))
    return (
        *(*head, each.state, each.id, _NOBODY, each.failure, None, None, each.application, None, None, _NOBODY),
        *(None, None, _GROUP),
    )


def _command_row(each: Request) -> tuple[object, ...]:
    head = (each.client_id, each.kind, each.text, each.database, each.started_on, each.updated_on)
    tail = (_NOBODY, each.failure, each.application, _NOBODY, None, None, _GROUP)
    return (*head, _ticks(each.duration), each.state, each.id, *tail)


def _row_of_both(each: Request) -> tuple[object, ...]:
    head = (each.client_id, each.kind, each.text, each.database, each.started_on, each.updated_on)
    tail = (_NOBODY, each.application, _NOBODY, None, None, None, None, None, None, _GROUP)
    return (*head, _ticks(each.duration), each.state, each.failure, each.id, *tail)
