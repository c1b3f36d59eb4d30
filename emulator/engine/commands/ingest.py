"""`.ingest inline`: rows in the text of a command."""

import uuid
from time import monotonic

from emulator.engine.commands.answer import answer, columns
from emulator.engine.commands.ingest_by import ingest_by
from emulator.engine.core import Core
from emulator.engine.ingestion.payload import Payload
from emulator.engine.storage.transaction import Transaction, find_table
from emulator.result import ResultTable
from emulator.syntax.commands import IngestInline, property_text
from emulator.types import TICKS_PER_SECOND

_INLINE = columns("ExtentId:guid, ItemLoaded:string, Duration:timespan, HasErrors:bool, OperationId:guid")


def ingest_inline(core: Core, database: str, command: IngestInline) -> ResultTable:
    """Store the text after `<|`; its format is csv unless told otherwise."""
    started = monotonic()
    format_ = property_text(command.properties, "format") or "csv"
    mapping = property_text(command.properties, "ingestionMappingReference")
    skips = (property_text(command.properties, "ignoreFirstRecord") or "").lower() == "true"
    payload = Payload(command.data.encode(), format_, mapping, ignore_first_record=skips)
    once = ingest_by(command.properties)

    def tag(transaction: Transaction) -> None:
        once.check(transaction.connection, find_table(transaction.database(database), command.table.text))
        once.keep(transaction)

    core.ingest(database, command.table.text, payload, also=tag if once.tags or once.if_not_exists else None)
    ticks = int((monotonic() - started) * TICKS_PER_SECOND)
    return answer(_INLINE, [(uuid.uuid4(), "inproc:inline", ticks, False, uuid.uuid4())])
