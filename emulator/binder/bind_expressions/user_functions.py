"""Query-defined and stored functions: arguments to parameters, defaults, and the body in their place.

A call is replaced by its bound body: scalar parameters stand for the bound arguments, tabular ones for their plans.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from emulator.binder.bind_expressions.constants import reads_columns
from emulator.binder.bind_expressions.conversion import require
from emulator.binder.entities import StoredFunction
from emulator.binder.expression import BoundExpression
from emulator.binder.faults import WRONG_ARGUMENTS, not_allowed, unresolved_column
from emulator.binder.scope import (
    NO_ROWS,
    SCALAR_BODY,
    Binding,
    Environment,
    FunctionBinding,
    Relation,
    Rows,
    ScalarBinding,
    TabularBinding,
)
from emulator.binder.tabular_names import as_pipeline, is_tabular_pipeline
from emulator.errors import KustoError, SemanticFault, UnsupportedFault
from emulator.syntax.expressions import Call, Expression, Name, NamedArgument
from emulator.syntax.operators import CallSource, NameSource, Pipeline
from emulator.syntax.statements import FunctionBody, FunctionLiteral, Let, Parameter, ScalarParameter, TabularParameter
from emulator.text import NOWHERE, Span, excerpt, line_and_column
from emulator.types import KqlType

Value = BoundExpression | Relation


def bind_user_scalar(call: Call, environment: Environment, rows: Rows) -> BoundExpression | None:
    """Bind the call of a user's function where a scalar is needed; None when there is no such function."""
    value = bind_user_call(call, environment, rows)
    if isinstance(value, Relation):
        raise not_allowed(
            f"'{call.name.text}' returns a table; a scalar value is needed here",
            call.span,
            f"use toscalar({call.name.text}(…))",
        )
    return value


def bind_user_call(call: Call, environment: Environment, rows: Rows, first: Relation | None = None) -> Value | None:
    """Bind the call of a query-defined or stored function; `first` is the tabular argument that `invoke` gives."""
    name = call.name.text
    binding = environment.names.get(name)
    if isinstance(binding, FunctionBinding):
        return _call_let_function(binding, call, environment, rows, first)
    stored = environment.session.entities.function(name)
    if stored is None:
        return None
    return _call_stored_function(stored, call, environment, rows, first)


def _call_let_function(
    binding: FunctionBinding, call: Call, environment: Environment, rows: Rows, first: Relation | None
) -> Value:
    bound = _bind_parameters(binding.name, binding.literal, call, environment, rows, first)

    key = _key(id(binding), bound, environment)
    if key not in environment.session.calls:
        body_environment = _with_names(binding.environment, bound)
        value = bind_body(binding.literal.body, binding.literal.parameters, body_environment)
        _keep(key, (binding, bound), value, environment)
    return environment.session.calls[key][1]


def _key(function: Hashable, bound: dict[str, Binding], environment: Environment) -> Hashable:
    """Return what identifies a call: forty functions that each call the one before twice would be 2^40 bodies."""
    return function, *(_identity(binding, environment) for binding in bound.values())


def _keep(key: Hashable, identified: object, value: Value, environment: Environment) -> None:
    environment.session.calls[key] = identified, value


def _identity(binding: Binding, environment: Environment) -> Hashable:
    match binding:
        case ScalarBinding(value):
            return environment.session.numbers.of(value)
        case TabularBinding(relation):
            return id(relation.plan), relation.name
        case FunctionBinding():
            return id(binding)


def _call_stored_function(
    stored: StoredFunction, call: Call, environment: Environment, rows: Rows, first: Relation | None
) -> Value:
    if stored.name in environment.calls:
        chain = " → ".join((*environment.calls, stored.name))
        raise not_allowed(
            f"function '{stored.name}' calls itself: {chain}", call.span, "recursion is not possible in KQL"
        )
    body_environment = environment.without_names(stored.name)
    with inside_function(stored, call.span):
        defaults = bind_defaults(stored.literal, body_environment)
    bound = _bind_parameters(stored.name, stored.literal, call, environment, rows, first, defaults)

    key = _key(stored.name, bound, environment)
    if key not in environment.session.calls:
        with inside_function(stored, call.span):
            value = bind_body(stored.literal.body, stored.literal.parameters, _with_names(body_environment, bound))
        _keep(key, bound, value, environment)
    return environment.session.calls[key][1]


