"""AST to canonical KQL: parsing what is printed gives the same tree, spans aside."""

from typing import assert_never

from emulator.syntax.expressions import Expression
from emulator.syntax.operators import Pipeline
from emulator.syntax.printing.expressions import name, quoted_name, string
from emulator.syntax.printing.operators import OperatorPrinter
from emulator.syntax.statements import (
    DeclareQueryParameters,
    FunctionBody,
    FunctionLiteral,
    Let,
    Parameter,
    Query,
    ScalarParameter,
    SetOption,
    Statement,
    TabularParameter,
    UnsupportedStatement,
)

_ONE_PER_LINE = "\n| "


def print_query(query: Query) -> str:
    """Print a whole query, one statement after another."""
    printer = StatementPrinter(query.source)
    return ";\n".join(printer.statement(statement) for statement in query.statements)


def print_expression(expression: Expression, source: str = "") -> str:
    """Print a scalar expression; `source` is needed only where it holds operators known by name alone."""
    return StatementPrinter(source).expression(expression)


def print_pipeline(pipeline: Pipeline, source: str = "") -> str:
    """Print a tabular expression; for `source` see `print_expression`."""
    return StatementPrinter(source).pipeline(pipeline, _ONE_PER_LINE)


def print_parameters(parameters: tuple[Parameter, ...], source: str = "") -> str:
    """Print the parameters of a function in their parentheses."""
    return StatementPrinter(source).parameters(parameters)


def print_body(body: FunctionBody, source: str = "") -> str:
    """Print the body of a function in its braces; for `source` see `print_expression`."""
    return StatementPrinter(source).body(body)


class StatementPrinter(OperatorPrinter):
    """Prints statements and functions."""

    def statement(self, statement: Statement) -> str:
        """Print one statement without its semicolon."""
        match statement:
            case Let(named, value):
                return f"let {name(named)} = {self._value(value)}"
            case SetOption(option, value):
                return f"set {quoted_name(option)} = {string(value)}"
            case DeclareQueryParameters(parameters):
                return f"declare query_parameters{self.parameters(parameters)}"
            case UnsupportedStatement(_, span):
                return self._source[span.start : span.end]
            case Pipeline():
                return self.pipeline(statement, _ONE_PER_LINE)
            case _:
                assert_never(statement)

    def function(self, function: FunctionLiteral) -> str:
        """Print a function without its name."""
        view = "view " if function.is_view else ""
        return f"{view}{self.parameters(function.parameters)} {self.body(function.body)}"

    def body(self, body: FunctionBody) -> str:
        """Print the body of a function in braces."""
        statements = [*(self.statement(let) for let in body.lets), self._value(body.result)]
        return "{\n" + ";\n".join(statements) + "\n}"

    def parameters(self, parameters: tuple[Parameter, ...]) -> str:
        """Print declared parameters in parentheses."""
        return f"({', '.join(self._parameter(parameter) for parameter in parameters)})"

    def _value(self, value: Expression | Pipeline | FunctionLiteral) -> str:
        match value:
            case FunctionLiteral():
                return self.function(value)
            case Pipeline():
                return self.pipeline(value, _ONE_PER_LINE)
            case _:
                return self.expression(value)

    def _parameter(self, parameter: Parameter) -> str:
        match parameter:
            case ScalarParameter(named, scalar, default):
                value = f" = {self.expression(default)}" if default is not None else ""
                return f"{name(named)}: {scalar}{value}"
            case TabularParameter(named, None):
                return f"{name(named)}: (*)"
            case TabularParameter(named, columns):
                declared = ", ".join(f"{name(column.name)}: {column.type}" for column in columns or ())
                return f"{name(named)}: ({declared})"
            case _:
                assert_never(parameter)
