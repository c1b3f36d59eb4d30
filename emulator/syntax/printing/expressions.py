"""Scalar expressions to canonical KQL."""

import math
import re
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import assert_never

from emulator.syntax.expressions import (
    Between,
    Binary,
    Call,
    DynamicLiteral,
    Expression,
    Index,
    InList,
    Literal,
    Name,
    NamedArgument,
    Path,
    Star,
    SubqueryExpression,
    Unary,
)
from emulator.syntax.keywords import CALLABLE, QUOTED
from emulator.syntax.operators import Pipeline
from emulator.syntax.parse_expressions import EQUALITY_POWER, POWERS, STRING_POWER, SUM_POWER, UNCHAINED
from emulator.text_forms import timespan_text
from emulator.types import TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND, Scalar

_PLAIN_NAME = re.compile(r"\$?[^\W\d]\w*", re.ASCII)
_SIGN_POWER, _LITERAL_POWER, _POSTFIX_POWER = range(STRING_POWER + 1, STRING_POWER + 4)

# Keywords that are functions too; others are quoted, lest `find (…)` or `datetime (…)` be read as something else.
_CALLED = CALLABLE | {"range", "typeof"}
_UNITS = ((TICKS_PER_DAY, "d"), (TICKS_PER_HOUR, "h"), (TICKS_PER_MINUTE, "m"), (TICKS_PER_SECOND, "s"))
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class ExpressionPrinter(ABC):
    """Prints scalar expressions; parentheses stand only where the tree needs them."""

    @abstractmethod
    def pipeline(self, pipeline: Pipeline) -> str:
        """Print a tabular expression."""

    def expression(self, expression: Expression, loosest: int = 0) -> str:
        """Print an expression, in parentheses if it binds more loosely than `loosest`."""
        text, power = self._text_and_power(expression)
        return f"({text})" if power < loosest else text

    def expressions(self, expressions: tuple[Expression, ...]) -> str:
        """Print expressions separated by commas."""
        return ", ".join(self.expression(expression) for expression in expressions)

    def call(self, call: Call) -> str:
        """Print a call."""
        match call.name.text:
            case "typeof":
                arguments = ", ".join(self._type_argument(argument) for argument in call.arguments)
            case "toscalar" | "totable" | "materialize":
                arguments = ", ".join(self._query_argument(argument) for argument in call.arguments)
            case _:
                arguments = self.expressions(call.arguments)
        return f"{call_name(call.name.text)}({arguments})"

    def _text_and_power(self, expression: Expression) -> tuple[str, int]:
        match expression:
            case Binary(operator, left, right):
                power = POWERS[operator.split(" ")[0]]
                leftmost = power + 1 if power in UNCHAINED else power
                return f"{self.expression(left, leftmost)} {operator} {self.expression(right, power + 1)}", power
            case InList(operator, operand, elements):
                text = ", ".join(self._query_argument(element) for element in elements)
                return f"{self.expression(operand, EQUALITY_POWER + 1)} {operator} ({text})", EQUALITY_POWER
            case Between(operand, low, high, negated):
                operator = "!between" if negated else "between"
                bounds = f"{self.expression(low, SUM_POWER)} .. {self.expression(high, SUM_POWER)}"
                return f"{self.expression(operand, EQUALITY_POWER + 1)} {operator} ({bounds})", EQUALITY_POWER
            case Unary(operator, operand):
                return f"{operator}{self.expression(operand, _LITERAL_POWER)}", _SIGN_POWER
            case Path(operand, member):
                return f"{self.expression(operand, _POSTFIX_POWER)}.{member.text}", _POSTFIX_POWER
            case Index(operand, index):
                return f"{self.expression(operand, _POSTFIX_POWER)}[{self.expression(index)}]", _POSTFIX_POWER
            case Star():
                return "*", _LITERAL_POWER
            case Literal():
                return literal(expression), _LITERAL_POWER
            case _:
                return self._primary(expression), _POSTFIX_POWER

    def _primary(self, expression: Name | DynamicLiteral | Call | NamedArgument | SubqueryExpression) -> str:
        match expression:
            case Name():
                return name(expression)
            case DynamicLiteral(text):
                return f"dynamic({text})"
            case Call():
                return self.call(expression)
            case NamedArgument(named, value):
                return f"{name(named)} = {self.expression(value)}"
            case SubqueryExpression():
                return f"({self._query_argument(expression)})"
            case _:
                assert_never(expression)

    def _type_argument(self, argument: Expression) -> str:
        match argument:
            case Name(text):
                return text
            case NamedArgument(named, Name(text)):
                return f"{name(named)}: {text}"
            case _:
                return self.expression(argument)

    def _query_argument(self, argument: Expression) -> str:
        if isinstance(argument, SubqueryExpression) and isinstance(argument.query, Pipeline):
            return self.pipeline(argument.query)
        return self.expression(argument)


def name(value: Name) -> str:
    """Print a name, in brackets where it could be read as something else."""
    return quoted_name(value.text)


def quoted_name(text: str) -> str:
    """Print the text of a name."""
    return text if _PLAIN_NAME.fullmatch(text) and text not in QUOTED else f"[{string(text)}]"


def call_name(text: str) -> str:
    """Print the name of a function."""
    return text if text in _CALLED or (_PLAIN_NAME.fullmatch(text) and text not in QUOTED) else f"[{string(text)}]"


def string(text: str) -> str:
    """Print a string literal in double quotes."""
    return f'"{"".join(_escaped(character) for character in text)}"'


def literal(value: Literal) -> str:
    """Print a literal in the shortest form that keeps its type and value."""
    if value.value is None:
        return f"{value.type}(null)"
    match value.type, value.value:
        case Scalar.STRING, str() as text:
            return string(text)
        case Scalar.BOOL, bool() as truth:
            return "true" if truth else "false"
        case Scalar.LONG, int() as number:
            return str(number) if number >= 0 else f"long({number})"
        case Scalar.REAL, float() as number:
            return _real(number)
        case Scalar.TIMESPAN, int() as ticks:
            return _timespan(ticks)
        case scalar, int() | Decimal() | str() as other:
            return f"{scalar}({other})"
        case scalar, other:
            raise TypeError(f"a literal of type {scalar} cannot hold {other!r}")


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _real(number: float) -> str:
    if math.isnan(number):
        return "real(nan)"
    if math.isinf(number):
        return "real(+inf)" if number > 0 else "real(-inf)"
    return repr(number) if math.copysign(1, number) > 0 else f"real({number!r})"


def _timespan(ticks: int) -> str:
    for size, unit in _UNITS:
        if ticks >= 0 and ticks % size == 0:
            return f"{ticks // size}{unit}"
    return f"time({timespan_text(ticks)})"
