"""What one emission shares: where tables are, fresh aliases, common table expressions and the parameters met."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from emulator.binder.plan import Join, Plan, Stored
from emulator.emit.relation import Relation, closed, over
from emulator.functions.copies import Copies, Written
from emulator.sql.ast import (
    Call,
    ColumnRef,
    Cte,
    From,
    JoinRef,
    OrderBy,
    Query,
    Select,
    Sql,
    TableRef,
    Window,
    With,
)
from emulator.sql.build import is_cheap
from emulator.work import check_work

NOW_PARAMETER = "now"

# DuckDB binds and optimizes some fifty operators or names in a millisecond. Copies of so many more are computed once,
# in a list of one element, which costs each row about as much as a function of texts does. Shipped functions have none.
_DEAR = 200
# In a lambda they are computed for each item.
_DEAR_FOR_EACH_ITEM = 8
_HEAVIEST = 1 << 40


class Storage(Protocol):
    """Where the rows of stored relations are."""

    def relation(self, stored: Stored, alias: str, names: tuple[str, ...]) -> From:
        """Return the rows under an alias, with at least the columns `names` of `physical_names(stored.schema)`.

        The columns have the storable types.
        """
        ...


@dataclass(slots=True)
class Emission:
    """The state of emitting one query: grows while the plan is walked once."""

    storage: Storage
    emit: Callable[["Emission", Plan], Relation]
    ctes: list[Cte] = field(default_factory=list)
    materialized: dict[tuple[int, int], tuple[Relation, str]] = field(default_factory=dict)
    scalars: dict[int, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    has_joins: bool = False
    # Whether comparisons of the sides of a join may go below it, and the joins where they do; all joins by their SQL.
    compares_in_joins: bool = False
    compared_joins: dict[int, Join] = field(default_factory=dict)
    joins: dict[int, tuple[JoinRef, Join]] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    groups: list["GroupScope"] = field(default_factory=list)
    _aliases: int = 0
    # By identity, with what they are of, so that nothing else gets that identity.
    _made: dict[int, tuple[Sql, Callable[[], Written], tuple[Sql, ...], tuple[Sql, ...]]] = field(default_factory=dict)
    _weights: dict[int, int] = field(default_factory=dict)

    def plan(self, plan: Plan) -> Relation:
        """Emit a plan below the current one."""
        check_work()
        return self.emit(self, plan)

    def alias(self, prefix: str = "t") -> str:
        """Return a table alias that no other table of the query has."""
        self._aliases += 1
        return f"{prefix}{self._aliases}"

    def is_dear(self, operand: Sql, copied: Copies) -> bool:
        """Tell whether an operand is to be computed once, where a call writes so many copies of it."""
        if is_cheap(operand) or copied.number == 0 or (copied.number == 1 and not copied.in_lambda):
            return False
        weight = self._weight(operand)
        return (copied.number - 1) * weight >= _DEAR or (copied.in_lambda and weight >= _DEAR_FOR_EACH_ITEM)

    def weigh(
        self, sql: Sql, written: Callable[[], Written], operands: tuple[Sql, ...] = (), once: tuple[Sql, ...] = ()
    ) -> None:
        """Remember what the SQL of a call is made of; most of it is never asked for its weight."""
        # A call may be its operand, as with the sign `+`.
        if all(each is not sql for each in operands):
            self._made[id(sql)] = sql, written, operands, once

    def _weight(self, sql: Sql) -> int:
        """Return what it takes DuckDB to bind and optimize SQL, one for an operator or a name."""
        if id(sql) not in self._made:
            return 1
        if id(sql) not in self._weights:
            _, make, operands, once = self._made[id(sql)]
            written = make()
            weight = written.weight + sum(map(self._weight, once))
            for operand, copied in zip(operands, written.operands, strict=False):
                weight += copied.number * self._weight(operand)
            self._weights[id(sql)] = min(weight, _HEAVIEST)
        return self._weights[id(sql)]

    def parameter(self, name: str) -> str:
        """Return the DuckDB parameter of a declared query parameter."""
        return self.parameters.setdefault(name, f"q_{len(self.parameters) + 1}")

    def closed(self, relation: Relation) -> Relation:
        """Return the relation with plain columns, as a subquery unless it reads a table or a subquery unchanged."""
        is_open = relation.where or not relation.is_plain or relation.has_windows
        return self.subquery(relation, relation.select()) if is_open else relation

    def subquery(self, relation: Relation, select: Select) -> Relation:
        """Return the rows of a SELECT that was made from a relation."""
        return closed(relation, select, self.alias())

    def cte(self, query: Query, prefix: str, *, materialized: bool = False) -> str:
        """Add a common table expression and return its name."""
        # Stored relations have no names like this, so that none is hidden.
        name = self.alias(f"${prefix}")
        self.ctes.append(Cte(name, query, materialized))
        return name

    def read(self, relation: Relation, cte: str) -> Relation:
        """Read a common table expression that holds a relation once more."""
        alias = self.alias()
        return over(relation, self.table(cte, alias), alias)

    def table(self, cte: str, alias: str) -> TableRef:
        """Return a reference to a common table expression."""
        self.reads[cte] += 1
        return TableRef((cte,), alias)

    def complete(self, query: Select) -> Query:
        """Put the common table expressions in front of a query; what is read twice is computed once."""
        if not self.ctes:
            return query
        return With(
            tuple(replace(cte, materialized=cte.materialized or self.reads[cte.name] > 1) for cte in self.ctes), query
        )

    def with_ordinal(self, relation: Relation) -> Relation:
        """Return the relation with a total order: its rows numbered within their group."""
        if relation.is_total:
            return relation
        # Without keys the rows are numbered as they arrive; a partitioned window would not keep that.
        keys = relation.order or ()
        number = Window(Call("row_number", ()), relation.groups if keys else (), keys)
        unordered = replace(relation, order=None)
        alias = self.alias()
        numbered = closed(unordered, unordered.select(("$ordinal", number)), alias)
        return replace(numbered, order=(OrderBy(ColumnRef("$ordinal", alias)),), is_total=True)


@dataclass(frozen=True, slots=True)
class GroupScope:
    """The groups a subplan runs on: the rows of all groups and the common table expression that holds them."""

    rows: Relation
    cte: str
