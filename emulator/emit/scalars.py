"""Expressions over a relation: close it first where that is needed, and keep windows where SQL allows them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from emulator.binder.expression import BoundExpression, ColumnReference
from emulator.emit.context import Emission
from emulator.emit.expressions import Scope, column_names, has_window_call, predicate, value
from emulator.emit.relation import Relation, closed
from emulator.sql.ast import Call, Case, ColumnRef, OrderBy, Sql, Window
from emulator.sql.build import NULL, is_cheap
from emulator.sql.walk import children, contains, rewrite, substitute

# Stands for the order of the rows until the windows of an expression are known.
_PENDING = ColumnRef("$ordinal", "$pending")


def scope_of(relation: Relation) -> Scope:
    """Return the scope of expressions over one relation."""
    ordinal = relation.order[0].expression if relation.is_total and relation.order else None
    return Scope((relation.by_name,), relation.groups, ordinal)


def projected(
    emission: Emission,
    relation: Relation,
    expressions: Sequence[BoundExpression],
    *,
    as_filters: bool = False,
    keeps_columns: bool = False,
) -> tuple[Relation, tuple[Sql, ...]]:
    """Emit the expressions of a select list: they may hold windows; the relation returned is what they are over.

    `keeps_columns` says that the columns stay beside the expressions.
    """
    emit = predicate if as_filters else value
    if not _may_repeat(relation, expressions, keeps_columns=keeps_columns):
        relation = emission.subquery(relation, relation.select())
    if not any(map(has_window_call, expressions)):
        scope = scope_of(relation)
        return relation, tuple(emit(emission, scope, each) for each in expressions)
    relation = emission.closed(relation)
    if relation.order and not relation.is_total:
        scope = replace(scope_of(relation), ordinal=_PENDING)
        emitted = tuple(rewrite(emit(emission, scope, each), _without_filter) for each in expressions)
        if all(_follows_order(window, relation) for window in _windows(emitted)):
            return _in_one_pass(relation, emitted)
    relation = emission.with_ordinal(relation)
    scope = scope_of(relation)
    emitted = tuple(rewrite(emit(emission, scope, each), _without_filter) for each in expressions)
    return _unnested(emission, relation, emitted)


def computed(
    emission: Emission, relation: Relation, expressions: Sequence[BoundExpression], *, as_filters: bool = False
) -> tuple[Relation, tuple[Sql, ...]]:
    """Emit expressions for places without windows (WHERE, GROUP BY, aggregates); windows become hidden columns.

    With `as_filters` they are predicates for which null counts as false.
    """
    if relation.has_windows:
        relation = emission.subquery(relation, relation.select())
    relation, results = projected(emission, relation, expressions, as_filters=as_filters, keeps_columns=True)
    windows = dict.fromkeys(_outer_windows(results))
    if not windows:
        return relation, results
    relation, renamed = _with_hidden(emission, relation, {sql: f"$value_{n}" for n, sql in enumerate(windows)})
    return relation, tuple(substitute(sql, renamed) for sql in results)


def _may_repeat(relation: Relation, expressions: Iterable[BoundExpression], *, keeps_columns: bool) -> bool:
    """Tell whether no column that costs something, or differs each time (`rand`), would be computed twice."""
    columns = relation.by_name
    uses: Counter[str] = Counter()
    for expression in expressions:
        weight = 1 if isinstance(expression, ColumnReference) and not keeps_columns else 2
        uses.update({name: weight for _, name in column_names(expression)})
    return all(count < 2 or is_cheap(columns[name]) for name, count in uses.items())


def _unnested(emission: Emission, relation: Relation, expressions: tuple[Sql, ...]) -> tuple[Relation, tuple[Sql, ...]]:
    # SQL has no window inside a window: the inner ones become hidden columns of a subquery, innermost first.
    lifted: list[Sql] = []
    while inner := tuple(dict.fromkeys(_inner_windows(expressions))):
        lifted.extend(inner)
        hidden = {sql: f"$window_{n}" for n, sql in enumerate(lifted)}
        relation, renamed = _with_hidden(emission, relation, hidden)
        expressions = tuple(substitute(sql, renamed) for sql in expressions)
        lifted = [renamed[sql] for sql in lifted]
    return relation, expressions


def _windows(node: object) -> Iterable[Window]:
    if isinstance(node, Window):
        yield node
    for child in children(node):
        yield from _windows(child)


def _follows_order(window: Window, relation: Relation) -> bool:
    is_flat = not any(contains(child, Window) for child in children(window))
    return is_flat and window.partition_by == relation.groups and window.order_by == (OrderBy(_PENDING),)


def _in_one_pass(relation: Relation, expressions: tuple[Sql, ...]) -> tuple[Relation, tuple[Sql, ...]]:
    """Order windows by the sort keys themselves: equal windows share one sort, so that ties fall alike in all of them.

    The row number of the same window is the order from here on.
    """
    keys = relation.order or ()

    def ordered(sql: Sql) -> Sql:
        return replace(sql, order_by=keys) if isinstance(sql, Window) else sql

    number = Window(Call("row_number", ()), relation.groups, keys)
    relation = replace(relation, order=(OrderBy(number),), is_total=True)
    return relation, tuple(rewrite(sql, ordered) for sql in expressions)


def _without_filter(sql: Sql) -> Sql:
    # DuckDB runs a filtered aggregate over a growing frame in quadratic time; a null argument is skipped as well.
    match sql:
        case Window(Call(arguments=(argument, *others), filter=condition) as called) if condition is not None:
            kept = (Case(((condition, argument),), NULL), *others)
            return replace(sql, call=replace(called, arguments=kept, filter=None))
        case _:
            return sql


def _outer_windows(node: object) -> Iterable[Sql]:
    if isinstance(node, Window):
        yield node
        return
    for child in children(node):
        yield from _outer_windows(child)


def _inner_windows(node: object, *, is_inside: bool = False) -> Iterable[Sql]:
    if isinstance(node, tuple):
        for each in node:
            yield from _inner_windows(each, is_inside=is_inside)
        return
    if isinstance(node, Window) and is_inside and not any(contains(child, Window) for child in children(node)):
        yield node
    for child in children(node):
        yield from _inner_windows(child, is_inside=is_inside or isinstance(node, Window))


def _with_hidden(emission: Emission, relation: Relation, hidden: Mapping[Sql, str]) -> tuple[Relation, dict[Sql, Sql]]:
    if not relation.is_plain:
        raise ValueError("only a relation with plain columns can be read under new names")
    alias = emission.alias()
    outer = closed(relation, relation.select(*((name, sql) for sql, name in hidden.items())), alias)
    old = [*relation.columns, *relation.groups, *relation.carried, *(key.expression for key in relation.order or ())]
    new = [*outer.columns, *outer.groups, *outer.carried, *(key.expression for key in outer.order or ())]
    # Literals mean the same inside and outside.
    renamed: dict[Sql, Sql] = {
        before: after for before, after in zip(old, new, strict=True) if isinstance(before, ColumnRef)
    }
    renamed.update((sql, ColumnRef(name, alias)) for sql, name in hidden.items())
    return outer, renamed
