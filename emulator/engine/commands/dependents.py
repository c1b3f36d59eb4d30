"""What a change of a table means for the materialized views over it."""

from dataclasses import replace

from emulator.engine.transaction import Transaction
from emulator.engine.view_upkeep import bind_shape
from emulator.errors import KustoError


def disable_views(transaction: Transaction, database: str, source: str, *, is_dropped: bool = False) -> None:
    """Disable the views over a source that no longer fit it: they keep their rows until they are enabled again."""
    for view in transaction.database(database).views_on(source):
        failure = f"The source table '{source}' was dropped." if is_dropped else ""
        if not failure:
            try:
                shape = bind_shape(transaction.database(database), view)
            except KustoError as error:
                failure = error.message
            else:
                changed = [(column.name, column.type) for column in shape.schema] != [
                    (column.name, column.type) for column in view.schema
                ]
                failure = "The columns of the view would change with its source." if changed else ""
        if failure and view.is_enabled:
            disabled = replace(view, is_enabled=False, failure=failure, position=transaction.time)
            transaction.put(transaction.database(database).with_view(disabled))
