"""Whether a lone name or call is tabular: only what it names can tell."""

from dataclasses import dataclass

from emulator.binder.scope import Environment, FunctionBinding, ScalarBinding, TabularBinding
from emulator.syntax.expressions import Call, Expression, Name, SubqueryExpression
from emulator.syntax.operators import CallSource, NameSource, ParenthesisSource, Pipeline
from emulator.syntax.statements import FunctionLiteral, Let, TabularParameter

TABULAR_CALLS = frozenset({"materialize", "table", "materialized_view", "external_table", "cluster", "database"})


def as_pipeline(node: Expression) -> Pipeline | None:
    """Return an expression as a tabular one where its form allows that."""
    match node:
        case SubqueryExpression(query=Pipeline() as query):
            return query
        case Name():
            return Pipeline(NameSource(node, node.span), (), node.span)
        case Call():
            return Pipeline(CallSource(node, node.span), (), node.span)
        case _:
            return None


def is_tabular_expression(node: Expression, environment: Environment) -> bool:
    """Tell whether an expression names or makes a table."""
    pipeline = as_pipeline(node)
    return pipeline is not None and is_tabular_pipeline(pipeline, environment)


def is_tabular_pipeline(pipeline: Pipeline, environment: Environment) -> bool:
    """Tell whether a pipeline is one indeed, or a lone scalar name or call."""
    return _is_tabular(pipeline, _Body(environment, (), None))


@dataclass(frozen=True, slots=True)
class _Body:
    """The names seen from inside a function's body, before it is bound."""

    environment: Environment
    lets: tuple[Let, ...]
    literal: FunctionLiteral | None
    outer: "_Body | None" = None


def _is_tabular(pipeline: Pipeline, body: _Body) -> bool:
    if pipeline.operators:
        return True
    match pipeline.source:
        case NameSource(name=name):
            return _names_table(name.text, body, is_call=False)
        case CallSource(call=call):
            return _names_table(call.name.text, body, is_call=True)
        case ParenthesisSource(pipeline=inner):
            return _is_tabular(inner, body)
        case _:
            return True


def _names_table(name: str, body: _Body, *, is_call: bool) -> bool:
    for index in range(len(body.lets) - 1, -1, -1):
        let = body.lets[index]
        if let.name.text != name:
            continue
        before = _Body(body.environment, body.lets[:index], body.literal, body.outer)
        if isinstance(let.value, FunctionLiteral):
            return _literal_is_tabular(let.value, before)
        return isinstance(let.value, Pipeline) and _is_tabular(let.value, before)
    if body.literal is not None:
        for parameter in body.literal.parameters:
            if parameter.name.text == name:
                return isinstance(parameter, TabularParameter)
    if body.outer is not None:
        return _names_table(name, body.outer, is_call=is_call)
    return _environment_names_table(name, body.environment, is_call=is_call)


def _environment_names_table(name: str, environment: Environment, *, is_call: bool) -> bool:
    match environment.names.get(name):
        case TabularBinding():
            return True
        case ScalarBinding():
            return False
        case FunctionBinding(literal=literal, environment=inner):
            return _literal_is_tabular(literal, _Body(inner, (), None))
        case None:
            pass
    if is_call and name in TABULAR_CALLS:
        return True
    if is_call and name in environment.session.catalogue.functions:
        return False
    entities = environment.session.entities
    stored = entities.function(name)
    if stored is None:
        return not is_call and entities.table(name) is not None
    if name in environment.calls:
        return True  # the call itself will report the recursion
    return _literal_is_tabular(stored.literal, _Body(environment.without_names(name), (), None))


def _literal_is_tabular(literal: FunctionLiteral, outer: _Body) -> bool:
    result = literal.body.result
    if not isinstance(result, Pipeline):
        return False
    return _is_tabular(result, _Body(outer.environment, literal.body.lets, literal, outer))
