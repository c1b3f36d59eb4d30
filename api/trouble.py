"""What callers read of the Eventhouse's trouble; what the engine says of itself goes to the log, under an id."""

from uuid import uuid4

from emulator.errors import (
    AccessFault,
    EngineFault,
    EntityNotFound,
    KustoError,
    LimitFault,
    NetworkFault,
    SemanticFault,
)
from emulator.listening.faults import log_fault

# A value that the engine could not compute, told in the engine's words.
_VALUE_CODE = "SEM0053"
_DEPLOY = "is the market database deployed? `tickhouse deploy` brings it up to date"


def told(error: KustoError) -> tuple[str, str]:
    """Return a text and a hint for whoever asked; the words of engine and service are logged in one line instead."""
    if not _is_inner(error):
        is_undeployed = isinstance(error, EntityNotFound | SemanticFault) and not isinstance(error, LimitFault)
        return f"The Eventhouse refused: {error.message}", _DEPLOY if is_undeployed else error.hint
    id_ = str(uuid4())
    log_fault("query", id_, error)
    # Where the Eventhouse is reached is of no use to who may reach the API alone.
    failed = "cannot be reached" if isinstance(error, NetworkFault) else "failed"
    return f"The Eventhouse {failed} (fault {id_}).", "the cause stands in the API's log under this id"


def _is_inner(error: KustoError) -> bool:
    return isinstance(error, EngineFault | AccessFault | NetworkFault) or error.code == _VALUE_CODE
