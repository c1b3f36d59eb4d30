"""Kusto's names for columns that no name was written for, and what happens when two are the same."""

from collections.abc import Iterable

from emulator.binder.bind_expressions.constants import folded
from emulator.binder.expression import AggregateCall, BoundExpression, Constant
from emulator.binder.scope import Environment, FunctionBinding
from emulator.functions.function import Aggregate, OutputNames, ResultName
from emulator.syntax.expressions import Call, Expression, Index, Literal, Name, NamedArgument, Path, Star
from emulator.types import Scalar


def column_name(expression: Expression, environment: Environment) -> str | None:
    """Return the name that an expression gives its column, None where Kusto counts (`Column1`, `print_0`)."""
    match expression:
        case Name(text=text) | NamedArgument(name=Name(text=text)):
            return text
        case Path(operand=operand, member=member):
            owner = column_name(operand, environment)
            if isinstance(operand, Name) and operand.text in ("$left", "$right"):
                return member.text
            return member.text if owner is None else f"{owner}_{member.text}"
        case Index(operand=operand, index=Literal(type=Scalar.STRING | Scalar.LONG, value=key)):
            owner = column_name(operand, environment)
            return str(key) if owner is None else f"{owner}_{key}"
        case Call():
            return _call_name(expression, environment)
        case _:
            return None


def _call_name(call: Call, environment: Environment) -> str | None:
    if isinstance(environment.names.get(call.name.text), FunctionBinding):
        return None
    catalogue = environment.session.catalogue
    aggregate = catalogue.aggregates.get(call.name.text)
    if aggregate is not None:
        return aggregate_name(aggregate, call, environment)
    if call.name.text == "bin_auto":
        return argument_name(call, 0, environment) or None
    callee = catalogue.functions.get(call.name.text) or catalogue.windows.get(call.name.text)
    rule = ResultName.AUTO if callee is None else callee.result_name
    match rule:
        case ResultName.AUTO:
            return None
        case ResultName.FUNCTION:
            return call.name.text
        case ResultName.FIRST_ARGUMENT:
            return argument_name(call, 0, environment) or None
        case ResultName.PREFIX:
            return f"{call.name.text}_{argument_name(call, 0, environment)}"


def argument_name(call: Call, position: int, environment: Environment) -> str:
    """Return the name that an argument alone would give a column, the empty string where it gives none."""
    if position >= len(call.arguments):
        return ""
    return column_name(call.arguments[position], environment) or ""


def aggregate_name(aggregate: Aggregate, call: Call, environment: Environment) -> str:
    """Return the name of an aggregate's first output."""
    positions = range(aggregate.name_argument, aggregate.name_argument + aggregate.named_arguments)
    name = "_".join(argument_name(call, position, environment) for position in positions)
    if aggregate.naming is OutputNames.ARGUMENTS and not name:
        name = _unnamed_argument(aggregate, call, 0, environment)
    return f"{aggregate.prefix}_{name}" if aggregate.prefix else name


def _unnamed_argument(aggregate: Aggregate, call: Call, position: int, environment: Environment) -> str:
    """Name an expression among the arguments: `max_` and `max_Price_arg1` for arg_max, `any_arg0` for take_any."""
    extreme = aggregate.name.removeprefix("arg_")
    if extreme == aggregate.name:
        return f"arg{position}" if aggregate.prefix else f"any_arg{position}"
    return f"{extreme}_{argument_name(call, 0, environment)}_arg{position}" if position else f"{extreme}_"


def aggregate_output_names(
    aggregate: Aggregate, call: Call, calls: tuple[AggregateCall, ...], environment: Environment
) -> list[str]:
    """Return the names of all outputs of an aggregate call without `*`."""
    base = aggregate_name(aggregate, call, environment)
    match aggregate.naming:
        case OutputNames.PREFIX:
            return [base] + [f"{base}{index}" for index in range(1, len(calls))]
        case OutputNames.ARGUMENTS:
            return [base] + [
                argument_name(call, position, environment) or _unnamed_argument(aggregate, call, position, environment)
                for position in range(1, len(call.arguments))
            ]
        case OutputNames.CONSTANTS:
            arguments = calls[0].arguments
            return [f"{base}_{_constant_text(value)}" for value in arguments[len(arguments) - len(calls) :]]


def _constant_text(expression: BoundExpression) -> str:
    constant = folded(expression)
    value = constant.value if isinstance(constant, Constant) else ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace(".", "_")


class ColumnNames:
    """The names taken so far in one output schema; hands out unused ones."""

    def __init__(self, taken: Iterable[str] = (), automatic: str = "Column") -> None:
        self._taken = set(taken)
        self._automatic = automatic
        self._count = 0
        # The last number that each derived name got: names are never given back, so that all before it are taken.
        self._numbers: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def take(self, name: str) -> str:
        """Reserve a name that was written, which the caller has checked."""
        self._taken.add(name)
        return name

    def unique(self, name: str) -> str:
        """Reserve a derived name; when it is taken it gets the first free number."""
        number = self._numbers.get(name, 0)
        candidate = f"{name}{number}" if number else name
        while candidate in self._taken:
            number += 1
            candidate = f"{name}{number}"
        self._numbers[name] = number
        return self.take(candidate)

    def next_automatic(self) -> str:
        """Reserve the next `Column1`, `Column2`, …"""
        self._count += 1
        candidate = f"{self._automatic}{self._count}"
        while candidate in self._taken:
            self._count += 1
            candidate = f"{self._automatic}{self._count}"
        return self.take(candidate)

    def of(self, name: str | None) -> str:
        """Reserve a derived name, or the next automatic one where nothing gives a name."""
        return self.unique(name) if name else self.next_automatic()


def is_star(expression: Expression) -> bool:
    """Tell whether an expression is `*`."""
    return isinstance(expression, Star)
