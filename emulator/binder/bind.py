"""The binder's entry points: a query to its plans, a stored function to its signature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from emulator.binder.bind_expressions import bind_expression
from emulator.binder.bind_functions import bind_let, bind_user_call, bind_value
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
from emulator.binder.bind_sources import bind_source
from emulator.binder.constants import folded
from emulator.binder.conversion import plain, require
from emulator.binder.entities import EntityProvider, NoEntities, StoredFunction
from emulator.binder.expression import BoundExpression, ColumnReference, Constant, QueryParameter
from emulator.binder.faults import bad_value, unresolved_table, unsupported
from emulator.binder.literal_values import literal_value
from emulator.binder.plan import EMPTY_SCHEMA, BoundQuery, OneRow, ParameterDeclaration, Plan, Project, Scan, Stored
from emulator.binder.scope import (
    NO_ROWS,
    SCALAR_BODY,
    Environment,
    Relation,
    Rows,
    ScalarBinding,
    Session,
    TabularBinding,
)
from emulator.errors import KustoError
from emulator.functions.catalogue import CATALOGUE
from emulator.functions.function import Catalogue
from emulator.syntax import operators as syntax
from emulator.syntax import statements
from emulator.syntax.expressions import DynamicLiteral, Expression, Literal, Name
from emulator.text import NOWHERE
from emulator.types import Column, KqlType, Schema

_Bind: TypeAlias = Callable[..., Plan]

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
    syntax.Parse: bind_parse,
    syntax.ParseKv: bind_parse_kv,
}


@dataclass(frozen=True, slots=True)
class FunctionParameter:
    """A scalar parameter of a stored function; `has_default` without `default` means one computed at run time."""

    name: str
    type: KqlType
    default: Constant | None = None
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class FunctionSignature:
    """What a caller of a stored function sees; a scalar function has a result of one column, `is_tabular` false."""

    name: str
    parameters: tuple[FunctionParameter, ...]
    result: Schema
    is_tabular: bool = True


def bind_query(query: statements.Query, entities: EntityProvider, *, catalogue: Catalogue = CATALOGUE) -> BoundQuery:
    """Bind a whole request: every name resolved, every expression typed.

    Raises SemanticFault or UnsupportedFault with the query's text attached.
    """
    try:
        return _bind_statements(query, _environment(entities, catalogue))
    except KustoError as fault:
        fault.with_source(query.source)
        raise


def bind_function(
    function: StoredFunction, entities: EntityProvider, *, catalogue: Catalogue = CATALOGUE
) -> FunctionSignature:
    """Bind a stored function by itself: its parameters with defaults, and the columns it returns.

    A tabular parameter is bound to an empty table of its declared columns.
    """
    environment = _environment(entities, catalogue).without_names(function.name)
    try:
        return _bind_signature(function, environment)
    except KustoError as fault:
        fault.with_source(function.source)
        raise


def bind_scalar(
    node: Expression,
    schema: Schema = EMPTY_SCHEMA,
    *,
    entities: EntityProvider | None = None,
    catalogue: Catalogue = CATALOGUE,
) -> BoundExpression:
    """Bind one scalar expression over the columns of a schema, as policies and mappings need it."""
    return _environment(entities or NoEntities(), catalogue).expression(node, Rows(schema))


def _environment(entities: EntityProvider, catalogue: Catalogue) -> Environment:
    return Environment(Session(entities, catalogue, bind_expression, bind_pipeline))


def bind_pipeline(node: syntax.Pipeline, environment: Environment, source: Relation | None) -> Relation:
    """Bind a pipeline operator by operator; `source` replaces its head in a subquery."""
    relation = source if source is not None else bind_source(node.source, environment)
    for operator in node.operators:
        match operator:
            case syntax.As(name=name):
                relation = Relation(relation.plan, name.text, relation.visualization)
                environment = environment.with_name(name.text, TabularBinding(relation))
            case syntax.Render():
                relation = Relation(relation.plan, relation.name, _visualization(operator))
            case syntax.Consume():
                pass
            case syntax.Invoke():
                relation = _invoke(operator, relation, environment)
            case syntax.Unparsed(keyword=keyword, span=span):
                raise unsupported(f"operator '{keyword}'", span)
            case syntax.Evaluate(call=call, span=span):
                raise unsupported(f"plugin '{call.name.text}'", span)
            case _:
                bind = _OPERATORS.get(type(operator))
                if bind is None:
                    raise unsupported(f"operator '{_keyword(operator)}'", operator.span)
                relation = Relation(bind(operator, relation, environment), _kept_name(operator, relation))
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


def _visualization(operator: syntax.Render) -> dict[str, object]:
    """Return what `render` asks for, in the words of Kusto's Visualization property."""
    properties: dict[str, object] = {"Visualization": operator.kind}
    for name, value in operator.properties:
        match value:
            case tuple():
                properties[_PROPERTY_NAMES.get(name, name)] = [each.text for each in value]
            case Name(text=text):
                properties[_PROPERTY_NAMES.get(name, name)] = text
            case Literal(value=content):
                properties[_PROPERTY_NAMES.get(name, name)] = content
            case DynamicLiteral(text=text):
                properties[_PROPERTY_NAMES.get(name, name)] = text
    return properties


