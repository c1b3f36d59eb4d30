"""What was not foreseen: one line with an id in the log, and nothing of its cause in the answer."""

import logging
from collections.abc import Callable
from types import TracebackType
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_LOG = logging.getLogger(__name__)
_LONGEST = 300


def log_fault(what: str, id_: str, error: BaseException, log: logging.Logger = _LOG) -> None:
    """Log an error in one line: a recursion's traceback alone has thousands. Debugging shows it in full."""
    texts = [str(each)[:_LONGEST].encode("unicode_escape").decode() for each in (error, error.__cause__) if each]
    told = f"{type(error).__name__}: {', by '.join(texts)}"
    log.error("%s %s failed: %s (%s)", what, id_, told, _place(error.__traceback__))
    log.debug("%s %s", what, id_, exc_info=error)


class FaultLayer:
    """Pure ASGI layer in front of everything: answers errors that nothing else did, by `answer` of an id."""

    def __init__(self, app: ASGIApp, answer: Callable[[str], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            # A client that left while its body was read is no fault of anyone's, and reads no answer.
            return
        except Exception as error:
            if scope["type"] != "http":
                raise
            id_ = str(uuid4())
            log_fault("request", id_, error)
            try:
                await self._answer(id_)(scope, receive, send)
            except RuntimeError:
                # An answer was under way: the server sees that it does not end, and closes the connection.
                return


def _place(traceback: TracebackType | None) -> str:
    if traceback is None:
        return "nowhere"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
