"""Choosing the overload of a call: exact types first, then the cheapest implicit conversions."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from emulator.errors import SemanticFault
from emulator.functions.function import Parameter, Signature
from emulator.text import NOWHERE, Span
from emulator.types import DYNAMIC, KqlType, Scalar


class _HasParameters(Protocol):
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...


Overload = TypeVar("Overload", bound=_HasParameters)

_WIDENINGS: dict[tuple[Scalar, Scalar], int] = {
    (Scalar.INT, Scalar.LONG): 1,
    (Scalar.INT, Scalar.REAL): 2,
    (Scalar.LONG, Scalar.REAL): 2,
    (Scalar.INT, Scalar.DECIMAL): 3,
    (Scalar.LONG, Scalar.DECIMAL): 3,
    (Scalar.REAL, Scalar.DECIMAL): 4,
    (Scalar.DECIMAL, Scalar.REAL): 5,
}
_FROM_DYNAMIC = 20

# Where a dynamic value could become several types, the first one of these that is accepted.
_DYNAMIC_PREFERENCE = (
    Scalar.DYNAMIC,
    Scalar.STRING,
    Scalar.REAL,
    Scalar.LONG,
    Scalar.DATETIME,
    Scalar.TIMESPAN,
    Scalar.BOOL,
    Scalar.GUID,
    Scalar.INT,
    Scalar.DECIMAL,
)
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%"})

# What the service calls the types in its arithmetic errors.
_ENGINE_NAMES: dict[Scalar, str] = {
    Scalar.BOOL: "I8",
    Scalar.INT: "I32",
    Scalar.LONG: "I64",
    Scalar.REAL: "R64",
    Scalar.DECIMAL: "Decimal",
    Scalar.STRING: "StringBuffer",
    Scalar.DATETIME: "DateTime",
    Scalar.TIMESPAN: "TimeSpan",
    Scalar.GUID: "UniqueId",
    Scalar.DYNAMIC: "Dynamic",
}
_NUMERIC_ORDER = (Scalar.INT, Scalar.LONG, Scalar.REAL, Scalar.DECIMAL)


def resolve(
    name: str,
    signatures: Sequence[Overload],
    argument_types: Sequence[KqlType],
    argument_spans: Sequence[Span] = (),
    call_span: Span = NOWHERE,
) -> tuple[Overload, tuple[KqlType, ...]]:
    """Return the overload for these argument types, and the type that every argument must be converted to.

    Raises SemanticFault for a wrong number or wrong types of arguments.
    """
    span = _hull(argument_spans) if call_span == NOWHERE else call_span
    count = len(argument_types)
    fitting = [
        (signature, parameters)
        for signature in signatures
        for parameters in parameters_for(signature.parameters, count)
    ]
    if not fitting:
        raise _wrong_count(name, signatures, span)
    best: tuple[int, Overload, tuple[KqlType, ...]] | None = None
    for signature, parameters in fitting:
        found = _conversions(signature, parameters, argument_types)
        if found is not None and (best is None or found[0] < best[0]):
            best = (found[0], signature, found[1])
            if found[0] == 0:
                break
    if best is None:
        raise _wrong_types(name, [parameters for _, parameters in fitting], argument_types, argument_spans, span)
    return best[1], best[2]


def parameters_for(parameters: tuple[Parameter, ...], count: int) -> Iterator[tuple[Parameter, ...]]:
    """Yield every way to give `count` arguments to these parameters: one parameter per argument."""
    repeated = [index for index, parameter in enumerate(parameters) if parameter.repeated]
    if not repeated:
        required = sum(not parameter.optional for parameter in parameters)
        if required <= count <= len(parameters):
            yield parameters[:count]
        return
    before, group = parameters[: repeated[0]], parameters[repeated[0] : repeated[-1] + 1]
    after = parameters[repeated[-1] + 1 :]
    least = 0 if all(parameter.optional for parameter in group) else 1
    most = group[0].most
    required_after = sum(not parameter.optional for parameter in after)
    for taken in range(len(after), required_after - 1, -1):
        times, rest = divmod(count - len(before) - taken, len(group))
        if rest == 0 and times >= least and not 0 < most < times:
            yield before + group * times + after[:taken]


def common_type(types: Iterable[KqlType]) -> KqlType | None:
    """Return the type that all of these become where one is needed, or None.

    Numbers take the widest type, a dynamic value becomes the type of the others, lists of numbers widen,
    other lists of different elements and lists beside dynamic values become plain dynamic.
    """
    distinct = set(types)
    if len(distinct) == 1:
        return distinct.pop()
    scalars = {type_.scalar for type_ in distinct}
    if scalars == {Scalar.DYNAMIC}:
        elements = {type_.element for type_ in distinct}
        if elements <= {Scalar.INT, Scalar.LONG, Scalar.REAL}:
            return KqlType(Scalar.DYNAMIC, Scalar.REAL if Scalar.REAL in elements else Scalar.LONG)
        return DYNAMIC
    scalars.discard(Scalar.DYNAMIC)
    if any(type_.is_typed_list for type_ in distinct):
        return None
    if len(scalars) == 1:
        return KqlType(scalars.pop())
    if scalars <= set(_NUMERIC_ORDER):
        return KqlType(max(scalars, key=_NUMERIC_ORDER.index))
    return None


def same_type(types: tuple[KqlType, ...]) -> KqlType | None:
    """Return the common type where a long and a real have none: int and long mix, and dynamic takes in everything."""
    scalars = {type_.scalar for type_ in types}
    if Scalar.DYNAMIC in scalars and len(scalars) > 1:
        return DYNAMIC
    if len(scalars) > 1 and not scalars <= {Scalar.INT, Scalar.LONG}:
        return None
    return common_type(types)


def unknown_function(name: str, known: Iterable[str], span: Span) -> SemanticFault:
    """Return the fault for a name that nothing callable has."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(repr(match) for match in close)}?" if close else ""
    return SemanticFault(f"Unknown function: '{name}'", "SEM0260", span, hint)


