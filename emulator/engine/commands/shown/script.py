"""A database as the commands that make it anew: `.show database schema as csl script`."""

import json

from emulator.engine.catalog.records import Database, Table, View
from emulator.schema.entities import IngestionMapping
from emulator.schema.user_json import read_user_json
from emulator.syntax.printing.expressions import quoted_name, string
from emulator.text_forms import timespan_text
from emulator.types import Schema


def database_script(database: Database, *, mappings: bool) -> list[str]:
    """Return one command per entity, mapping and policy, in an order in which they can run."""
    commands = [_table(table) for table in database.tables.values()]
    commands.extend(_docstrings(table) for table in database.tables.values() if any(c.docstring for c in table.schema))
    if mappings:
        commands.extend(_mapping(table, mapping) for table in database.tables.values() for mapping in table.mappings)
    commands.extend(
        f".create-or-alter function with (folder = {string(each.folder)}, docstring = {string(each.docstring)},"
        f' skipvalidation = "true") {_name(each.name)}{each.parameters} {each.body}'
        for each in database.functions.values()
    )
    commands.extend(map(_view, database.views.values()))
    commands.extend(
        f".alter table {_name(table.name)} policy {policy} {string(text)}"
        for table in database.tables.values()
        for policy, text in table.policies.items()
        if " " not in policy
    )
    return commands


def _name(name: str) -> str:
    return name if name.isidentifier() else quoted_name(name)


def _columns(schema: Schema) -> str:
    return ", ".join(f"{_name(column.name)}: {column.type}" for column in schema)


def _table(table: Table) -> str:
    texts = f"folder = {string(table.folder)}, docstring = {string(table.docstring)}"
    return f".create-merge table {_name(table.name)} ({_columns(table.schema)}) with ({texts})"


def _docstrings(table: Table) -> str:
    texts = ", ".join(f"{_name(each.name)}: {string(each.docstring)}" for each in table.schema if each.docstring)
    return f".alter-merge table {_name(table.name)} column-docstrings ({texts})"


def _mapping(table: Table, mapping: IngestionMapping) -> str:
    text = json.dumps(read_user_json(mapping.text), separators=(",", ":"))
    name = string(mapping.name)
    return f".create-or-alter table {_name(table.name)} ingestion {mapping.kind} mapping {name} {string(text)}"


def _view(view: View) -> str:
    kind = "materialized-view" if view.on_view else "table"
    properties = [f"folder = {string(view.folder)}", f"docString = {string(view.docstring)}"]
    if view.lookback is not None:
        properties.append(f"lookback = time({timespan_text(view.lookback)})")
    if view.lookback_column is not None:
        properties.append(f"lookback_column = {string(view.lookback_column)}")
    if view.auto_update_schema:
        properties.append("autoUpdateSchema = true")
    if view.dimension_tables:
        properties.append(f"dimensionTables = dynamic({json.dumps(view.dimension_tables)})")
    head = f".create-or-alter materialized-view with ({', '.join(properties)}) {_name(view.name)}"
    return f"{head} on {kind} {_name(view.source)} {{ {view.query} }}"
