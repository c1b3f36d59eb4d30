"""A materialized view's query taken apart: rows, group keys, and the parts of its aggregates that can be merged."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from emulator.binder.expression import AggregateCall, BoundExpression, ColumnReference, Conversion
from emulator.binder.plan import Aggregate, Filter, Plan, Project, Scan
from emulator.emit.context import Emission, Storage
from emulator.emit.expressions import operands
from emulator.emit.names import physical_names
from emulator.emit.relations import relation as emit_relation
from emulator.emit.scalar_types import storable
from emulator.emit.scalars import computed, scope_of
from emulator.engine.relation_names import GROUP_KEY, INGESTION_TIME
from emulator.errors import SemanticFault
from emulator.functions.function import Merging, Operand
from emulator.functions.physical import convert
from emulator.optimize.walk import nodes
from emulator.sql.ast import Cast, ColumnRef, Exists, Item, Literal, Query, Select, Sql, SubqueryRef, TableRef, With
from emulator.sql.build import EMPTY, and_, call, coalesce, lit, op
from emulator.types import KqlType, Scalar, Schema

Emitted: TypeAlias = Callable[[tuple[BoundExpression, ...]], tuple[Operand, ...]]


@dataclass(frozen=True, slots=True)
class Shape:
    """The aggregation a view is, and which of its columns each column of the view shows."""

    aggregate: Aggregate
    schema: Schema
    positions: tuple[int, ...]

    @property
    def is_deduplication(self) -> bool:
        """Whether the view keeps one whole row per group, `take_any(*)`: the only base for further views."""
        calls = self.aggregate.aggregates
        return bool(calls) and all(each.signature.keeps_first_row for each in calls)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the stored columns of each aggregate are named after: its column, so that they survive alterations."""
        names = self.aggregate.schema.names[len(self.aggregate.keys) :]
        counts = Counter(name.lower() for name in names)
        return tuple(f"${name}" if counts[name.lower()] == 1 else f"${name}#{n}" for n, name in enumerate(names))

    @property
    def takes_rows_as_they_are(self) -> bool:
        """Whether a row of the source belongs to one group at most, whatever other rows there are."""
        rows = nodes(self.aggregate.input)
        return bool(self.aggregate.keys) and all(isinstance(node, Scan | Filter | Project) for node in rows)

    @property
    def is_mergeable(self) -> bool:
        """Whether all aggregates can be merged from parts."""
        return self.is_deduplication or all(each.signature.merging is not None for each in self.aggregate.aggregates)


def shape_of(plan: Plan) -> Shape:
    """Take a bound view query apart, or raise SemanticFault where it is no plain `summarize`."""
    positions: tuple[int, ...] | None = tuple(range(len(plan.schema)))
    aggregate = plan
    while isinstance(aggregate, Project) and positions is not None:
        origins = tuple(map(_origin, aggregate.expressions))
        aggregate = aggregate.input
        names = aggregate.schema.names
        positions = (
            tuple(names.index(origin) for origin in (origins[position] for position in positions) if origin is not None)
            if all(origin in names for origin in origins)
            else None
        )
    if not isinstance(aggregate, Aggregate) or positions is None:
        raise SemanticFault(
            "Materialized view query must end with a summarize operator whose columns are plain aggregations.",
            "BadRequest_MaterializedViewInvalidQuery",
            hint="compute with aggregation results in a function over the view",
        )
    return Shape(aggregate, storable(plan.schema), positions)


def _origin(expression: BoundExpression) -> str | None:
    match expression:
        case ColumnReference(name):
            return name
        case Conversion(ColumnReference(name, type_), target) if target == type_.kql:
            return name
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Part:
    """One stored column of a view: what rows contribute, and how that merges with what is stored."""

    name: str
    accumulate: Sql
    merge: Sql | None


@dataclass(frozen=True, slots=True)
class Contribution:
    """The rows that some source rows add to a view, one per group: key columns, parts, and the hash of the key."""

    query: Query
    keys: tuple[str, ...]
    parts: tuple[Part, ...]
    uses_now: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """All stored columns but the ingestion time."""
        return (*self.keys, *(part.name for part in self.parts), GROUP_KEY)


