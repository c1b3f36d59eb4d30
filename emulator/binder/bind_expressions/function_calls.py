"""Calls by name: special forms, catalogue functions, aggregates, window functions, and users' functions."""

from dataclasses import replace

from emulator.binder.bind_expressions.calls import aggregate_calls, call_function, converted_arguments, refuse_dynamic
from emulator.binder.bind_expressions.conversion import convert
from emulator.binder.bind_expressions.known_functions import NOT_BUILT
from emulator.binder.bind_expressions.special import SPECIAL_FORMS
from emulator.binder.bind_expressions.user_functions import bind_user_scalar
from emulator.binder.expression import AggregateCall, BoundExpression, FunctionCall, WindowCall
from emulator.binder.faults import NOT_SERIALIZED, not_allowed, unknown_function, unsupported
from emulator.binder.scope import Environment, FunctionBinding, Rows
from emulator.errors import SemanticFault
from emulator.functions.function import OutputNames
from emulator.functions.overloads import resolve
from emulator.syntax.expressions import Call, Expression, NamedArgument, Star


def bind_call(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    """Bind a call that stands where a scalar is needed."""
    name = call.name.text
    catalogue = environment.session.catalogue
    if not isinstance(environment.names.get(name), FunctionBinding):
        if (special := SPECIAL_FORMS.get(name)) is not None:
            return special(call, environment, rows)
        if name in catalogue.functions:
            return _bind_function(call, environment, rows)
        if name in catalogue.aggregates:
            calls = bind_aggregate(call, environment, rows)
            return collected(calls, rows)[0]
        if name in catalogue.windows:
            return _bind_window(call, environment, rows)
    result = bind_user_scalar(call, environment, rows)
    if result is None and name in NOT_BUILT:
        raise unsupported(f"function {name}()", call.span)
    if result is None:
        raise unknown_function(name, environment.function_names(), call.name.span)
    return result


def _bind_function(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    """Bind a catalogue function; a last argument `typeof(T)` converts its result (`extract(r, 1, s, typeof(long))`)."""
    arguments, converts_to = call.arguments, None
    if len(arguments) > 1 and isinstance(arguments[-1], Call) and arguments[-1].name.text == "typeof":
        converts_to = environment.expression(arguments[-1], rows).type
        arguments = arguments[:-1]
    bound = bind_arguments(arguments, environment, rows)
    result = call_function(call.name.text, bound, call.span, environment, call.name.span)
    if isinstance(result, FunctionCall):
        targets = tuple(argument.type for argument in result.arguments)
        refuse_dynamic(call.name.text, result.signature.parameters, bound, targets)
    return result if converts_to is None else convert(result, converts_to)


def bind_arguments(
    arguments: tuple[Expression, ...], environment: Environment, rows: Rows
) -> tuple[BoundExpression, ...]:
    """Bind the arguments of a built-in function, which takes them by position."""
    bound: list[BoundExpression] = []
    for argument in arguments:
        match argument:
            case NamedArgument(name=name):
                raise not_allowed(f"built-in functions take no named arguments: '{name.text} ='", argument.span)
            case Star(span=span):
                raise not_allowed("'*' may not be an argument here", span)
            case _:
                bound.append(environment.expression(argument, rows))
    return tuple(bound)


def bind_aggregate(
    call: Call, environment: Environment, rows: Rows, remaining: tuple[BoundExpression, ...] | None = None
) -> tuple[AggregateCall, ...]:
    """Return one call per output of an aggregate; `remaining` are the columns that `*` stands for."""
    name = call.name.text
    aggregate = environment.session.catalogue.aggregates[name]
    if rows.inside_aggregate:
        raise not_allowed(f"aggregate function '{name}' may not stand inside '{rows.inside_aggregate}'", call.span)
    if rows.aggregates is None:
        place = f"'{rows.operator}' operator: " if rows.operator else ""
        raise not_allowed(
            f"{place}aggregate function '{name}' may not stand here",
            call.span,
            "use it in summarize, or inside toscalar(…)",
        )
    inner = replace(rows, aggregates=None, inside_aggregate=name)
    arguments: list[BoundExpression] = []
    for argument in call.arguments:
        if isinstance(argument, Star):
            if remaining is None:
                raise not_allowed(f"{name}(*) may not be part of a larger expression", argument.span)
            arguments.extend(remaining)
        elif isinstance(argument, NamedArgument) and aggregate.naming is OutputNames.ARGUMENTS:
            arguments.append(environment.expression(argument.value, inner))
        else:
            arguments.extend(bind_arguments((argument,), environment, inner))
    is_starred = any(isinstance(argument, Star) for argument in call.arguments)
    return aggregate_calls(aggregate, tuple(arguments), call.span, is_starred=is_starred)


def collected(calls: tuple[AggregateCall, ...], rows: Rows) -> tuple[BoundExpression, ...]:
    """Hand the calls to the operator and return references to their results."""
    assert rows.aggregates is not None  # noqa: S101 - bind_aggregate has refused every other place
    return tuple(rows.aggregates.add(call) for call in calls)


def _bind_window(call: Call, environment: Environment, rows: Rows) -> BoundExpression:
    name = call.name.text
    function = environment.session.catalogue.windows[name]
    if not rows.is_serialized:
        raise SemanticFault(
            f"Function '{name}' cannot be invoked in current context. Details: the row set must be serialized",
            NOT_SERIALIZED,
            call.span,
            "put 'serialize' or 'sort by …' before this operator",
        )
    arguments = bind_arguments(call.arguments, environment, rows)
    types = tuple(argument.type for argument in arguments)
    spans = tuple(argument.span for argument in arguments)
    signature, targets = resolve(name, function.signatures, types, spans, call.span)
    refuse_dynamic(name, signature.parameters, arguments, targets)
    converted = converted_arguments(name, signature.parameters, arguments, targets)
    result = signature.result_type(tuple(argument.type for argument in converted))
    return WindowCall(function, signature, converted, result, call.span)
