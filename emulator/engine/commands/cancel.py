"""Commands that end what runs."""

from emulator.engine.commands.answer import answer, columns
from emulator.engine.commands.shown.requests import operations
from emulator.engine.core import Core
from emulator.engine.requests import QUERY
from emulator.errors import EntityNotFound
from emulator.result import ResultTable
from emulator.syntax.commands import CancelOperation, CancelQuery, property_text

_QUERY = columns("ClientRequestId:string, ReasonPhrase:string, RunningQueryCanceled:bool")
_OPERATION = columns(
    "OperationId:guid, Operation:string, StartedOn:datetime, CancellationState:string, ReasonPhrase:string"
)
_REASON = "Query cancelled by the user's request"


def cancel_query(core: Core, command: CancelQuery) -> ResultTable:
    """Cancel the running queries that a client calls so; there may be none."""
    reason = property_text(command.properties, "reason") or _REASON
    found = [
        each
        for each in core.requests.running()
        if each.kind == QUERY and command.client_id in (each.client_id, str(each.id))
    ]
    if not found:
        return answer(_QUERY, [(command.client_id, "No running query has this id.", False)])
    canceled = [each.work.cancel(reason) for each in found]
    return answer(_QUERY, [(command.client_id, reason if any(canceled) else "It ends already.", any(canceled))])


def cancel_operation(core: Core, command: CancelOperation) -> ResultTable:
    """Cancel a running command; the answer says whether it could be."""
    reason = property_text(command.properties, "reason") or ""
    id_ = command.id.lower()
    found = next((each for each in operations(core) if str(each.id) == id_), None)
    if found is None:
        raise EntityNotFound(
            f"Entity '{command.id}' of kind 'Operation' was not found.",
            "BadRequest_EntityNotFound",
            command.span,
            "`.show operations` lists those of this process",
        )
    state, why = "Cancel failed", f"The operation is {found.state} already."
    if found.ended_on is None:
        is_canceled = found.work.cancel(reason)
        state, why = ("Canceled successfully", reason) if is_canceled else (state, "The operation ends already.")
    return answer(_OPERATION, [(found.id, found.kind, found.started_on, state, why)])
