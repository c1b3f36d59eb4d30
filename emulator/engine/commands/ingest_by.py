"""`tags` and `ingestIfNotExists` of commands that add rows: what makes an ingestion happen once.

Truth: management/extent-tags.md, ingest-from-query.md: it fails where the table has rows with one of the tags.
"""

from dataclasses import dataclass

import duckdb

from emulator.engine.catalog.records import Table
from emulator.engine.queued import store
from emulator.engine.queued.outcomes import SKIPPED, skipped_text
from emulator.engine.storage.transaction import Transaction
from emulator.errors import IngestionFault
from emulator.schema.user_json import read_user_json
from emulator.syntax.commands import Properties, property_text


@dataclass(frozen=True, slots=True)
class IngestBy:
    """The tags that new rows get, and the values of `ingest-by:` tags that the table may not have yet."""

    tags: tuple[str, ...]
    if_not_exists: tuple[str, ...]

    def check(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        """Raise IngestionFault where rows of the table have one of the tags."""
        if not self.if_not_exists:
            return
        found = store.existing_tags(connection, table.relation, self.if_not_exists)
        if found:
            raise IngestionFault(skipped_text(found), SKIPPED, hint="nothing was stored, as `ingestIfNotExists` asks")

    def keep(self, transaction: Transaction) -> None:
        """Tag the rows of the transaction."""
        if self.tags:
            store.add_tags(transaction.connection, self.tags, transaction.time)


def ingest_by(properties: Properties) -> IngestBy:
    """Read both properties of a command, each a JSON list of texts in a string."""
    return IngestBy(_list(properties, "tags"), _list(properties, "ingestIfNotExists"))


def _list(properties: Properties, name: str) -> tuple[str, ...]:
    text = property_text(properties, name)
    if not text:
        return ()
    try:
        listed = read_user_json(text)
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise IngestionFault(
            f"the property '{name}' is not a JSON list of texts: {text}",
            "BadRequest_InvalidIngestionProperty",
            hint=f"""write {name} = '["…"]'""",
        )
    return tuple(listed)