def _conversions(
    signature: _HasParameters, parameters: tuple[Parameter, ...], types: Sequence[KqlType]
) -> tuple[int, tuple[KqlType, ...]] | None:
    converted = list(types)
    unified: tuple[int, ...] = ()
    if isinstance(signature, Signature):
        unified = signature.unify(len(types)) if callable(signature.unify) else signature.unify
        unified = tuple(position for position in unified if position < len(types))
    if len(unified) > 1:
        given = tuple(types[position] for position in unified)
        rule = signature.common if isinstance(signature, Signature) else None
        common = common_type(given) if rule is None else rule(given)
        if common is None or (common.scalar is Scalar.DYNAMIC and not _take_dynamic(parameters, unified)):
            return None
        for position in unified:
            converted[position] = common
    cost = 0
    for position, (parameter, type_) in enumerate(zip(parameters, converted, strict=True)):
        found = _accept(parameter, type_)
        if found is None:
            return None
        converted[position] = found[1]
        cost += found[0] + _distance(types[position], type_)
    if len(unified) > 1 and len({converted[position] for position in unified}) > 1:
        return None
    return cost, tuple(converted)


def _take_dynamic(parameters: tuple[Parameter, ...], positions: tuple[int, ...]) -> bool:
    # Two dynamic values say nothing of the type in which they should meet.
    accepted = (parameters[position].types for position in positions)
    return all(not types or Scalar.DYNAMIC in types for types in accepted)


def _accept(parameter: Parameter, type_: KqlType) -> tuple[int, KqlType] | None:
    if not parameter.types or type_.scalar in parameter.types:
        return 0, type_
    if type_.is_typed_list:
        return None
    if type_.scalar is Scalar.DYNAMIC:
        target = next((scalar for scalar in _DYNAMIC_PREFERENCE if scalar in parameter.types), None)
        return None if target is None else (_FROM_DYNAMIC, KqlType(target))
    widened = [
        (_WIDENINGS[type_.scalar, scalar], scalar)
        for scalar in _NUMERIC_ORDER
        if scalar in parameter.types and (type_.scalar, scalar) in _WIDENINGS
    ]
    if not widened:
        return None
    cost, scalar = min(widened, key=lambda pair: pair[0])
    return cost, KqlType(scalar)


