"""What a caller of a stored function sees: parameters with defaults, and the columns of its result."""

from dataclasses import dataclass

from emulator.binder.bind_expressions.constants import folded
from emulator.binder.bind_expressions.user_functions import bind_body, bind_defaults
from emulator.binder.entities import StoredFunction
from emulator.binder.expression import Constant, QueryParameter
from emulator.binder.plan import Scan, Stored
from emulator.binder.scope import Environment, Relation, ScalarBinding, TabularBinding
from emulator.syntax import statements
from emulator.types import Column, KqlType, Schema


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


def bind_signature(function: StoredFunction, environment: Environment) -> FunctionSignature:
    """Bind a function's body with its parameters as values that a call will bring."""
    parameters: list[FunctionParameter] = []
    defaults = bind_defaults(function.literal, environment)
    for parameter in function.literal.parameters:
        name = parameter.name.text
        if isinstance(parameter, statements.TabularParameter):
            columns = tuple(Column(each.name.text, KqlType(each.type)) for each in parameter.columns or ())
            empty = Relation(Scan(Stored(name, f"$parameter:{name}", Schema(columns))), name)
            environment = environment.with_name(name, TabularBinding(empty))
            continue
        type_ = KqlType(parameter.type)
        value = folded(defaults[name]) if name in defaults else None
        default = value if isinstance(value, Constant) else None
        parameters.append(FunctionParameter(name, type_, default, parameter.default is not None))
        environment = environment.with_name(name, ScalarBinding(QueryParameter(name, type_, parameter.span)))
    result = bind_body(function.literal.body, function.literal.parameters, environment)
    if isinstance(result, Relation):
        schema = Schema(tuple(Column(each.name, each.type.kql, each.docstring) for each in result.schema))
        return FunctionSignature(function.name, tuple(parameters), schema)
    schema = Schema((Column(function.name, result.type.kql),))
    return FunctionSignature(function.name, tuple(parameters), schema, is_tabular=False)
