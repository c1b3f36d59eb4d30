"""The typed relational plan: about twenty nodes, each with its output schema, that all operators lower to.

Order: `Sort`, `Serialize`, `Range`, `Top`-like plans and a few others yield a *serialized* row set; `is_serialized`
says so. The emitter carries the order in a hidden ordinal; no node relies on accidental row order.
"""

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from emulator.binder.expression import AggregateCall, BoundExpression, Constant
from emulator.text import Span
from emulator.types import Column, Schema

EMPTY_SCHEMA = Schema()


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored relation as the binder knows it; the engine maps `identity` to a DuckDB relation."""

    name: str
    identity: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Scan:
    """All rows of a stored table, or of a materialized view (fresh as of the last acknowledged batch).

    `names` are the columns that are read, None for all; they keep the order of the stored relation.
    """

    stored: Stored
    names: frozenset[str] | None = None

    @property
    def schema(self) -> Schema:
        """The columns that are read."""
        schema = self.stored.schema
        return schema if self.names is None else Schema(tuple(each for each in schema if each.name in self.names))


@dataclass(frozen=True, slots=True)
class Values:
    """Constant rows: datatable, and print of constants."""

    schema: Schema
    rows: tuple[tuple[Constant, ...], ...]


@dataclass(frozen=True, slots=True)
class OneRow:
    """One row without columns: the input of `print`."""

    schema: Schema = EMPTY_SCHEMA


@dataclass(frozen=True, slots=True)
class Range:
    """`range name from start to stop step step`, serialized."""

    schema: Schema
    start: BoundExpression
    stop: BoundExpression
    step: BoundExpression


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows for which the predicate is true (null drops the row)."""

    input: "Plan"
    predicate: BoundExpression
    schema: Schema = field(init=False, compare=False, repr=False)
    keeps_order: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Take columns and order from the input."""
        object.__setattr__(self, "schema", self.input.schema)
        object.__setattr__(self, "keeps_order", is_serialized(self.input))


@dataclass(frozen=True, slots=True)
class Project:
    """One expression per output column, all over the input's columns; window calls need a serialized input."""

    input: "Plan"
    schema: Schema
    expressions: tuple[BoundExpression, ...]
    keeps_order: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Take the order from the input."""
        object.__setattr__(self, "keeps_order", is_serialized(self.input))


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Group by `keys` (columns first in the schema, in order), then the aggregates.

    Null keys form groups; without keys the result has exactly one row.
    """

    input: "Plan"
    schema: Schema
    keys: tuple[BoundExpression, ...]
    aggregates: tuple[AggregateCall, ...]


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a sort with everything explicit."""

    expression: BoundExpression
    ascending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Sort:
    """Order rows and serialize; with `limit` only the first rows are kept (`top`)."""

    input: "Plan"
    keys: tuple[SortKey, ...]
    limit: BoundExpression | None = None
    schema: Schema = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Take the columns of the input."""
        object.__setattr__(self, "schema", self.input.schema)


@dataclass(frozen=True, slots=True)
class Serialize:
    """Fix the order of the input as it arrives."""

    input: "Plan"
    schema: Schema = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Take the columns of the input."""
        object.__setattr__(self, "schema", self.input.schema)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` rows: the first ones of a serialized input, any otherwise; `random` for `sample`."""

    input: "Plan"
    count: BoundExpression
    random: bool = False
    schema: Schema = field(init=False, compare=False, repr=False)
    keeps_order: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Take columns and order from the input."""
        object.__setattr__(self, "schema", self.input.schema)
        object.__setattr__(self, "keeps_order", is_serialized(self.input) and not self.random)


@dataclass(frozen=True, slots=True)
class JoinKey:
    """An equality of a left and a right expression (right ones have side 1), already of one type."""

    left: BoundExpression
    right: BoundExpression


@dataclass(frozen=True, slots=True)
class Join:
    """Kinds: innerunique, inner, leftouter, rightouter, fullouter, leftsemi, rightsemi, leftanti, rightanti.

    `outputs` picks (side, input column name) per output column. Null keys never match, except that two nulls
    do not match either (joins follow SQL here).
    """

    kind: str
    left: "Plan"
    right: "Plan"
    keys: tuple[JoinKey, ...]
    schema: Schema
    outputs: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Union:
    """Concatenation; inputs already have the output's schema, in order."""

    inputs: tuple["Plan", ...]
    schema: Schema


@dataclass(frozen=True, slots=True)
class Expansion:
    """One expanded column: `expression` (array, bag or scalar) yields values of `column.type` per item."""

    column: Column
    expression: BoundExpression


