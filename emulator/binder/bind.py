"""The binder's entry points: a query to its plans, a stored function to its signature."""

from collections.abc import Mapping
from types import MappingProxyType

from emulator.binder.bind_expressions.constants import folded
from emulator.binder.bind_expressions.conversion import plain
from emulator.binder.bind_expressions.expressions import bind_expression
from emulator.binder.bind_expressions.literal_values import literal_value
from emulator.binder.bind_expressions.user_functions import bind_let, bind_value, declare
from emulator.binder.bind_pipeline import bind_pipeline
from emulator.binder.entities import EntityProvider, NoEntities, StoredFunction
from emulator.binder.expression import BoundExpression, ColumnReference, Constant, QueryParameter
from emulator.binder.faults import bad_value, refusing_deep_queries, unsupported
from emulator.binder.plan import EMPTY_SCHEMA, BoundQuery, OneRow, ParameterDeclaration, Plan, Project
from emulator.binder.scope import NO_ROWS, Environment, Relation, Rows, ScalarBinding, Session
from emulator.binder.signature import FunctionParameter, FunctionSignature, bind_signature
from emulator.errors import KustoError
from emulator.functions.catalogue import CATALOGUE
from emulator.functions.function import Catalogue
from emulator.syntax import operators as syntax
from emulator.syntax import statements
from emulator.syntax.expressions import Expression
from emulator.text import NOWHERE
from emulator.types import Column, KqlType, Schema

__all__ = ["FunctionParameter", "FunctionSignature", "bind_function", "bind_query", "bind_scalar", "final"]


def bind_query(
    query: statements.Query, entities: EntityProvider, *, catalogue: Catalogue = CATALOGUE, keeps_rows: bool = False
) -> BoundQuery:
    """Bind a whole request: every name resolved, every expression typed; `keeps_rows` as a session has it.

    Raises SemanticFault, UnsupportedFault or QueryTooDeep with the query's text attached.
    """
    try:
        with refusing_deep_queries():
            options = {each.name: each.value for each in query.statements if isinstance(each, statements.SetOption)}
            return _bind_statements(query, _environment(entities, catalogue, options, keeps_rows=keeps_rows), options)
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
        with refusing_deep_queries():
            return bind_signature(function, environment)
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


def _environment(
    entities: EntityProvider,
    catalogue: Catalogue,
    options: Mapping[str, str] = MappingProxyType({}),
    *,
    keeps_rows: bool = False,
) -> Environment:
    session = Session(entities, catalogue, bind_expression, bind_pipeline, options=options, keeps_rows=keeps_rows)
    return Environment(session)


def _bind_statements(query: statements.Query, environment: Environment, options: dict[str, str]) -> BoundQuery:
    results: list[Relation] = []
    parameters: list[ParameterDeclaration] = []
    declared: set[str] = set()
    for statement in query.statements:
        match statement:
            case statements.Let(name=name):
                declare(name, declared)
                environment = environment.with_name(name.text, bind_let(statement, environment))
            case statements.SetOption():
                pass
            case statements.DeclareQueryParameters(parameters=query_parameters):
                for parameter in query_parameters:
                    declare(parameter.name, declared)
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
