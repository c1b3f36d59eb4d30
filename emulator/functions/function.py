"""The shape of a catalogue row: what KQL can call, with names, types and SQL in one place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from emulator.sql.ast import Call, Sql
from emulator.types import KqlType, Scalar


class ResultName(Enum):
    """How `extend f(x)` or `summarize f(x)` names its column when no name is written.

    AUTO: `Column1`, `Column2`, …; FIRST_ARGUMENT: the name of the first argument if that is a column
    (`bin(Timestamp, 1h)` stays `Timestamp`); PREFIX: aggregates, `sum_Price`, `count_`, and `strlen_Symbol`;
    FUNCTION: the function's own name.
    """

    AUTO = auto()
    FIRST_ARGUMENT = auto()
    PREFIX = auto()
    FUNCTION = auto()


@dataclass(frozen=True, slots=True)
class Operand:
    """An argument as an emission sees it: its SQL, its type, and its value when it is a constant."""

    sql: Sql
    type: KqlType
    is_constant: bool = False
    value: object = None


Types: TypeAlias = frozenset[Scalar]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter accepting any of `types` (empty: every type).

    `constant` asks for a literal or a query parameter; `name` is Kusto's, for error texts. A repeated one may be given
    `most` times, 0 for any number.
    """

    name: str
    types: Types = frozenset()
    optional: bool = False
    repeated: bool = False
    constant: bool = False
    most: int = 0


class OutputNames(Enum):
    """How the columns of an aggregate are named when no name is written.

    PREFIX: `prefix` and the name of the first column argument, one output. ARGUMENTS: one output per argument, named
    after it; `*` may be written and stands for all remaining columns (arg_max, arg_min, take_any); the binder then
    passes every column as an argument. CONSTANTS: one output per constant argument after the first ones, named
    `prefix_Column_constant` (percentile_Price_95).
    """

    PREFIX = auto()
    ARGUMENTS = auto()
    CONSTANTS = auto()


ReturnRule: TypeAlias = Callable[[tuple[KqlType, ...]], KqlType]
Emit: TypeAlias = Callable[[tuple[Operand, ...]], Sql]
UnifyRule: TypeAlias = Callable[[int], tuple[int, ...]]
CommonRule: TypeAlias = Callable[[tuple[KqlType, ...]], KqlType | None]


@dataclass(frozen=True, slots=True)
class Signature:
    """One overload.

    The binder picks the first overload whose parameters accept the argument types, trying exact types, then widening
    (int → long → real, int/long → decimal, and dynamic → anything by the conversion functions). The arguments at the
    positions in `unify` (a rule takes the number of arguments) are brought to their common type before `emit`;
    `common` finds that type where numbers may not simply widen, None meaning that there is none.
    Neighbouring repeated parameters repeat as a group: `case(predicate, then, …, else)`. A dynamic parameter also
    accepts a typed list as it is: the emission reads `Operand.type.element`.
    """

    parameters: tuple[Parameter, ...]
    returns: KqlType | ReturnRule
    emit: Emit
    unify: tuple[int, ...] | UnifyRule = ()
    common: CommonRule | None = None

    def result_type(self, arguments: tuple[KqlType, ...]) -> KqlType:
        """Return the type of the call for arguments of these types."""
        return self.returns(arguments) if callable(self.returns) else self.returns


