"""AST of query statements: `let`, `set`, `declare query_parameters`, and the tabular expression statements."""

from dataclasses import dataclass
from typing import TypeAlias

from emulator.syntax.expressions import Expression, Name
from emulator.syntax.operators import ColumnDeclaration, Pipeline
from emulator.text import Span
from emulator.types import Scalar


@dataclass(frozen=True, slots=True)
class ScalarParameter:
    """`name: type [= default]` of a function or of `declare query_parameters`."""

    name: Name
    type: Scalar
    default: Expression | None
    span: Span


@dataclass(frozen=True, slots=True)
class TabularParameter:
    """`T: (a: int, b: string)`, or `T: (*)` with `columns` None."""

    name: Name
    columns: tuple[ColumnDeclaration, ...] | None
    span: Span


Parameter: TypeAlias = ScalarParameter | TabularParameter


@dataclass(frozen=True, slots=True)
class FunctionBody:
    """`{ let …; expression }`; `result` is a Pipeline, or a scalar Expression when nothing in it is tabular.

    A lone name or call parses as a Pipeline (`NameSource`, `CallSource`): only the binder knows which it is.
    """

    lets: tuple["Let", ...]
    result: Pipeline | Expression
    span: Span


@dataclass(frozen=True, slots=True)
class FunctionLiteral:
    """`(parameters) { body }`, with `view` in front for `let V = view () { … }`."""

    parameters: tuple[Parameter, ...]
    body: FunctionBody
    is_view: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Let:
    """`let name = value`; a lone name or call is a Pipeline, see `FunctionBody`."""

    name: Name
    value: Expression | Pipeline | FunctionLiteral
    span: Span


@dataclass(frozen=True, slots=True)
class SetOption:
    """`set option = value`."""

    name: str
    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class DeclareQueryParameters:
    """`declare query_parameters(name: type = default, …)`."""

    parameters: tuple[ScalarParameter, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class UnsupportedStatement:
    """`alias`, `declare pattern`, `restrict access`: known, refused by the binder."""

    keyword: str
    span: Span


Statement: TypeAlias = Let | SetOption | DeclareQueryParameters | UnsupportedStatement | Pipeline


@dataclass(frozen=True, slots=True)
class Query:
    """A whole request text; results come from its Pipeline statements in order."""

    statements: tuple[Statement, ...]
    source: str
    span: Span
