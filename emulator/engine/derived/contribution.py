"""What rows of a source add to a materialized view, one row per group, and what the view shows of the rows it keeps."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from emulator.binder.expression import AggregateCall, BoundExpression
from emulator.binder.plan import Aggregate
from emulator.emit.context import Emission, Storage
from emulator.emit.expressions import operands
from emulator.emit.names import physical_names
from emulator.emit.relation import Relation
from emulator.emit.relations import relation as emit_relation
from emulator.emit.scalars import computed, scope_of
from emulator.engine.derived.shape import Shape, Strategy
from emulator.engine.relation_names import GROUP_KEY, INGESTION_TIME
from emulator.functions.function import Merging, Operand
from emulator.functions.physical import convert
from emulator.optimize.sharing import shared
from emulator.sql.ast import Cast, ColumnRef, Exists, Item, Literal, Query, Select, Sql, SubqueryRef, TableRef, With
from emulator.sql.build import EMPTY, and_, call, coalesce, columns, lit, op, table
from emulator.types import KqlType, Scalar

Emitted: TypeAlias = Callable[[tuple[BoundExpression, ...]], tuple[Operand, ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """A stored column of an aggregate; `merged` joins that of a group, `t`, and that of a batch, `x`, if it can be."""

    name: str
    value: Sql
    merged: Sql | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """The rows that some source rows add to a view, one per group: key columns, parts, and the hash of the key.

    `query` answers with all of them, `groups` without the hash.
    """

    query: Query
    groups: Select
    keys: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All stored columns but the ingestion time."""
        return (*self.keys, *(part.name for part in self.parts), GROUP_KEY)


def _shared(shape: Shape) -> Shape:
    """Return a shape whose query writes nothing large twice."""
    once = shared(shape.aggregate)
    if once is shape.aggregate or not isinstance(once, Aggregate):
        return shape
    return replace(shape, aggregate=once)


def contribution(shape: Shape, storage: Storage, *, only: str = "", of_one: bool = False) -> Contribution:
    """Emit what the rows of the view's source contribute to it; the storage says which rows those are.

    With `only`, a relation with key columns, only rows of the groups that it names count. With `of_one` the source has
    a single row, of which a view that is not recomputed and takes rows as they are needs no aggregation.
    """
    shape = _shared(shape)
    aggregate = shape.aggregate
    emission = Emission(storage, emit_relation)
    # What is recomputed is emitted with the keys, as both must be over the same relation.
    beside = aggregate.aggregates if shape.strategy is Strategy.RECOMPUTE else ()
    rows, emitted = computed(emission, emission.plan(aggregate.input), (*aggregate.keys, *beside))
    values = emitted[len(aggregate.keys) :]
    keys = tuple(convert(sql, key.type, key.type.kql) for sql, key in zip(emitted, aggregate.keys, strict=False))
    if only:
        rows = replace(rows, where=(*rows.where, _is_among(keys, shape.keys, only)))
    scope = scope_of(rows)
    match shape.strategy:
        case Strategy.DEDUPLICATE:
            parts = _firsts(shape, lambda arguments: operands(emission, scope, arguments))
        case Strategy.MERGE:
            parts = _folded(shape, lambda arguments: operands(emission, scope, arguments), of_one=of_one)
        case Strategy.RECOMPUTE:
            parts = _computed(shape, values)
        case _:
            assert_never(shape.strategy)
    groups = _groups(shape, rows, keys, parts, of_one=of_one)
    names = (*shape.keys, *(part.name for part in parts))
    hashed = Item(_hash(shape), GROUP_KEY)
    select = Select((*columns(names, "g"), hashed), SubqueryRef(groups, "g"))
    query = With(tuple(emission.ctes), select) if emission.ctes else select
    return Contribution(query, groups, shape.keys, parts)


def finished(shape: Shape, relation: str, *, hidden: bool = False) -> Select:
    """Emit the view's columns from its stored ones, with the ingestion time if it is wanted too."""
    shown: list[Sql] = list(map(ColumnRef, shape.keys))
    if shape.strategy is Strategy.MERGE:
        shown.extend(_finish(shape, each) for each in shape.aggregate.aggregates)
    else:
        shown.extend(map(ColumnRef, shape.labels))
    names = physical_names(shape.schema)
    items = tuple(Item(shown[position], name) for position, name in zip(shape.positions, names, strict=True))
    if hidden:
        items = (*items, Item(ColumnRef(INGESTION_TIME), INGESTION_TIME))
    return Select(items, table(relation, "v"))


