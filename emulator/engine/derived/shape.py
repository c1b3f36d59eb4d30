"""A materialized view's query taken apart: rows, group keys and aggregates, and how such a view is kept up to date."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto

from emulator.binder.expression import BoundExpression, ColumnReference, Conversion
from emulator.binder.plan import Aggregate, Filter, Plan, Project, Scan
from emulator.emit.scalar_types import storable
from emulator.engine.relation_names import GROUP_KEY, INGESTION_TIME
from emulator.errors import SemanticFault
from emulator.optimize.walk import nodes
from emulator.types import Schema


class Strategy(Enum):
    """What a batch of the source means for a view.

    DEDUPLICATE: the view keeps the first row of each group whole, `take_any(*)`; only such a view may be the base of
    others. MERGE: the folds of the batch are added to those of its groups. RECOMPUTE: the groups that the batch touches
    are aggregated again.
    """

    DEDUPLICATE = auto()
    MERGE = auto()
    RECOMPUTE = auto()


@dataclass(frozen=True, slots=True)
class Shape:
    """The aggregation a view is, and which of its columns each column of the view shows."""

    aggregate: Aggregate
    schema: Schema
    positions: tuple[int, ...]

    @property
    def strategy(self) -> Strategy:
        """How the view is kept up to date, which its aggregates decide."""
        signatures = tuple(call.signature for call in self.aggregate.aggregates)
        if signatures and all(each.keeps_first_row for each in signatures):
            return Strategy.DEDUPLICATE
        return Strategy.MERGE if all(each.merging is not None for each in signatures) else Strategy.RECOMPUTE

    @property
    def keys(self) -> tuple[str, ...]:
        """The stored columns of the group keys."""
        return tuple(f"$key_{n}" for n in range(len(self.aggregate.keys)))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the stored columns of each aggregate are named after: its column, so that they survive alterations."""
        # DuckDB's names cannot hold a NUL.
        names = [name.replace("\0", "\ufffd") for name in self.aggregate.schema.names[len(self.aggregate.keys) :]]
        counts = Counter(name.lower() for name in names)
        labels = (f"${name}" if counts[name.lower()] == 1 else f"${name}#{n}" for n, name in enumerate(names))
        if self.strategy is Strategy.MERGE:
            return tuple(labels)
        # Elsewhere a label alone is the column's name, and a table may well have a column named Key.
        own = {name.lower() for name in (*self.keys, GROUP_KEY, INGESTION_TIME)}
        return tuple(f"{label}$" if label.lower() in own else label for label in labels)

    @property
    def takes_rows_as_they_are(self) -> bool:
        """Whether a row of the source belongs to one group at most, whatever other rows there are."""
        rows = nodes(self.aggregate.input)
        return bool(self.aggregate.keys) and all(isinstance(node, Scan | Filter | Project) for node in rows)


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