def contribution(shape: Shape, storage: Storage, *, only: str = "", of_one: bool = False) -> Contribution:
    """Emit what the rows of the view's source contribute to it; the storage says which rows those are.

    With `only`, a relation with key columns, only rows of the groups that it names count. With `of_one` the source has
    a single row, of which a view that is mergeable and takes rows as they are needs no aggregation.
    """
    plan = shape.aggregate
    emission = Emission(storage, emit_relation)
    rows = emission.plan(plan.input)
    rows, keys = computed(emission, rows, plan.keys)
    stored_keys = tuple(convert(sql, key.type, key.type.kql) for sql, key in zip(keys, plan.keys, strict=True))
    names = tuple(f"$key_{n}" for n in range(len(keys)))
    if only:
        rows = replace(rows, where=(*rows.where, _is_among(stored_keys, names, only)))
    key_items = tuple(Item(sql, name) for sql, name in zip(stored_keys, names, strict=True))
    scope = scope_of(rows)
    if shape.is_deduplication:
        parts = tuple(
            Part(label, _storable(operands(emission, scope, each.arguments)[each.output].sql, each), None)
            for label, each in zip(shape.labels, plan.aggregates, strict=True)
        )
    elif shape.is_mergeable:
        parts = tuple(_parts(shape, lambda arguments: operands(emission, scope, arguments), of_one=of_one))
    else:
        _, values = computed(emission, rows, plan.aggregates)
        parts = tuple(
            Part(label, _storable(sql, each), None)
            for label, sql, each in zip(shape.labels, values, plan.aggregates, strict=True)
        )
    items = (*key_items, *(Item(part.accumulate, part.name) for part in parts))
    positions = tuple(Literal(n + 1) for n in range(len(keys)))
    if of_one:
        grouped = Select(items, rows.source, rows.condition)
    elif shape.is_deduplication:
        grouped = Select(items, rows.source, rows.condition, distinct_on=stored_keys or (Literal(True),))
    else:
        grouped = Select(items, rows.source, rows.condition, group_by=positions)
    outer = tuple(Item(ColumnRef(item.alias, "g"), item.alias) for item in items)
    types = tuple(key.type for key in plan.keys)
    hashed = Item(_hash(tuple(ColumnRef(name, "g") for name in names), types), GROUP_KEY)
    select = Select((*outer, hashed), SubqueryRef(grouped, "g"))
    query = With(tuple(emission.ctes), select) if emission.ctes else select
    return Contribution(query, names, parts, emission.uses_now)


def finished(shape: Shape, relation: str, *, hidden: bool = False) -> Select:
    """Emit the view's columns from its stored ones, with the ingestion time if it is wanted too."""
    plan = shape.aggregate
    columns: list[Sql] = [ColumnRef(f"$key_{n}") for n in range(len(plan.keys))]
    if shape.is_deduplication or not shape.is_mergeable:
        columns.extend(map(ColumnRef, shape.labels))
    else:
        columns.extend(_finish(shape, each) for each in plan.aggregates)
    names = physical_names(shape.schema)
    items = tuple(Item(columns[position], name) for position, name in zip(shape.positions, names, strict=True))
    if hidden:
        items = (*items, Item(ColumnRef(INGESTION_TIME), INGESTION_TIME))
    return Select(items, TableRef((relation,), "v"))


def _is_among(keys: tuple[Sql, ...], names: tuple[str, ...], groups: str) -> Sql:
    same = (op("IS NOT DISTINCT FROM", key, ColumnRef(name, "n")) for key, name in zip(keys, names, strict=True))
    return Exists(Select((Item(Literal(1), "found"),), TableRef((groups,), "n"), and_(same)))


def _parts(shape: Shape, emitted: Emitted, *, of_one: bool) -> list[Part]:
    parts: list[Part] = []
    for label, example, merging in _merged_calls(shape):
        arguments = emitted(example.arguments)
        for fold in merging.folds:
            name = f"{label}${fold.name}"
            merge = fold.merged(ColumnRef(name, "t"), ColumnRef(name, "x"))
            parts.append(Part(name, fold.of_row(arguments) if of_one else fold.total(arguments), merge))
    return parts


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


def _hash(keys: tuple[Sql, ...], types: tuple[KqlType, ...]) -> Sql:
    if not keys:
        return Cast(lit(0), "UBIGINT")
    texts = [
        # Zero and minus zero are one group.
        Cast(op("+", key, lit(0.0)) if type_.scalar is Scalar.REAL else key, "VARCHAR")
        for key, type_ in zip(keys, types, strict=True)
    ]
    # Groups are told apart by their keys; the hash only has to find them, so collisions do no harm.
    text = texts[0] if len(texts) == 1 else call("concat_ws", call("chr", lit(1)), *texts)
    return call("md5_number_lower", coalesce(text, EMPTY))