_PROPERTY_NAMES = {
    "title": "Title",
    "xcolumn": "XColumn",
    "series": "Series",
    "ycolumns": "YColumns",
    "anomalycolumns": "AnomalyColumns",
    "xtitle": "XTitle",
    "ytitle": "YTitle",
    "xaxis": "XAxis",
    "yaxis": "YAxis",
    "legend": "Legend",
    "ysplit": "YSplit",
    "accumulate": "Accumulate",
    "kind": "Kind",
    "ymin": "Ymin",
    "ymax": "Ymax",
    "xmin": "Xmin",
    "xmax": "Xmax",
}


def _bind_statements(query: statements.Query, environment: Environment) -> BoundQuery:
    results: list[Relation] = []
    parameters: list[ParameterDeclaration] = []
    options: dict[str, str] = {}
    for statement in query.statements:
        match statement:
            case statements.Let(name=name):
                environment = environment.with_name(name.text, bind_let(statement, environment))
            case statements.SetOption(name=option, value=value):
                options[option] = value
            case statements.DeclareQueryParameters(parameters=declared):
                for parameter in declared:
                    declaration = _parameter(parameter, environment)
                    parameters.append(declaration)
                    reference = QueryParameter(declaration.name, declaration.column.type, declaration.span)
                    environment = environment.with_name(declaration.name, ScalarBinding(reference))
            case statements.UnsupportedStatement(keyword=keyword, span=span):
                raise unsupported(f"statement '{keyword}'", span)
            case syntax.Pipeline():
                results.append(_result(statement, environment))
    if not results:
        raise bad_value(
            "the query has no tabular expression, so it has no result", query.span, "add one after the last ';'"
        )
    names = tuple("PrimaryResult" if index == 0 else f"PrimaryResult_{index}" for index in range(len(results)))
    return BoundQuery(
        tuple(final(result) for result in results),
        names,
        tuple(parameters),
        tuple(dict(result.visualization or {}) for result in results),
        options,
    )


def _result(node: syntax.Pipeline, environment: Environment) -> Relation:
    value = bind_value(node, environment, NO_ROWS)
    if isinstance(value, Relation):
        return value
    # A scalar expression alone is the query `print expression`.
    return Relation(Project(OneRow(), Schema((Column("print_0", value.type),)), (value,)))


def final(relation: Relation) -> Plan:
    """Return a relation's plan with typed lists turned into plain dynamic values, as results have them."""
    schema = relation.schema
    if not any(column.type.is_typed_list for column in schema):
        return relation.plan
    columns = tuple(Column(column.name, column.type.kql) for column in schema)
    values = tuple(plain(ColumnReference(column.name, column.type, NOWHERE)) for column in schema)
    return Project(relation.plan, Schema(columns), values)


def _parameter(parameter: statements.ScalarParameter, environment: Environment) -> ParameterDeclaration:
    column = Column(parameter.name.text, KqlType(parameter.type))
    default = None
    if parameter.default is not None:
        value = folded(environment.expression(parameter.default, NO_ROWS))
        if not isinstance(value, Constant):
            raise bad_value(f"the default of query parameter '{column.name}' must be a literal", parameter.span)
        default = literal_value(value, column)
    return ParameterDeclaration(column.name, column, default, parameter.span)


def _bind_signature(function: StoredFunction, environment: Environment) -> FunctionSignature:
    parameters: list[FunctionParameter] = []
    for parameter in function.literal.parameters:
        name = parameter.name.text
        if isinstance(parameter, statements.TabularParameter):
            columns = tuple(Column(each.name.text, KqlType(each.type)) for each in parameter.columns or ())
            empty = Relation(Scan(Stored(name, f"$parameter:{name}", Schema(columns))), name)
            environment = environment.with_name(name, TabularBinding(empty))
            continue
        type_ = KqlType(parameter.type)
        default: Constant | None = None
        if parameter.default is not None:
            bound = folded(
                require(environment.expression(parameter.default, NO_ROWS), type_, "", f"default of '{name}'")
            )
            default = bound if isinstance(bound, Constant) else None
        parameters.append(FunctionParameter(name, type_, default, parameter.default is not None))
        environment = environment.with_name(name, ScalarBinding(QueryParameter(name, type_, parameter.span)))
    body = function.literal.body
    for let in body.lets:
        environment = environment.with_name(let.name.text, bind_let(let, environment, SCALAR_BODY))
    value = bind_value(body.result, environment, SCALAR_BODY)
    if isinstance(value, Relation):
        result = Schema(tuple(Column(each.name, each.type.kql, each.docstring) for each in value.schema))
        return FunctionSignature(function.name, tuple(parameters), result)
    return FunctionSignature(
        function.name, tuple(parameters), Schema((Column(function.name, value.type.kql),)), is_tabular=False
    )
