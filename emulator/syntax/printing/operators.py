"""Sources and tabular operators to canonical KQL."""

import re
from typing import assert_never

from emulator.syntax.expressions import DynamicLiteral, Expression, Literal, Name
from emulator.syntax.operators import (
    As,
    CallSource,
    ColumnDeclaration,
    ColumnPattern,
    Consume,
    Count,
    Datatable,
    Distinct,
    Evaluate,
    Extend,
    Facet,
    Fork,
    Getschema,
    Invoke,
    Join,
    Lookup,
    MakeSeries,
    MakeSeriesAggregate,
    MvApply,
    MvColumn,
    MvExpand,
    NameSource,
    Operator,
    Option,
    OrderKey,
    ParenthesisSource,
    Parse,
    ParseKv,
    ParsePart,
    Partition,
    Pipeline,
    PrintSource,
    Project,
    ProjectAway,
    ProjectByNames,
    Projection,
    ProjectKeep,
    ProjectRename,
    ProjectReorder,
    RangeSource,
    Render,
    Sample,
    SampleDistinct,
    Scan,
    ScanDeclaration,
    ScanStep,
    Search,
    Serialize,
    Sort,
    Source,
    Summarize,
    Take,
    Top,
    TopNested,
    TopNestedLevel,
    Union,
    UnionSource,
    Unparsed,
    Where,
)
from emulator.syntax.printing.expressions import ExpressionPrinter, name, quoted_name, string

_BARE_VALUE = re.compile(r"[^\W\d]\w*|\d+")


