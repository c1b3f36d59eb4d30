"""Pipelines: a source, then operator after operator, each to its plan node."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from emulator.binder.bind_expressions.user_functions import bind_user_call
from emulator.binder.bind_operators.aggregate import (
    bind_count,
    bind_distinct,
    bind_make_series,
    bind_sample_distinct,
    bind_summarize,
)
from emulator.binder.bind_operators.combine import bind_join, bind_lookup, bind_union
from emulator.binder.bind_operators.expand import bind_mv_apply, bind_mv_expand, bind_partition
from emulator.binder.bind_operators.order import bind_scan, bind_serialize, bind_sort, bind_top
from emulator.binder.bind_operators.parse import bind_parse, bind_parse_kv
from emulator.binder.bind_operators.plugins import bind_evaluate
from emulator.binder.bind_operators.shape import (
    bind_extend,
    bind_getschema,
    bind_project,
    bind_project_away,
    bind_project_by_names,
    bind_project_keep,
    bind_project_rename,
    bind_project_reorder,
    bind_sample,
    bind_take,
    bind_where,
)
from emulator.binder.bind_operators.top_nested import bind_top_nested
from emulator.binder.bind_sources import bind_source
from emulator.binder.extensions import bind_extensions, extensions
from emulator.binder.faults import bad_value, unresolved_table, unsupported
from emulator.binder.plan import Plan
from emulator.binder.scope import NO_ROWS, Environment, Relation, TabularBinding
from emulator.binder.visualization import visualization
from emulator.syntax import operators as syntax
from emulator.work import check_work

_Bind: TypeAlias = Callable[..., Plan]
# So many columns that an operator passes on take as long to compile as one call.
_COLUMNS = 16

_OPERATORS: Mapping[type, _Bind] = {
    syntax.Where: bind_where,
    syntax.Extend: bind_extend,
    syntax.Project: bind_project,
    syntax.ProjectAway: bind_project_away,
    syntax.ProjectKeep: bind_project_keep,
    syntax.ProjectRename: bind_project_rename,
    syntax.ProjectReorder: bind_project_reorder,
    syntax.ProjectByNames: bind_project_by_names,
    syntax.Summarize: bind_summarize,
    syntax.Distinct: bind_distinct,
    syntax.Sort: bind_sort,
    syntax.Top: bind_top,
    syntax.Take: bind_take,
    syntax.Sample: bind_sample,
    syntax.SampleDistinct: bind_sample_distinct,
    syntax.Count: bind_count,
    syntax.Join: bind_join,
    syntax.Lookup: bind_lookup,
    syntax.Union: bind_union,
    syntax.MvExpand: bind_mv_expand,
    syntax.MvApply: bind_mv_apply,
    syntax.MakeSeries: bind_make_series,
    syntax.Serialize: bind_serialize,
    syntax.Partition: bind_partition,
    syntax.Scan: bind_scan,
    syntax.Getschema: bind_getschema,
    syntax.Evaluate: bind_evaluate,
    syntax.TopNested: bind_top_nested,
    syntax.Parse: bind_parse,
    syntax.ParseKv: bind_parse_kv,
}


def bind_pipeline(node: syntax.Pipeline, environment: Environment, source: Relation | None) -> Relation:
    """Bind a pipeline operator by operator; `source` replaces its head in a subquery."""
    relation = source if source is not None else bind_source(node.source, environment)
    waiting = 0
    for position, operator in enumerate(node.operators):
        check_work()
        if position < waiting:
            continue
        if isinstance(operator, syntax.Extend | syntax.Where) and (run := extensions(node.operators, position)):
            waiting = position + len(run)
            relation = Relation(bind_extensions(run, relation, environment), relation.name)
            environment.session.effort.spend(len(relation.schema) // _COLUMNS)
            continue
        match operator:
            case syntax.As(name=name):
                relation = Relation(relation.plan, name.text, relation.visualization)
                environment = environment.with_name(name.text, TabularBinding(relation))
            case syntax.Render():
                relation = Relation(relation.plan, relation.name, visualization(operator))
            case syntax.Consume():
                pass
            case syntax.Invoke():
                relation = _invoke(operator, relation, environment)
            case syntax.Unparsed(keyword=keyword, span=span):
                raise unsupported(f"operator '{keyword}'", span)
            case _:
                bind = _OPERATORS.get(type(operator))
                if bind is None:
                    raise unsupported(f"operator '{_keyword(operator)}'", operator.span)
                relation = Relation(bind(operator, relation, environment), _kept_name(operator, relation))
                environment.session.effort.spend(1 + len(relation.schema) // _COLUMNS)
    return relation


_ROW_BY_ROW = (
    syntax.Where,
    syntax.Extend,
    syntax.Project,
    syntax.ProjectAway,
    syntax.ProjectKeep,
    syntax.ProjectRename,
)


def _kept_name(operator: syntax.Operator, relation: Relation) -> str | None:
    return relation.name if isinstance(operator, _ROW_BY_ROW) else None


def _keyword(operator: syntax.Operator) -> str:
    return "".join(f"-{each.lower()}" if each.isupper() else each for each in type(operator).__name__).lstrip("-")


def _invoke(operator: syntax.Invoke, relation: Relation, environment: Environment) -> Relation:
    value = bind_user_call(operator.call, environment, NO_ROWS, relation)
    if value is None:
        raise unresolved_table(operator.call.name.text, environment.function_names(), operator.call.name.span)
    if not isinstance(value, Relation):
        raise bad_value(f"'invoke' operator: '{operator.call.name.text}' returns no table", operator.span)
    return Relation(value.plan, None, value.visualization)