def _distance(source: KqlType, target: KqlType) -> int:
    if source.scalar is target.scalar:
        return 0
    return _FROM_DYNAMIC if source.scalar is Scalar.DYNAMIC else _WIDENINGS.get((source.scalar, target.scalar), 0)


def _wrong_count(name: str, signatures: Sequence[_HasParameters], span: Span) -> SemanticFault:
    least = min(sum(not parameter.optional for parameter in each.parameters) for each in signatures)
    most = sum(max(1, each.most) for each in signatures[0].parameters)
    if any(parameter.most for parameter in signatures[0].parameters):
        return SemanticFault(f"{name}(): function expects [{least}..{most}] argument(s)", "SEM0223", span)
    if any(parameter.repeated for each in signatures for parameter in each.parameters):
        return SemanticFault(f"{name}(): function expects at least {least} argument(s)", "SEM0223", span)
    most = max(len(each.parameters) for each in signatures)
    if least == most:
        return SemanticFault(f"{name}(): function expects {least} argument(s)", "SEM0219", span)
    return SemanticFault(f"{name}(): function expects [{least}..{most}] argument(s)", "SEM0223", span)


def _wrong_types(
    name: str,
    candidates: list[tuple[Parameter, ...]],
    types: Sequence[KqlType],
    spans: Sequence[Span],
    span: Span,
) -> SemanticFault:
    if name in _COMPARISONS:
        return _cannot_compare(types, span)
    if name in _ARITHMETIC:
        left, right = types[0], types[-1]
        return SemanticFault(
            f"Arithmetic expression cannot be carried-out between {_ENGINE_NAMES[left.scalar]} and "
            f"{_ENGINE_NAMES[right.scalar]}",
            "SEM0001",
            span,
            "convert one side, for example with todouble(…) or totimespan(…)",
        )
    for position, type_ in enumerate(types):
        accepted = [parameters[position] for parameters in candidates]
        if all(_accept(parameter, type_) is None for parameter in accepted):
            place = spans[position] if position < len(spans) else span
            return _wrong_argument(name, position, accepted, type_, place)
    return SemanticFault(
        f"{name}(): the values must be of one type, found {', '.join(map(str, types))}",
        "SEM0525",
        span,
        "convert them to one type; a real beside whole numbers is written 0.0 or todouble(…)",
    )


def _wrong_argument(name: str, position: int, accepted: list[Parameter], type_: KqlType, span: Span) -> SemanticFault:
    scalars = [scalar for scalar in Scalar if any(scalar in parameter.types for parameter in accepted)]
    expected = " or ".join(map(str, scalars))
    article = "an" if expected[0] in "aeiou" else "a"
    hint = (
        f"convert it with to{scalars[0]}(…)"
        if scalars[0] is not Scalar.DYNAMIC
        else "it needs an array or a property bag"
    )
    if name[0].isalpha() and not name.startswith(("has", "contains", "startswith", "endswith", "matches")):
        message = f"{name}(): argument #{position + 1} expected to be {article} {expected} expression, found {type_}"
    else:
        message = f"Operator '{name}': operand of type {type_} where {expected} is expected"
    return SemanticFault(message, "SEM0237", span, hint)


def _cannot_compare(types: Sequence[KqlType], span: Span) -> SemanticFault:
    shown = " and ".join(map(str, types))
    if {type_.scalar for type_ in types} == {Scalar.STRING}:
        return SemanticFault(
            f"Cannot compare values of types {shown}. Try adding explicit casts",
            "SEM0064",
            span,
            "strings have no order; strcmp(a, b) compares them",
        )
    if {type_.scalar for type_ in types} == {Scalar.DYNAMIC}:
        return SemanticFault(
            "Cannot compare dynamic values without explicit cast",
            "SEM0001",
            span,
            "convert both, for example with tostring(…)",
        )
    return SemanticFault(f"Cannot compare values of types {shown}. Try adding explicit casts", "SEM0064", span)


def _hull(spans: Sequence[Span]) -> Span:
    return spans[0].to(spans[-1]) if spans else NOWHERE
