"""Generic walks over SQL trees: find nodes, and rebuild a tree with some nodes replaced."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from emulator.sql.ast import Exists, InQuery, Parameter, Sql, Subquery

Node = TypeVar("Node")


def children(node: object) -> Iterator[object]:
    """Yield the nodes directly below a node, without entering subqueries."""
    if isinstance(node, tuple):
        for each in node:
            yield from children(each) if isinstance(each, tuple) else (each,)
    elif is_dataclass(node):
        for field in fields(node):
            value = getattr(node, field.name)
            if isinstance(value, tuple):
                yield from children(value)
            elif is_dataclass(value) and not _is_query(node, field.name):
                yield value


def contains(sql: object, kind: type) -> bool:
    """Tell whether a node of `kind` stands in an expression, subqueries apart."""
    return isinstance(sql, kind) or any(contains(child, kind) for child in children(sql))


def parameters(query: object) -> frozenset[str]:
    """Return the names of the parameters that stand in a query, subqueries included."""
    names: set[str] = set()
    seen: set[int] = set()
    waiting = [query]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Parameter):
            names.add(node.name)
        elif isinstance(node, tuple):
            waiting.extend(node)
        elif is_dataclass(node) and id(node) not in seen:
            seen.add(id(node))
            waiting.extend(getattr(node, field.name) for field in fields(node))
    return frozenset(names)


def rewrite(sql: Sql, change: Callable[[Sql], Sql]) -> Sql:
    """Rebuild an expression bottom up, each node given to `change` after its children; subqueries stay as they are."""
    return cast(Sql, _rewrite(sql, change))


def substitute(sql: Sql, replacements: Mapping[Sql, Sql]) -> Sql:
    """Rebuild an expression with the outermost nodes that equal a key replaced by its value."""
    return cast(Sql, _substitute(sql, replacements))


def _substitute(value: object, replacements: Mapping[Sql, Sql]) -> object:
    if isinstance(value, tuple):
        return tuple(_substitute(each, replacements) for each in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    if isinstance(value, SQL_NODES) and (replacement := replacements.get(cast(Sql, value))) is not None:
        return replacement
    changes = {
        field.name: _substitute(getattr(value, field.name), replacements)
        for field in fields(value)
        if not _is_query(value, field.name)
    }
    return replace(value, **changes)


def _rewrite(value: object, change: Callable[[Sql], Sql]) -> object:
    if isinstance(value, tuple):
        rebuilt = tuple(_rewrite(each, change) for each in value)
        return value if all(new is old for new, old in zip(rebuilt, value, strict=True)) else rebuilt
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes = {}
    for field in fields(value):
        if _is_query(value, field.name):
            continue
        old = getattr(value, field.name)
        new = _rewrite(old, change)
        if new is not old:
            changes[field.name] = new
    node = replace(value, **changes) if changes else value
    return change(cast(Sql, node)) if isinstance(node, SQL_NODES) else node


def _is_query(node: object, field: str) -> bool:
    return field == "query" and isinstance(node, Exists | InQuery | Subquery)


SQL_NODES: tuple[type, ...] = Sql.__args__
