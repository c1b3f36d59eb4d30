"""What a change of a table means for the materialized views over it."""

from dataclasses import replace

from emulator.engine.catalog.records import View
from emulator.engine.derived.alteration import Alteration
from emulator.engine.derived.compile_upkeep import bind_shape
from emulator.engine.storage.transaction import Transaction
from emulator.errors import KustoError


def follow_source(transaction: Transaction, database: str, source: str) -> None:
    """Bring the views over a changed source into line: those that no longer fit are disabled, and keep their rows.

    A view with `autoUpdateSchema` takes over new columns of its source instead.
    """
    for view in transaction.database(database).views_on(source):
        if not view.is_enabled:
            continue
        try:
            shape = bind_shape(transaction.database(database), view)
        except KustoError as error:
            _disable(transaction, database, view, error.message)
            continue
        old, new = ([(column.name, column.type) for column in schema] for schema in (view.schema, shape.schema))
        if old == new:
            continue
        if view.auto_update_schema and set(old) <= set(new):
            Alteration(view, view, shape, is_other=True).follow(transaction, database)
            follow_source(transaction, database, view.name)
        else:
            _disable(transaction, database, view, "The columns of the view would change with its source.")


def disable_views(transaction: Transaction, database: str, source: str) -> None:
    """Disable the views over a source that is dropped."""
    for view in transaction.database(database).views_on(source):
        if view.is_enabled:
            _disable(transaction, database, view, f"The source table '{source}' was dropped.")


def _disable(transaction: Transaction, database: str, view: View, failure: str) -> None:
    position = transaction.time if view.position is None else view.position
    disabled = replace(view, is_enabled=False, failure=failure, position=position)
    transaction.put(transaction.database(database).with_view(disabled))