def shown_of_one(shape: Shape, added: Contribution) -> Select:
    """Emit the columns of a deduplicating view from the single row, as it is, that makes a group of its own.

    One projection in place of three stacked ones, which nothing merges while the optimizer is off: a trade takes 0.95
    times the CPU (2026-11-29).
    """
    shown = finished(shape, "")
    if isinstance(added.query, With):
        return replace(shown, source=SubqueryRef(added.query, "v"))
    values = {item.alias: item.expression for item in added.groups.items if isinstance(item, Item)}
    names = zip(shape.positions, physical_names(shape.schema), strict=True)
    stored = (*shape.keys, *shape.labels)
    return replace(added.groups, items=tuple(Item(values[stored[position]], name) for position, name in names))


def _groups(shape: Shape, rows: Relation, keys: tuple[Sql, ...], parts: tuple[Part, ...], *, of_one: bool) -> Select:
    items = (
        *(Item(sql, name) for sql, name in zip(keys, shape.keys, strict=True)),
        *(Item(part.value, part.name) for part in parts),
    )
    if of_one:
        return Select(items, rows.source, rows.condition)
    if shape.strategy is Strategy.DEDUPLICATE:
        # Without keys all rows are one group.
        return Select(items, rows.source, rows.condition, distinct_on=keys, limit=None if keys else lit(1))
    positions = tuple(Literal(n + 1) for n in range(len(keys)))
    return Select(items, rows.source, rows.condition, group_by=positions)


def _is_among(keys: tuple[Sql, ...], names: tuple[str, ...], groups: str) -> Sql:
    same = (op("IS NOT DISTINCT FROM", key, ColumnRef(name, "n")) for key, name in zip(keys, names, strict=True))
    return Exists(Select((Item(Literal(1), "found"),), TableRef((groups,), "n"), and_(same)))


def _firsts(shape: Shape, emitted: Emitted) -> tuple[Part, ...]:
    return tuple(
        Part(label, _storable(emitted(each.arguments)[each.output].sql, each))
        for label, each in zip(shape.labels, shape.aggregate.aggregates, strict=True)
    )


def _computed(shape: Shape, values: tuple[Sql, ...]) -> tuple[Part, ...]:
    return tuple(
        Part(label, _storable(sql, each))
        for label, sql, each in zip(shape.labels, values, shape.aggregate.aggregates, strict=True)
    )


def _folded(shape: Shape, emitted: Emitted, *, of_one: bool) -> tuple[Part, ...]:
    parts: list[Part] = []
    for label, example, merging in _merged_calls(shape):
        arguments = emitted(example.arguments)
        for fold in merging.folds:
            name = f"{label}${fold.name}"
            merged = fold.merged(ColumnRef(name, "t"), ColumnRef(name, "x"))
            parts.append(Part(name, fold.of_row(arguments) if of_one else fold.total(arguments), merged))
    return tuple(parts)


def _finish(shape: Shape, wanted: AggregateCall) -> Sql:
    for label, example, merging in _merged_calls(shape):
        if _same_call(example, wanted):
            stored = tuple(ColumnRef(f"{label}${fold.name}") for fold in merging.folds)
            types = tuple(argument.type for argument in wanted.arguments)
            return _storable(merging.finish(stored, types, wanted.output), wanted)
    raise AssertionError(f"{wanted.aggregate.name} has no parts")


def _merged_calls(shape: Shape) -> list[tuple[str, AggregateCall, Merging]]:
    # Outputs of one call, as those of arg_max(Timestamp, *), share its parts.
    found: list[tuple[str, AggregateCall, Merging]] = []
    for label, each in zip(shape.labels, shape.aggregate.aggregates, strict=True):
        if each.signature.merging is not None and not any(_same_call(each, other) for _, other, _ in found):
            found.append((label, each, each.signature.merging))
    return found


def _same_call(one: AggregateCall, other: AggregateCall) -> bool:
    return one.signature is other.signature and one.arguments == other.arguments


def _storable(sql: Sql, call_: AggregateCall) -> Sql:
    return convert(sql, call_.type, call_.type.kql)


def _hash(shape: Shape) -> Sql:
    types = [key.type for key in shape.aggregate.keys]
    texts = [_key_text(ColumnRef(name, "g"), type_) for name, type_ in zip(shape.keys, types, strict=True)]
    if not texts:
        return Cast(lit(0), "UBIGINT")
    # Groups are told apart by their keys; the hash only has to find them, so collisions do no harm.
    text = texts[0] if len(texts) == 1 else call("concat_ws", call("chr", lit(1)), *texts)
    return call("md5_number_lower", coalesce(text, EMPTY))


def _key_text(key: Sql, type_: KqlType) -> Sql:
    # Zero and minus zero are one group.
    return Cast(op("+", key, lit(0.0)) if type_.scalar is Scalar.REAL else key, "VARCHAR")