@contextmanager
def inside_function(stored: StoredFunction, span: Span) -> Iterator[None]:
    """Report a fault in a stored function's text at the call, with the function's name and line."""
    try:
        yield
    except KustoError as fault:
        if fault.source and fault.source != stored.source:
            raise
        place = ""
        if fault.span != NOWHERE and stored.source:
            line, _ = line_and_column(stored.source, fault.span.start)
            place = f"in line {line} of '{stored.name}':\n{excerpt(stored.source, fault.span)}"
        message = f"'{stored.name}()' has the following semantic error: {fault.code}: {fault.message}"
        hint = "\n".join(part for part in (fault.hint, place) if part)
        kind = UnsupportedFault if isinstance(fault, UnsupportedFault) else SemanticFault
        raise kind(message, fault.code, span, hint) from fault


def _with_names(environment: Environment, bound: dict[str, Binding]) -> Environment:
    for name, binding in bound.items():
        environment = environment.with_name(name, binding)
    return environment


def declare(name: Name, declared: set[str]) -> None:
    """Remember a name of one scope, or raise where the scope has it already."""
    if name.text in declared:
        raise SemanticFault(f"A variable with the name '{name.text}' has already been declared", "TH0130", name.span)
    declared.add(name.text)


def bind_body(body: FunctionBody, parameters: tuple[Parameter, ...], environment: Environment) -> Value:
    """Bind a function's body: its lets, then its result."""
    declared = {parameter.name.text for parameter in parameters}
    for let in body.lets:
        declare(let.name, declared)
        environment = environment.with_name(let.name.text, bind_let(let, environment, SCALAR_BODY))
    return bind_value(body.result, environment, SCALAR_BODY)


def bind_let(let: Let, environment: Environment, rows: Rows = NO_ROWS) -> Binding:
    """Bind the value of a let statement."""
    if isinstance(let.value, FunctionLiteral):
        return FunctionBinding(let.name.text, let.value, environment)
    value = bind_value(let.value, environment, rows)
    if isinstance(value, Relation):
        return TabularBinding(Relation(value.plan, let.name.text, value.visualization))
    return ScalarBinding(value, reads_columns(value))


def bind_value(node: Pipeline | Expression, environment: Environment, rows: Rows) -> Value:
    """Bind what may be scalar or tabular: a lone name or call is decided by what it names."""
    if not isinstance(node, Pipeline):
        return environment.expression(node, rows)
    match node:
        case Pipeline(source=NameSource(name=name), operators=()) if not is_tabular_pipeline(node, environment):
            return environment.expression(name, rows)
        case Pipeline(source=CallSource(call=call), operators=()) if not is_tabular_pipeline(node, environment):
            if call.name.text in environment.session.catalogue.functions:
                return environment.expression(call, rows)
            value = bind_user_call(call, environment, rows)
            return environment.expression(call, rows) if value is None else value
        case _:
            return environment.pipeline(node)


def bind_defaults(literal: FunctionLiteral, environment: Environment) -> dict[str, BoundExpression]:
    """Bind the defaults of a function's parameters; their spans point into another text than the body's."""
    defaults: dict[str, BoundExpression] = {}
    for parameter in literal.parameters:
        if not isinstance(parameter, ScalarParameter) or parameter.default is None:
            continue
        name = parameter.name.text
        try:
            value = environment.expression(parameter.default, NO_ROWS)
            defaults[name] = require(value, KqlType(parameter.type), "", f"the default of '{name}'")
        except KustoError as fault:
            fault.span = NOWHERE
            raise
    return defaults


