"""Bound arguments to a call: the overload, the conversions it needs, and which arguments must be constants."""

from collections.abc import Sequence

from emulator.binder.bind_expressions.constants import folded, is_row_independent
from emulator.binder.bind_expressions.conversion import convert
from emulator.binder.expression import AggregateCall, BoundExpression, Constant, FunctionCall
from emulator.binder.faults import BAD_VALUE, unknown_function
from emulator.binder.scope import Environment
from emulator.errors import SemanticFault
from emulator.functions.function import Aggregate, Parameter
from emulator.functions.overloads import parameters_for, resolve
from emulator.text import NOWHERE, Span
from emulator.types import DYNAMIC, KqlType, Scalar


def call_function(
    name: str, arguments: tuple[BoundExpression, ...], span: Span, environment: Environment, name_span: Span = NOWHERE
) -> BoundExpression:
    """Return the call of a catalogue function or operator, with its arguments converted to the overload's types."""
    environment.session.effort.spend()
    function = environment.session.catalogue.functions.get(name)
    if function is None:
        raise unknown_function(name, environment.function_names(), span if name_span == NOWHERE else name_span)
    types = tuple(argument.type for argument in arguments)
    spans = tuple(argument.span for argument in arguments)
    signature, targets = resolve(name, function.signatures, types, spans, span)
    converted = converted_arguments(name, signature.parameters, arguments, targets)
    result = signature.result_type(tuple(argument.type for argument in converted))
    return FunctionCall(function, signature, converted, result, span)


def refuse_dynamic(
    name: str,
    parameters: tuple[Parameter, ...],
    arguments: Sequence[BoundExpression],
    targets: Sequence[KqlType],
) -> None:
    """Raise where a named function would read a dynamic value as anything but text: the query must say as what."""
    given = next(parameters_for(parameters, len(arguments)))
    for position, (parameter, argument, target) in enumerate(zip(given, arguments, targets, strict=True)):
        if argument.type != DYNAMIC or (isinstance(argument, Constant) and argument.value is None):
            continue
        is_text = target.scalar is Scalar.STRING and parameter.types <= {Scalar.STRING}
        if target.scalar is not Scalar.DYNAMIC and not is_text:
            raise SemanticFault(
                f"{name}(): argument #{position + 1} is of type dynamic, which is not converted implicitly",
                "SEM0237",
                argument.span,
                f"convert it, for example with to{target}(…)",
            )


def converted_arguments(
    name: str,
    parameters: tuple[Parameter, ...],
    arguments: tuple[BoundExpression, ...],
    targets: Sequence[KqlType],
) -> tuple[BoundExpression, ...]:
    """Return the arguments as the types that an overload asks for."""
    given = next(parameters_for(parameters, len(arguments)))
    return tuple(
        _argument(name, parameter, convert(argument, target), position)
        for position, (parameter, argument, target) in enumerate(zip(given, arguments, targets, strict=True))
    )


def _argument(name: str, parameter: Parameter, argument: BoundExpression, position: int) -> BoundExpression:
    if not parameter.constant:
        return argument
    value = folded(argument)
    if not is_row_independent(value):
        raise SemanticFault(
            f"{name}(): argument #{position + 1} ({parameter.name}) must be a constant", BAD_VALUE, argument.span
        )
    return value


def aggregate_calls(
    aggregate: Aggregate, arguments: tuple[BoundExpression, ...], span: Span, *, is_starred: bool = False
) -> tuple[AggregateCall, ...]:
    """Return one call per output of an aggregate for bound arguments; `is_starred` says that `*` is among them."""
    types = tuple(argument.type for argument in arguments)
    spans = tuple(argument.span for argument in arguments)
    # A star is whole rows, even if those have a single column besides the keys.
    signatures = tuple(each for each in aggregate.signatures if not is_starred or each.parameters[-1].repeated)
    signature, targets = resolve(aggregate.name, signatures, types, spans, span)
    refuse_dynamic(aggregate.name, signature.parameters, arguments, targets)
    converted = converted_arguments(aggregate.name, signature.parameters, arguments, targets)
    results = signature.result_types(tuple(argument.type for argument in converted))
    return tuple(
        AggregateCall(aggregate, signature, converted, type_, span, output) for output, type_ in enumerate(results)
    )