TupleRule: TypeAlias = Callable[[tuple[KqlType, ...]], tuple[tuple[str, KqlType], ...]]


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function or operator.

    `outputs` is set for a function that yields several columns (series_stats, series_fit_line, array_sort_asc of
    several arrays): per output the name template (`series_stats_{0}_min`, where `{0}` is the name of argument 0) and
    the type; no outputs for these argument types means one plain value. Its emission yields a STRUCT with the fields
    `o0`, `o1`, … in order.

    A null argument gives what its SQL gives: the emission owns the null rule. An emission never yields SQL NULL for
    a string: Kusto's strings have no null.
    """

    name: str
    description: str
    signatures: tuple[Signature, ...]
    result_name: ResultName = ResultName.AUTO
    deterministic: bool = True
    example: tuple[str, str] | None = None
    outputs: TupleRule | None = None


Operands: TypeAlias = tuple[Operand, ...]
AggregateEmit: TypeAlias = Callable[[Operands, int], Sql]
OutputsRule: TypeAlias = Callable[[tuple[KqlType, ...]], tuple[KqlType, ...]]


@dataclass(frozen=True, slots=True)
class Fold:
    """How the values of rows become one value, whatever the order and the portions in which the rows come.

    `total` is the SQL aggregate of many rows, `value` what a single row gives, `plus` joins two results and `zero` is
    the result of no row: None where that is null and `plus` returns the other side of a null. A materialized view
    stores the result per group, under `name`. For rows r and s: `total(r, s) = plus(of_row(r), of_row(s))`.
    """

    name: str
    total: Callable[[Operands], Sql]
    value: Callable[[Operands], Sql]
    plus: Callable[[Sql, Sql], Sql]
    zero: Sql | None = None

    def of_row(self, operands: Operands) -> Sql:
        """Return the result of a single row, without an aggregate in it."""
        value = self.value(operands)
        # Not the value alone: minus zero added to zero is zero.
        return value if self.zero is None else self.merged(self.zero, value)

    def merged(self, stored: Sql, added: Sql) -> Sql:
        """Return two results as one; both may be null, as that of a group from before the fold was there."""
        return self.plus(self._present(stored), self._present(added))

    def _present(self, result: Sql) -> Sql:
        return result if self.zero in (None, result) else Call("coalesce", (result, self.zero))


@dataclass(frozen=True, slots=True)
class Merging:
    """An aggregate as folds; `finish` makes one output from their results and the types of the arguments."""

    folds: tuple[Fold, ...]
    finish: Callable[[tuple[Sql, ...], tuple[KqlType, ...], int], Sql]

    def emit(self, operands: Operands, output: int) -> Sql:
        """Emit an output over all rows of a group."""
        totals = tuple(fold.total(operands) for fold in self.folds)
        return self.finish(totals, tuple(operand.type for operand in operands), output)


@dataclass(frozen=True, slots=True)
class AggregateSignature:
    """One overload of an aggregate.

    `returns` gives the type of every output: one for most, one per column for `arg_max(t, a, b)` and `percentiles`.
    `emit` gets the operands and the index of the wanted output; calls that differ in it alone must contain the same
    SQL aggregate, so that DuckDB computes it once and all outputs come from one row. `merging` is None where partial
    results cannot be merged; a view then recomputes the groups that a batch touches. `keeps_first_row` says that every
    output is its argument in the first row of the group: later rows change nothing.
    """

    parameters: tuple[Parameter, ...]
    returns: KqlType | OutputsRule
    emit: AggregateEmit
    merging: Merging | None = None
    keeps_first_row: bool = False

    def result_types(self, arguments: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
        """Return the types of the outputs for arguments of these types."""
        return self.returns(arguments) if callable(self.returns) else (self.returns,)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate function.

    `prefix` is Kusto's for the unnamed column (`sum` → `sum_Price`), followed by the column name of argument
    `name_argument`, or the names of `named_arguments` arguments from there on (`covariance_x_y`). `in_views` tells
    whether it may stand in a materialized view: "Supported aggregation functions" of materialized-view-create.md.
    """

    name: str
    description: str
    signatures: tuple[AggregateSignature, ...]
    prefix: str
    name_argument: int = 0
    in_views: bool = False
    example: tuple[str, str] | None = None
    naming: OutputNames = OutputNames.PREFIX
    named_arguments: int = 1


@dataclass(frozen=True, slots=True)
class WindowOperands:
    """What a window emission gets: operands, and the PARTITION BY and ORDER BY that make up the serialized order."""

    operands: tuple[Operand, ...]
    partition_by: tuple[Sql, ...]
    ordinal: Sql


WindowEmit: TypeAlias = Callable[[WindowOperands], Sql]


@dataclass(frozen=True, slots=True)
class WindowSignature:
    """One overload of a window function."""

    parameters: tuple[Parameter, ...]
    returns: KqlType | ReturnRule
    emit: WindowEmit

    def result_type(self, arguments: tuple[KqlType, ...]) -> KqlType:
        """Return the type of the call for arguments of these types."""
        return self.returns(arguments) if callable(self.returns) else self.returns


@dataclass(frozen=True, slots=True)
class WindowFunction:
    """A function of serialized rows: prev, next, row_number, row_cumsum, row_rank_dense, …"""

    name: str
    description: str
    signatures: tuple[WindowSignature, ...]
    result_name: ResultName = ResultName.AUTO
    example: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All rows by name."""

    functions: dict[str, Function] = field(default_factory=dict)
    aggregates: dict[str, Aggregate] = field(default_factory=dict)
    windows: dict[str, WindowFunction] = field(default_factory=dict)