@dataclass(frozen=True, slots=True)
class Expand:
    """`mv-expand`: rows × items; arrays are zipped, shorter ones padded with null; empty or null arrays keep one row.

    `schema` lists the output columns in order: input columns (replaced in place by an expansion of the same name),
    then new ones, then `item_index`. With `keep_empty` false (mv-apply) empty arrays yield no row.
    """

    input: "Plan"
    schema: Schema
    expansions: tuple[Expansion, ...]
    item_index: str | None
    row_limit: BoundExpression | None
    keep_empty: bool = True
    bag_as_arrays: bool = False


@dataclass(frozen=True, slots=True)
class GroupInput:
    """The rows of one group, as the leaf of the subplan of `ForEachGroup`; serialized as the outer input is."""

    schema: Schema
    is_serialized: bool = False


@dataclass(frozen=True, slots=True)
class ForEachGroup:
    """Run `subplan` on each group of `input` and concatenate the results.

    Without `carry` (partition): groups are the distinct values of `keys`. With `carry` (mv-apply): groups are the rows
    of `input`; the subplan starts from an `Expand` over `GroupInput`, and the columns in `carry` of the row are put
    in front of the subplan's columns.
    """

    input: "Plan"
    keys: tuple[BoundExpression, ...]
    subplan: "Plan"
    schema: Schema
    carry: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SeriesAggregate:
    """One aggregate of make-series and the value for empty bins."""

    call: AggregateCall
    default: BoundExpression


@dataclass(frozen=True, slots=True)
class MakeSeries:
    """Group by `keys`, aggregate per bin of `axis`, one row per group with arrays.

    Schema: keys, the aggregates as arrays, then the axis as an array (Kusto's order). A missing start or stop is the
    minimum or maximum of the axis over all rows. Bins are anchored at start; stop is exclusive unless inclusive.
    With `is_nonempty` (kind=nonempty, only without keys) an input without rows still gives one row of defaults.
    """

    input: "Plan"
    schema: Schema
    keys: tuple[BoundExpression, ...]
    axis: BoundExpression
    start: BoundExpression | None
    stop: BoundExpression | None
    step: BoundExpression
    stop_inclusive: bool
    aggregates: tuple[SeriesAggregate, ...]
    is_nonempty: bool = False


@dataclass(frozen=True, slots=True)
class ScanStep:
    """A step of the scan state machine; expressions may refer to `step.column` as ColumnReference `step.column`."""

    name: str
    output: str
    condition: BoundExpression
    assignments: tuple[tuple[str, BoundExpression], ...]


@dataclass(frozen=True, slots=True)
class ScanMatch:
    """`scan`: the state machine over a serialized input."""

    input: "Plan"
    schema: Schema
    match_id: str | None
    declarations: tuple[tuple[Column, BoundExpression | None], ...]
    steps: tuple[ScanStep, ...]


@dataclass(frozen=True, slots=True)
class Materialized:
    """A subplan evaluated once however often it is read (`materialize`); same `key`, same rows."""

    input: "Plan"
    key: int
    schema: Schema = field(init=False, compare=False, repr=False)
    keeps_order: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Take columns and order from the input."""
        object.__setattr__(self, "schema", self.input.schema)
        object.__setattr__(self, "keeps_order", is_serialized(self.input))


Plan: TypeAlias = (
    Scan
    | Values
    | OneRow
    | Range
    | Filter
    | Project
    | Aggregate
    | Sort
    | Serialize
    | Limit
    | Join
    | Union
    | Expand
    | GroupInput
    | ForEachGroup
    | MakeSeries
    | ScanMatch
    | Materialized
)


def is_serialized(plan: Plan) -> bool:
    """Tell whether the rows of a plan have an order that prev, row_number and the like may rely on."""
    match plan:
        case Filter() | Project() | Limit() | Materialized():
            return plan.keeps_order
        case Sort() | Serialize() | Range() | ScanMatch():
            return True
        case GroupInput():
            return plan.is_serialized
        case Expand():
            return not plan.keep_empty
        case Scan() | Values() | OneRow() | Aggregate() | Join() | Union() | ForEachGroup() | MakeSeries():
            return False
        case _:
            assert_never(plan)


@dataclass(frozen=True, slots=True)
class ParameterDeclaration:
    """A declared query parameter; `default` is None when the caller must send a value."""

    name: str
    column: Column
    default: Constant | None
    span: Span


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """All result plans of a request, with what is needed to run and to describe them."""

    results: tuple[Plan, ...]
    names: tuple[str, ...]
    parameters: tuple[ParameterDeclaration, ...]
    visualizations: tuple[dict[str, object], ...] = ()
    options: dict[str, str] = field(default_factory=dict)