def _bind_parameters(
    function: str,
    literal: FunctionLiteral,
    call: Call,
    environment: Environment,
    rows: Rows,
    first: Relation | None,
    defaults: dict[str, BoundExpression] | None = None,
) -> dict[str, Binding]:
    if defaults is None:
        defaults = bind_defaults(literal, environment)
    given = _assigned(function, literal.parameters, call, skip=0 if first is None else 1)
    bound: dict[str, Binding] = {}
    for position, parameter in enumerate(literal.parameters):
        name = parameter.name.text
        what = f"{function}(): argument '{name}'"
        if first is not None and position == 0:
            if not isinstance(parameter, TabularParameter):
                raise not_allowed(
                    f"'{function}' cannot be invoked: its first parameter '{name}' is not a table", call.span
                )
            bound[name] = TabularBinding(_checked_table(function, parameter, first, call.span))
            continue
        argument = given.get(name)
        if isinstance(parameter, TabularParameter):
            bound[name] = TabularBinding(_tabular_argument(function, parameter, argument, call, environment))
            continue
        if argument is None:
            default = defaults.get(name)
            if default is None:
                raise _wrong_count(function, literal.parameters, call)
            value = default
        else:
            value = environment.expression(argument, rows)
            value = require(value, KqlType(parameter.type), "", what)
        bound[name] = ScalarBinding(value, reads_columns(value))
    return bound


def _assigned(function: str, parameters: tuple[Parameter, ...], call: Call, skip: int) -> dict[str, Expression]:
    positional = parameters[skip:]
    known = {parameter.name.text for parameter in positional}
    given: dict[str, Expression] = {}
    for position, argument in enumerate(call.arguments):
        if isinstance(argument, NamedArgument):
            name, value = argument.name.text, argument.value
            if name not in known:
                raise unresolved_column("", name, known, argument.name.span)
        elif position < len(positional):
            name, value = positional[position].name.text, argument
        else:
            raise _wrong_count(function, positional, call)
        if name in given:
            raise SemanticFault(f"{function}(): argument '{name}' is given twice", WRONG_ARGUMENTS, argument.span)
        given[name] = value
    return given


def _wrong_count(function: str, parameters: tuple[Parameter, ...], call: Call) -> SemanticFault:
    required = sum(not (isinstance(each, ScalarParameter) and each.default is not None) for each in parameters)
    count = str(required) if required == len(parameters) else f"{required} to {len(parameters)}"
    shown = ", ".join(
        f"{each.name.text}: {each.type}" if isinstance(each, ScalarParameter) else f"{each.name.text}: (…)"
        for each in parameters
    )
    return SemanticFault(
        f"{function}(): function expects {count} argument(s)", WRONG_ARGUMENTS, call.span, f"its parameters: ({shown})"
    )


def _tabular_argument(
    function: str, parameter: TabularParameter, argument: Expression | None, call: Call, environment: Environment
) -> Relation:
    if argument is None:
        raise _wrong_count(function, (parameter,), call)
    pipeline = as_pipeline(argument)
    if pipeline is None:
        raise not_allowed(f"{function}(): argument '{parameter.name.text}' must be a table", argument.span)
    return _checked_table(function, parameter, environment.pipeline(pipeline), argument.span)


def _checked_table(function: str, parameter: TabularParameter, relation: Relation, span: Span) -> Relation:
    """Check the declared columns; columns beyond them stay visible in the body."""
    for declared in parameter.columns or ():
        column = relation.schema.find(declared.name.text)
        if column is None:
            raise SemanticFault(
                f"{function}(): the table given for '{parameter.name.text}' has no column '{declared.name.text}'",
                "SEM0100",
                span,
                f"columns: {', '.join(relation.schema.names)}",
            )
        if column.type.scalar is not declared.type:
            raise SemanticFault(
                f"{function}(): column '{column.name}' of the table given for '{parameter.name.text}' is of type "
                f"{column.type}, expected {declared.type}",
                "SEM0219",
                span,
            )
    return relation
