"""What a name can mean at a place in a query: columns of the row, let-bound names, and the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from emulator.binder.entities import EntityProvider
from emulator.binder.expression import AggregateCall, BoundExpression, ColumnReference
from emulator.binder.plan import EMPTY_SCHEMA, Plan, is_serialized
from emulator.binder.sharing import Effort, Numbers
from emulator.functions.function import Catalogue
from emulator.syntax.expressions import Expression
from emulator.syntax.operators import Pipeline
from emulator.syntax.statements import FunctionLiteral
from emulator.text import Span
from emulator.types import Schema
from emulator.work import check_work

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator


@dataclass(frozen=True, slots=True)
class Relation:
    """A bound tabular expression; `name` is what `withsource` shows, `visualization` what `render` asked for."""

    plan: Plan
    name: str | None = None
    visualization: Mapping[str, object] | None = None

    @property
    def schema(self) -> Schema:
        """Columns of the plan."""
        return self.plan.schema


@dataclass(frozen=True, slots=True)
class ScalarBinding:
    """A scalar let, a parameter or a query parameter; `is_row_bound` when it stands for an expression over columns."""

    value: BoundExpression
    is_row_bound: bool = False


@dataclass(frozen=True, slots=True)
class TabularBinding:
    """A tabular let, a tabular parameter, or the name given by `as`."""

    relation: Relation


@dataclass(frozen=True, slots=True)
class FunctionBinding:
    """A query-defined function with the names it can see."""

    name: str
    literal: FunctionLiteral
    environment: "Environment"


Binding: TypeAlias = ScalarBinding | TabularBinding | FunctionBinding


class AggregateCollector:
    """Gathers the aggregate calls of one operator and hands out references to their results."""

    def __init__(self, session: "Session") -> None:
        self.calls: list[AggregateCall] = []
        self._keeps_rows = session.keeps_rows

    def add(self, call: AggregateCall) -> ColumnReference:
        """Remember a call and return the hidden column that will hold its result."""
        # Of n columns, `arg_max(k, *)` is n calls with n arguments each: of 2,000 four million to go through.
        self.calls.append(call if self._keeps_rows else call.alone())
        return ColumnReference(hidden_name(len(self.calls) - 1), call.type, call.span)


def hidden_name(index: int) -> str:
    """Return the name of the column that holds an aggregate inside a larger expression."""
    return f"$aggregate{index}"


@dataclass(frozen=True, slots=True)
class Rows:
    """The row that a scalar expression is evaluated on.

    `is_scalar_body` marks the body of a scalar function: it has no columns of its own, and only there may a parameter
    that stands for columns of the caller's row be read. `aggregates` is set where aggregate calls may stand; there,
    columns may be read only inside them. `steps` are the states of a `scan` by name.
    """

    schema: Schema = EMPTY_SCHEMA
    operator: str = ""
    is_serialized: bool = False
    is_scalar_body: bool = False
    aggregates: AggregateCollector | None = None
    inside_aggregate: str = ""
    sides: tuple[Schema, Schema] | None = None
    steps: Mapping[str, Schema] = field(default_factory=dict)

    @staticmethod
    def of(relation: Relation, operator: str) -> "Rows":
        """Return the rows of a relation as an operator's expressions see them."""
        return Rows(relation.schema, operator, is_serialized(relation.plan))


NO_ROWS = Rows()
SCALAR_BODY = Rows(is_scalar_body=True)


@dataclass(frozen=True, slots=True)
class Session:
    """What stays the same while one query is bound, and the way back to the binder's entry points.

    `keeps_rows` leaves each output of an aggregate with the arguments of all: a view stores them as one row.
    """

    entities: EntityProvider
    catalogue: Catalogue
    bind_expression: "Callable[[Expression, Environment, Rows], BoundExpression]"
    bind_pipeline: "Callable[[Pipeline, Environment, Relation | None], Relation]"
    keys: "Iterator[int]" = field(default_factory=count)
    effort: Effort = field(default_factory=Effort)
    numbers: Numbers = field(default_factory=Numbers)
    # What calls of users' functions were bound to, and what the keys of the calls identify, to keep it.
    calls: "dict[Hashable, tuple[object, BoundExpression | Relation]]" = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    keeps_rows: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """The names visible at a place, innermost last, and the stored functions being bound (for recursion)."""

    session: Session
    names: Mapping[str, Binding] = field(default_factory=dict)
    calls: tuple[str, ...] = ()

    def with_name(self, name: str, binding: Binding) -> "Environment":
        """Return this environment with one more name, hiding an older one."""
        return replace(self, names={**self.names, name: binding})

    def without_names(self, call: str) -> "Environment":
        """Return the environment of a stored function's body: the database alone."""
        return Environment(self.session, {}, (*self.calls, call))

    def expression(self, node: Expression, rows: Rows) -> BoundExpression:
        """Bind a scalar expression."""
        check_work()
        return self.session.bind_expression(node, self, rows)

    def pipeline(self, node: Pipeline, source: Relation | None = None) -> Relation:
        """Bind a tabular expression; `source` is the implicit input of a subquery."""
        return self.session.bind_pipeline(node, self, source)

    def function_names(self) -> tuple[str, ...]:
        """Return everything that can be called here, for hints."""
        catalogue = self.session.catalogue
        functions = (name for name, binding in self.names.items() if isinstance(binding, FunctionBinding))
        return (
            *functions,
            *self.session.entities.function_names(),
            *catalogue.functions,
            *catalogue.aggregates,
            *catalogue.windows,
        )

    def tabular_names(self) -> tuple[str, ...]:
        """Return everything that can stand as a table here, for hints."""
        tabular = (name for name, binding in self.names.items() if not isinstance(binding, ScalarBinding))
        return (*tabular, *self.session.entities.table_names(), *self.session.entities.function_names())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call stands, for functions that are called from scalar and tabular places alike."""

    environment: Environment
    rows: Rows
    span: Span
