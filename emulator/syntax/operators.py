"""AST of tabular expressions: a pipeline is a source followed by operators, one frozen dataclass each."""

from dataclasses import dataclass
from typing import TypeAlias

from emulator.syntax.expressions import Call, DynamicLiteral, Expression, Literal, Name
from emulator.text import Span
from emulator.types import Scalar


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`source | operator | operator`."""

    source: "Source"
    operators: tuple["Operator", ...]
    span: Span


# -- sources ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NameSource:
    """A table, view, tabular `let` or parameterless function by name."""

    name: Name
    span: Span


@dataclass(frozen=True, slots=True)
class CallSource:
    """`F(1, 2)`, `table("T")`, `materialized_view("V")`, `materialize(q)` as a source."""

    call: Call
    span: Span


@dataclass(frozen=True, slots=True)
class ParenthesisSource:
    """`( pipeline )`."""

    pipeline: Pipeline
    span: Span


@dataclass(frozen=True, slots=True)
class ColumnDeclaration:
    """`Name: type` in datatable, functions, tables, parse and externaldata."""

    name: Name
    type: Scalar
    span: Span


@dataclass(frozen=True, slots=True)
class Datatable:
    """`datatable(a:int, b:string)[1, "x", …]`; values in row order, not yet grouped."""

    columns: tuple[ColumnDeclaration, ...]
    values: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RangeSource:
    """`range x from a to b step c`."""

    name: Name
    start: Expression
    stop: Expression
    step: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class PrintSource:
    """`print a = 1, 2`."""

    columns: tuple["Projection", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class UnionSource:
    """`union kind=outer withsource=T isfuzzy=true A, (B | where …)` at the head of a pipeline."""

    operator: "Union"
    span: Span


# -- parts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Projection:
    """`expression`, `Name = expression`, or `(A, B) = expression`; `names` is empty when none is written."""

    names: tuple[Name, ...]
    expression: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class OrderKey:
    """`expression [asc|desc] [nulls first|last]`; None where not written."""

    expression: Expression
    ascending: bool | None
    nulls_first: bool | None
    span: Span


@dataclass(frozen=True, slots=True)
class ColumnPattern:
    """`Name` or `Prefix*` in project-away, project-keep, project-reorder; `ascending` only for reorder."""

    text: str
    is_pattern: bool
    ascending: bool | None
    span: Span


@dataclass(frozen=True, slots=True)
class Option:
    """`hint.strategy = x`, `kind = inner`: a name and a literal or identifier text."""

    name: str
    value: str
    span: Span


# -- operators ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """`where predicate` (also `filter`)."""

    predicate: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Extend:
    """`extend …`."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Project:
    """`project …`."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectAway:
    """`project-away A, B*`."""

    patterns: tuple[ColumnPattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectKeep:
    """`project-keep A, B*`."""

    patterns: tuple[ColumnPattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectRename:
    """`project-rename New = Old`."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectReorder:
    """`project-reorder A, B* desc`."""

    patterns: tuple[ColumnPattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectByNames:
    """`project-by-names dynamic([...])` or column lists computed at bind time."""

    arguments: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Summarize:
    """`summarize aggregates by keys`; `by` is None when the word is absent."""

    aggregates: tuple[Projection, ...]
    by: tuple[Projection, ...] | None
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Distinct:
    """`distinct a, b` or `distinct *` (a single Star expression)."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Sort:
    """`sort by` / `order by`."""

    keys: tuple[OrderKey, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Top:
    """`top n by key`."""

    count: Expression
    keys: tuple[OrderKey, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TopNestedLevel:
    """`n of expression [with others = x] by aggregate`."""

    count: Expression | None
    column: Projection
    others: Expression | None
    by: Projection
    by_ascending: bool | None
    span: Span


@dataclass(frozen=True, slots=True)
class TopNested:
    """`top-nested …`."""

    levels: tuple[TopNestedLevel, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Take:
    """`take n` / `limit n`."""

    count: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Sample:
    """`sample n`."""

    count: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class SampleDistinct:
    """`sample-distinct n of column`."""

    count: Expression
    column: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Count:
    """`count [as Name]`."""

    name: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Join:
    """`join kind=inner (right) on A, $left.B == $right.C`."""

    kind: str
    right: Pipeline
    on: tuple[Expression, ...]
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Lookup:
    """`lookup kind=leftouter (right) on A`."""

    kind: str
    right: Pipeline
    on: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Union:
    """`union …`; a table name with `*` is a pattern kept in `patterns`."""

    kind: str
    with_source: Name | None
    is_fuzzy: bool
    tables: tuple[Pipeline, ...]
    patterns: tuple[ColumnPattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class MvColumn:
    """`[Name =] expression [to typeof(type)]` of mv-expand and mv-apply."""

    name: Name | None
    expression: Expression
    to_type: Scalar | None
    span: Span


@dataclass(frozen=True, slots=True)
class MvExpand:
    """`mv-expand [bagexpansion=…] [with_itemindex=I] a, b [limit n]`."""

    columns: tuple[MvColumn, ...]
    item_index: Name | None
    bag_expansion: str
    limit: Expression | None
    span: Span


@dataclass(frozen=True, slots=True)
class MvApply:
    """`mv-apply [with_itemindex=I] a, b [limit n] on ( operators )`; `subquery` has no source of its own."""

    columns: tuple[MvColumn, ...]
    item_index: Name | None
    limit: Expression | None
    subquery: tuple["Operator", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class MakeSeriesAggregate:
    """`[Name =] aggregate [default = value]`."""

    names: tuple[Name, ...]
    aggregate: Expression
    default: Expression | None
    span: Span


@dataclass(frozen=True, slots=True)
class MakeSeries:
    """`make-series … on axis [from a] [to b] step c [by keys]`; `in range(a, b, c)` fills the same fields, closed."""

    aggregates: tuple[MakeSeriesAggregate, ...]
    axis: Projection
    start: Expression | None
    stop: Expression | None
    step: Expression
    stop_inclusive: bool
    by: tuple[Projection, ...]
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Serialize:
    """`serialize [extend columns]`."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Partition:
    """`partition [hint.strategy=…] by Column ( operators )` or `{ pipeline }`."""

    column: Expression
    subquery: tuple["Operator", ...]
    pipeline: Pipeline | None
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ScanStep:
    """`step name [output = all|last|none]: condition => a = x, b = y;`."""

    name: Name
    optional: bool
    output: str
    condition: Expression
    assignments: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ScanDeclaration:
    """`name: type = default` in `scan declare (...)`."""

    column: ColumnDeclaration
    default: Expression | None


@dataclass(frozen=True, slots=True)
class Scan:
    """`scan [with_match_id=Id] [declare (…)] with ( steps )`; sorting and partitioning come from the pipeline."""

    match_id: Name | None
    declarations: tuple[ScanDeclaration, ...]
    steps: tuple[ScanStep, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ParsePart:
    """One part of a parse pattern: a string, a column with a type, or `*` (both None)."""

    text: str | None
    column: ColumnDeclaration | None
    span: Span


@dataclass(frozen=True, slots=True)
class Parse:
    """`parse [kind=regex|simple|relaxed [flags=…]] expression with parts`; `where_matches` for parse-where."""

    kind: str
    flags: str
    expression: Expression
    parts: tuple[ParsePart, ...]
    where_matches: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ParseKv:
    """`parse-kv expression as (columns) with (pair_delimiter = …, …)`."""

    expression: Expression
    columns: tuple[ColumnDeclaration, ...]
    options: tuple[tuple[str, Expression], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Getschema:
    """`getschema`."""

    span: Span


@dataclass(frozen=True, slots=True)
class As:
    """`as [hint.materialized=true] Name`."""

    name: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Invoke:
    """`invoke F(args)`: the input becomes the first, tabular argument."""

    call: Call
    span: Span


@dataclass(frozen=True, slots=True)
class Evaluate:
    """`evaluate plugin(args) [: (schema)]`; also a source when the pipeline starts with it.

    `keeps_input` stands for a `*` in the schema: the input's columns come first.
    """

    call: Call
    schema: tuple[ColumnDeclaration, ...] | None
    span: Span
    keeps_input: bool = False


@dataclass(frozen=True, slots=True)
class Render:
    """`render kind with (property = value)`."""

    kind: str
    properties: tuple[tuple[str, Literal | DynamicLiteral | Name | tuple[Name, ...]], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Consume:
    """`consume`."""

    span: Span


@dataclass(frozen=True, slots=True)
class Fork:
    """`fork name=(…) (…)`."""

    branches: tuple[tuple[Name | None, tuple["Operator", ...]], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Facet:
    """`facet by A, B [with ( operators )]`."""

    columns: tuple[Name, ...]
    subquery: tuple["Operator", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Search:
    """`search [in (tables)] [kind=…] predicate`."""

    predicate: Expression
    tables: tuple[ColumnPattern, ...]
    span: Span
    kind: str = "default"


@dataclass(frozen=True, slots=True)
class Unparsed:
    """An operator this grammar knows by name only (`reduce`, `make-graph`, …); the binder refuses it by name."""

    keyword: str
    span: Span


Source: TypeAlias = (
    NameSource
    | CallSource
    | ParenthesisSource
    | Datatable
    | RangeSource
    | PrintSource
    | UnionSource
    | Evaluate
    | Search
    | Unparsed
)

Operator: TypeAlias = (
    Where
    | Extend
    | Project
    | ProjectAway
    | ProjectKeep
    | ProjectRename
    | ProjectReorder
    | ProjectByNames
    | Summarize
    | Distinct
    | Sort
    | Top
    | TopNested
    | Take
    | Sample
    | SampleDistinct
    | Count
    | Join
    | Lookup
    | Union
    | MvExpand
    | MvApply
    | MakeSeries
    | Serialize
    | Partition
    | Scan
    | Parse
    | ParseKv
    | Getschema
    | As
    | Invoke
    | Evaluate
    | Render
    | Consume
    | Fork
    | Facet
    | Search
    | Unparsed
)