class OperatorPrinter(ExpressionPrinter):
    """Prints pipelines; `source` is the text that the spans of unparsed operators point into."""

    def __init__(self, source: str) -> None:
        self._source = source

    def pipeline(self, pipeline: Pipeline, separator: str = " | ") -> str:
        """Print a source and its operators."""
        return separator.join((self._head(pipeline.source), *(self.operator(item) for item in pipeline.operators)))

    def operator(self, operator: Operator) -> str:  # noqa: C901 - one case per operator of the closed union
        """Print one operator."""
        match operator:
            case Where(predicate):
                return f"where {self.expression(predicate)}"
            case Extend(columns):
                return f"extend {self._projections(columns)}"
            case Project(columns):
                return f"project {self._projections(columns)}".rstrip()
            case ProjectAway(patterns):
                return f"project-away {_patterns(patterns)}".rstrip()
            case ProjectKeep(patterns):
                return f"project-keep {_patterns(patterns)}"
            case ProjectRename(columns):
                return f"project-rename {self._projections(columns)}".rstrip()
            case ProjectReorder(patterns):
                return f"project-reorder {_patterns(patterns)}".rstrip()
            case ProjectByNames(arguments):
                return f"project-by-names {self.expressions(arguments)}"
            case Summarize():
                return self._summarize(operator)
            case Distinct(columns):
                return f"distinct {self._projections(columns)}"
            case Sort(keys):
                return f"sort by {self._keys(keys)}"
            case Top(count, keys):
                return f"top {self.expression(count)} by {self._keys(keys)}"
            case TopNested(levels):
                return ", ".join(self._level(level) for level in levels)
            case Take(count):
                return f"take {self.expression(count)}"
            case Sample(count):
                return f"sample {self.expression(count)}"
            case SampleDistinct(count, column):
                return f"sample-distinct {self.expression(count)} of {self.expression(column)}"
            case Count(counted):
                return f"count as {name(counted)}" if counted else "count"
            case Join(kind, right, on, options):
                return self._joined("join", (f"kind={kind}", *_options(options)), right, on)
            case Lookup(kind, right, on):
                return self._joined("lookup", (f"kind={kind}",), right, on)
            case Union():
                return self._union(operator)
            case MvExpand():
                return self._mv_expand(operator)
            case MvApply():
                return self._mv_apply(operator)
            case MakeSeries():
                return self._make_series(operator)
            case Serialize(columns):
                return f"serialize {self._projections(columns)}".rstrip()
            case Partition():
                return self._partition(operator)
            case Scan():
                return self._scan(operator)
            case Parse():
                return self._parse(operator)
            case ParseKv():
                return self._parse_kv(operator)
            case Getschema():
                return "getschema"
            case As(named):
                return f"as {name(named)}"
            case Invoke(call):
                return f"invoke {self.call(call)}"
            case Evaluate():
                return self._evaluate(operator)
            case Render():
                return self._render(operator)
            case Consume():
                return "consume"
            case Fork(branches):
                return " ".join(("fork", *(self._branch(named, subquery) for named, subquery in branches)))
            case Facet(columns, subquery):
                facets = ", ".join(name(column) for column in columns)
                return f"facet by {facets} with {self._subquery(subquery)}" if subquery else f"facet by {facets}"
            case Search():
                return self._search(operator)
            case Unparsed():
                return self.unparsed(operator)
            case _:
                assert_never(operator)

    def unparsed(self, node: Unparsed) -> str:
        """Return what was not parsed, as written."""
        return self._source[node.span.start : node.span.end]

    def _head(self, source: Source) -> str:
        match source:
            case NameSource(named):
                return name(named)
            case CallSource(call):
                return self.call(call)
            case ParenthesisSource(pipeline):
                return f"({self.pipeline(pipeline)})"
            case Datatable(columns, values):
                return f"datatable({_columns(columns)})[{self.expressions(values)}]"
            case RangeSource(named, start, stop, step):
                bounds = f"from {self.expression(start)} to {self.expression(stop)} step {self.expression(step)}"
                return f"range {name(named)} {bounds}"
            case PrintSource(columns):
                return f"print {self._projections(columns)}"
            case UnionSource(union):
                return self._union(union)
            case Evaluate():
                return self._evaluate(source)
            case Search():
                return self._search(source)
            case Unparsed():
                return self.unparsed(source)
            case _:
                assert_never(source)

    def _projections(self, projections: tuple[Projection, ...]) -> str:
        return ", ".join(self._projection(projection) for projection in projections)

    def _projection(self, projection: Projection) -> str:
        value = self.expression(projection.expression)
        return f"{_names(projection.names)} = {value}" if projection.names else value

    def _keys(self, keys: tuple[OrderKey, ...]) -> str:
        return ", ".join(self._key(key) for key in keys)

    def _key(self, key: OrderKey) -> str:
        nulls = {None: "", True: " nulls first", False: " nulls last"}[key.nulls_first]
        return f"{self.expression(key.expression)}{_direction(key.ascending)}{nulls}"

    def _summarize(self, node: Summarize) -> str:
        parts = ["summarize", *_options(node.options)]
        if node.aggregates:
            parts.append(self._projections(node.aggregates))
        if node.by is not None:
            parts.append(f"by {self._projections(node.by)}".rstrip())
        return " ".join(parts)

    def _level(self, level: TopNestedLevel) -> str:
        parts = ["top-nested"]
        if level.count is not None:
            parts.append(self.expression(level.count))
        parts.append(f"of {self._projection(level.column)}")
        if level.others is not None:
            parts.append(f"with others = {self.expression(level.others)}")
        parts.append(f"by {self._projection(level.by)}{_direction(level.by_ascending)}")
        return " ".join(parts)

    def _operand(self, pipeline: Pipeline) -> str:
        plain = isinstance(pipeline.source, NameSource | CallSource) and not pipeline.operators
        return self.pipeline(pipeline) if plain else f"({self.pipeline(pipeline)})"

    def _joined(self, word: str, options: tuple[str, ...], right: Pipeline, on: tuple[Expression, ...]) -> str:
        conditions = f" on {self.expressions(on)}" if on else ""
        return f"{' '.join((word, *options))} {self._operand(right)}{conditions}"

    def _union(self, node: Union) -> str:
        parts = ["union", f"kind={node.kind}"]
        if node.with_source is not None:
            parts.append(f"withsource={name(node.with_source)}")
        if node.is_fuzzy:
            parts.append("isfuzzy=true")
        tables = [*(self._operand(table) for table in node.tables), *(pattern.text for pattern in node.patterns)]
        return f"{' '.join(parts)} {', '.join(tables)}"

    def _mv_columns(self, columns: tuple[MvColumn, ...]) -> str:
        return ", ".join(self._mv_column(column) for column in columns)

    def _mv_column(self, column: MvColumn) -> str:
        named = f"{name(column.name)} = " if column.name else ""
        to_type = f" to typeof({column.to_type})" if column.to_type else ""
        return f"{named}{self.expression(column.expression)}{to_type}"

    def _mv_expand(self, node: MvExpand) -> str:
        index = f" with_itemindex={name(node.item_index)}" if node.item_index else ""
        limit = f" limit {self.expression(node.limit)}" if node.limit is not None else ""
        return f"mv-expand bagexpansion={node.bag_expansion}{index} {self._mv_columns(node.columns)}{limit}"

    def _mv_apply(self, node: MvApply) -> str:
        index = f" with_itemindex={name(node.item_index)}" if node.item_index else ""
        limit = f" limit {self.expression(node.limit)}" if node.limit is not None else ""
        return f"mv-apply{index} {self._mv_columns(node.columns)}{limit} on {self._subquery(node.subquery)}"

    def _make_series(self, node: MakeSeries) -> str:
        parts = ["make-series", *_options(node.options)]
        parts.append(", ".join(self._series(aggregate) for aggregate in node.aggregates))
        parts.append(f"on {self._projection(node.axis)}")
        if node.stop_inclusive and node.start is not None and node.stop is not None:
            parts.append(f"in range({self.expressions((node.start, node.stop, node.step))})")
        else:
            parts.extend(
                f"{word} {self.expression(bound)}"
                for word, bound in (("from", node.start), ("to", node.stop), ("step", node.step))
                if bound is not None
            )
        if node.by:
            parts.append(f"by {self._projections(node.by)}")
        return " ".join(parts)

    def _series(self, aggregate: MakeSeriesAggregate) -> str:
        named = f"{_names(aggregate.names)} = " if aggregate.names else ""
        default = f" default = {self.expression(aggregate.default)}" if aggregate.default is not None else ""
        return f"{named}{self.expression(aggregate.aggregate)}{default}"

    def _subquery(self, operators: tuple[Operator, ...]) -> str:
        return f"({' | '.join(self.operator(operator) for operator in operators)})"

    def _branch(self, named: Name | None, subquery: tuple[Operator, ...]) -> str:
        return f"{name(named)} = {self._subquery(subquery)}" if named else self._subquery(subquery)

    def _partition(self, node: Partition) -> str:
        head = " ".join(("partition", *_options(node.options), f"by {self.expression(node.column)}"))
        if node.pipeline is not None:
            return f"{head} {{ {self.pipeline(node.pipeline)} }}"
        return f"{head} {self._subquery(node.subquery)}"

    def _scan(self, node: Scan) -> str:
        parts = ["scan"]
        if node.match_id is not None:
            parts.append(f"with_match_id={name(node.match_id)}")
        if node.declarations:
            parts.append(f"declare ({', '.join(self._declaration(item) for item in node.declarations)})")
        steps = " ".join(f"{self._step(step)};" for step in node.steps)
        return f"{' '.join(parts)} with ({steps})"

    def _declaration(self, declaration: ScanDeclaration) -> str:
        default = f" = {self.expression(declaration.default)}" if declaration.default is not None else ""
        return f"{_column(declaration.column)}{default}"

    def _step(self, step: ScanStep) -> str:
        optional = " optional" if step.optional else ""
        assignments = f" => {self._projections(step.assignments)}" if step.assignments else ""
        condition = self.expression(step.condition)
        return f"step {name(step.name)}{optional} output={step.output}: {condition}{assignments}"

    def _parse(self, node: Parse) -> str:
        word = "parse-where" if node.where_matches else "parse"
        flags = f" flags={_value(node.flags)}" if node.flags else ""
        parts = " ".join(_part(part) for part in node.parts)
        return f"{word} kind={node.kind}{flags} {self.expression(node.expression)} with {parts}"

    def _parse_kv(self, node: ParseKv) -> str:
        options = ", ".join(f"{quoted_name(key)} = {self.expression(value)}" for key, value in node.options)
        with_options = f" with ({options})" if options else ""
        return f"parse-kv {self.expression(node.expression)} as ({_columns(node.columns)}){with_options}"

    def _evaluate(self, node: Evaluate) -> str:
        if node.schema is None:
            return f"evaluate {self.call(node.call)}"
        star = ["*"] if node.keeps_input else []
        return f"evaluate {self.call(node.call)} : ({', '.join([*star, *map(_column, node.schema)])})"

    def _render(self, node: Render) -> str:
        properties = ", ".join(f"{key}={self._property(value)}" for key, value in node.properties)
        return f"render {node.kind} with ({properties})" if properties else f"render {node.kind}"

    def _property(self, value: Literal | DynamicLiteral | Name | tuple[Name, ...]) -> str:
        if isinstance(value, tuple):
            return ", ".join(name(item) for item in value)
        return self.expression(value)

    def _search(self, node: Search) -> str:
        tables = f" in ({_patterns(node.tables)})" if node.tables else ""
        return f"search kind={node.kind}{tables} {self.expression(node.predicate)}"


def _names(names: tuple[Name, ...]) -> str:
    text = ", ".join(name(item) for item in names)
    return text if len(names) == 1 else f"({text})"


def _direction(ascending: bool | None) -> str:
    return {None: "", True: " asc", False: " desc"}[ascending]


def _patterns(patterns: tuple[ColumnPattern, ...]) -> str:
    return ", ".join(
        f"{pattern.text if pattern.is_pattern else quoted_name(pattern.text)}{_direction(pattern.ascending)}"
        for pattern in patterns
    )


def _column(column: ColumnDeclaration) -> str:
    return f"{name(column.name)}: {column.type}"


def _columns(columns: tuple[ColumnDeclaration, ...]) -> str:
    return ", ".join(_column(column) for column in columns)


def _part(part: ParsePart) -> str:
    if part.text is not None:
        return string(part.text)
    return "*" if part.column is None else _column(part.column)


def _value(text: str) -> str:
    return text if _BARE_VALUE.fullmatch(text) else string(text)


def _options(options: tuple[Option, ...]) -> tuple[str, ...]:
    return tuple(f"{option.name}={_value(option.value)}" for option in options)
