"""AST of tabular expressions: a pipeline is a source followed by operators, one frozen dataclass each, by family."""

from typing import TypeAlias

from emulator.syntax.operators.aggregate import (
    Count,
    Distinct,
    MakeSeries,
    MakeSeriesAggregate,
    Summarize,
    TopNested,
    TopNestedLevel,
)
from emulator.syntax.operators.combine import Facet, Fork, Join, Lookup, Partition, Search, Union
from emulator.syntax.operators.expand import Evaluate, Invoke, MvApply, MvColumn, MvExpand
from emulator.syntax.operators.order import (
    Sample,
    SampleDistinct,
    Scan,
    ScanDeclaration,
    ScanStep,
    Serialize,
    Sort,
    Take,
    Top,
)
from emulator.syntax.operators.parts import ColumnDeclaration, ColumnPattern, Option, OrderKey, Projection
from emulator.syntax.operators.pipeline import Pipeline
from emulator.syntax.operators.shape import (
    As,
    Consume,
    Extend,
    Getschema,
    Parse,
    ParseKv,
    ParsePart,
    Project,
    ProjectAway,
    ProjectByNames,
    ProjectKeep,
    ProjectRename,
    ProjectReorder,
    Render,
    Where,
)
from emulator.syntax.operators.sources import (
    CallSource,
    Datatable,
    NameSource,
    ParenthesisSource,
    PrintSource,
    RangeSource,
    UnionSource,
    Unparsed,
)

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

__all__ = [
    "As",
    "CallSource",
    "ColumnDeclaration",
    "ColumnPattern",
    "Consume",
    "Count",
    "Datatable",
    "Distinct",
    "Evaluate",
    "Extend",
    "Facet",
    "Fork",
    "Getschema",
    "Invoke",
    "Join",
    "Lookup",
    "MakeSeries",
    "MakeSeriesAggregate",
    "MvApply",
    "MvColumn",
    "MvExpand",
    "NameSource",
    "Operator",
    "Option",
    "OrderKey",
    "ParenthesisSource",
    "Parse",
    "ParseKv",
    "ParsePart",
    "Partition",
    "Pipeline",
    "PrintSource",
    "Project",
    "ProjectAway",
    "ProjectByNames",
    "ProjectKeep",
    "ProjectRename",
    "ProjectReorder",
    "Projection",
    "RangeSource",
    "Render",
    "Sample",
    "SampleDistinct",
    "Scan",
    "ScanDeclaration",
    "ScanStep",
    "Search",
    "Serialize",
    "Sort",
    "Source",
    "Summarize",
    "Take",
    "Top",
    "TopNested",
    "TopNestedLevel",
    "Union",
    "UnionSource",
    "Unparsed",
    "Where",
]
