"""Pipelines: a source and the operators piped to it; every operator by its name."""

from collections.abc import Callable
from difflib import get_close_matches

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Call, Expression, Index, Path
from emulator.syntax.operators import Operator, Pipeline, Unparsed
from emulator.syntax.parse_expressions import as_source_pipeline, parse_expression
from emulator.syntax.parse_operators import aggregate, combine, expand, order, shape
from emulator.syntax.parse_sources import parse_source
from emulator.text import Span

_STOPS = frozenset("|;")

OPERATORS: dict[str, Callable[[Cursor, int], Operator]] = {
    "where": shape.parse_where,
    "filter": shape.parse_where,
    "extend": shape.parse_extend,
    "project": shape.parse_project,
    "project-away": shape.parse_project_away,
    "project-keep": shape.parse_project_keep,
    "project-rename": shape.parse_project_rename,
    "project-reorder": shape.parse_project_reorder,
    "project-by-names": shape.parse_project_by_names,
    "parse": shape.parse_parse,
    "parse-where": shape.parse_parse_where,
    "parse-kv": shape.parse_parse_kv,
    "getschema": shape.parse_getschema,
    "as": shape.parse_as,
    "consume": shape.parse_consume,
    "render": shape.parse_render,
    "summarize": aggregate.parse_summarize,
    "distinct": aggregate.parse_distinct,
    "count": aggregate.parse_count,
    "make-series": aggregate.parse_make_series,
    "top-nested": aggregate.parse_top_nested,
    "join": combine.parse_join,
    "lookup": combine.parse_lookup,
    "union": combine.parse_union,
    "fork": combine.parse_fork,
    "facet": combine.parse_facet,
    "search": combine.parse_search,
    "partition": combine.parse_partition,
    "mv-expand": expand.parse_mv_expand,
    "mvexpand": expand.parse_mv_expand,
    "mv-apply": expand.parse_mv_apply,
    "mvapply": expand.parse_mv_apply,
    "evaluate": expand.parse_evaluate,
    "invoke": expand.parse_invoke,
    "sort": order.parse_sort,
    "order": order.parse_sort,
    "top": order.parse_top,
    "take": order.parse_take,
    "limit": order.parse_take,
    "sample": order.parse_sample,
    "sample-distinct": order.parse_sample_distinct,
    "serialize": order.parse_serialize,
    "scan": order.parse_scan,
}

# Operators of the language without a node of their own: parsed by name, refused by name later.
UNBUILT_OPERATORS = frozenset(
    {
        "assert-schema",
        "find",
        "graph-mark-components",
        "graph-match",
        "graph-shortest-paths",
        "graph-to-table",
        "graph-where-edges",
        "graph-where-nodes",
        "macro-expand",
        "make-graph",
        "partitionby",
        "reduce",
        "top-hitters",
        "__executeAndCache",
        "__partitionby",
    }
)


class QueryGrammar:
    """The rules of pipelines, as `cursor.Grammar` asks for them."""

    def value(self, cursor: Cursor) -> Expression | Pipeline:
        """Parse what may be scalar or tabular; a lone name or call is an Expression."""
        start = cursor.token
        source = parse_source(cursor)
        if source is not None:
            return self._piped(cursor, Pipeline(source, (), source.span))
        expression = parse_expression(cursor)
        if not cursor.at("|"):
            return expression
        pipeline = _tabular(expression)
        if pipeline is None:
            raise cursor.fault_at(start, "a table, a call or a query in parentheses before '|'")
        return self._piped(cursor, pipeline)

    def pipeline(self, cursor: Cursor) -> Pipeline:
        """Parse a source and its operators."""
        start = cursor.token
        value = self.value(cursor)
        if isinstance(value, Pipeline):
            return value
        pipeline = _tabular(value)
        if pipeline is None:
            raise cursor.fault_at(start, "a tabular expression", hint="a scalar result is shown by `print`")
        return pipeline

    def operators(self, cursor: Cursor) -> tuple[Operator, ...]:
        """Parse `operator | operator | …`, without a source."""
        operators = [parse_operator(cursor)]
        while cursor.take("|"):
            operators.append(parse_operator(cursor))
        return tuple(operators)

    def _piped(self, cursor: Cursor, pipeline: Pipeline) -> Pipeline:
        if not cursor.take("|"):
            return pipeline
        operators = (*pipeline.operators, *self.operators(cursor))
        return Pipeline(pipeline.source, operators, cursor.span_from(pipeline.span.start))


def parse_operator(cursor: Cursor) -> Operator:
    """Parse one operator from its name on."""
    start = cursor.token.start
    word = cursor.hyphenated_word()
    parse = OPERATORS.get(word)
    if parse is not None:
        cursor.skip_to(start + len(word))
        return parse(cursor, start)
    if word in UNBUILT_OPERATORS:
        cursor.skip_balanced(_STOPS)
        return Unparsed(word, Span(start, cursor.span_from(start).end))
    raise cursor.fault("the name of an operator", hint=operator_hint(word))


def _tabular(expression: Expression) -> Pipeline | None:
    # `F("x").Member` as a table calls a pattern of `declare pattern`, which the binder refuses.
    if isinstance(expression, Path | Index) and isinstance(expression.operand, Call):
        return Pipeline(Unparsed("pattern call", expression.span), (), expression.span)
    return as_source_pipeline(expression)


def operator_hint(word: str) -> str:
    """Say which operator a word may have meant, else name them all."""
    close = get_close_matches(word.lower(), OPERATORS, cutoff=0.7)
    if close:
        return f"did you mean the operator '{close[0]}'?"
    return f"the operators are {', '.join(sorted(OPERATORS))}"
