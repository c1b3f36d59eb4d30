"""The one text that each meaning has: definitions that differ in layout, comments or spelling become equal.

Queries and bodies are printed from their syntax tree, JSON is read and written again. A text that this language part
does not read (a construct of the service that is not known here) stays as it is written.
"""

import json
from dataclasses import replace

from emulator.errors import KustoError
from emulator.schema.entities import Function, IngestionMapping, MaterializedView, Policies, Table
from emulator.schema.policies import read_policy, write_policy
from emulator.schema.user_json import read_user_json
from emulator.syntax.parser import parse_expression, parse_function_declaration, parse_query
from emulator.syntax.printing.printer import print_body, print_expression, print_parameters, print_query


def canonical_expression(text: str) -> str:
    """Return a scalar expression in its canonical form."""
    try:
        return print_expression(parse_expression(text), text)
    except KustoError:
        return text


def canonical_query(text: str) -> str:
    """Return a query in its canonical form, one operator per line."""
    try:
        return print_query(parse_query(text))
    except KustoError:
        return text


def canonical_function(function: Function) -> Function:
    """Return a function with canonical parameters and body."""
    try:
        literal = parse_function_declaration(function.parameters, function.body)
    except KustoError:
        return function
    parameters = print_parameters(literal.parameters, function.parameters)
    return replace(function, parameters=parameters, body=print_body(literal.body, function.body))


def canonical_view(view: MaterializedView) -> MaterializedView:
    """Return a view with a canonical query and canonical policies."""
    return replace(view, query=canonical_query(view.query), policies=canonical_policies(view.policies))


def canonical_table(table: Table) -> Table:
    """Return a table with canonical policies, and canonical mappings by kind and name."""
    return replace(table, policies=canonical_policies(table.policies), mappings=canonical_mappings(table.mappings))


def canonical_mappings(mappings: tuple[IngestionMapping, ...]) -> tuple[IngestionMapping, ...]:
    """Return mappings ordered by kind and name, with JSON without white space, and properties in one spelling."""
    return tuple(
        replace(each, text=_canonical_mapping(each.text))
        for each in sorted(mappings, key=lambda mapping: (mapping.kind, mapping.name))
    )


def canonical_policies(policies: Policies) -> Policies:
    """Return policies by name, each written from what it means."""
    return {name: _canonical_policy(name.rpartition(" ")[2], text) for name, text in sorted(policies.items())}


def _canonical_policy(kind: str, text: str) -> str:
    try:
        return write_policy(read_policy(kind, text))
    except KustoError:
        return text


def _canonical_mapping(text: str) -> str:
    """Write the fields of a mapping flat and in lower case, as `schema.mapping` reads them."""
    try:
        document = read_user_json(text)
    except ValueError:
        return text
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        return text
    return json.dumps([_field(each) for each in document], sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _field(element: dict[str, object]) -> dict[str, object]:
    outer = {name.lower(): value for name, value in element.items()}
    properties = outer.pop("properties", None)
    inner = {name.lower(): value for name, value in properties.items()} if isinstance(properties, dict) else {}
    column = outer.pop("name", None)
    named = {"column": column} if column is not None and not outer.get("column") else {}
    return {name: value for name, value in {**outer, **named, **inner}.items() if value not in (None, "")}
