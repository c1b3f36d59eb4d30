"""Rows under construction: a SELECT that is still open, with the hidden columns that travel beside the visible ones.

Hidden columns have names that start with `$`, which `physical_names` keeps free:
`$order_<n>` the keys of a serialized row set, `$group_<n>` the group a row belongs to while a subplan runs on all
groups at once, `$carried_<n>` the columns of the row that such a group stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from emulator.emit.names import physical_names
from emulator.sql.ast import (
    ColumnRef,
    From,
    Item,
    Literal,
    OrderBy,
    Select,
    Sql,
    SubqueryRef,
    Window,
)
from emulator.sql.build import and_, is_cheap
from emulator.sql.walk import contains
from emulator.types import Schema


@dataclass(frozen=True, slots=True)
class Relation:
    """An open SELECT: every expression is over `source`.

    `columns` has one expression per column of `schema`. `order` is None for a row set without order, empty for rows in
    the order in which they arrive, else the sort keys; `is_total` says that `order` is one ascending BIGINT that
    differs between the rows of a group.
    """

    schema: Schema
    columns: tuple[Sql, ...]
    source: From | None = None
    where: tuple[Sql, ...] = ()
    order: tuple[OrderBy, ...] | None = None
    is_total: bool = False
    groups: tuple[Sql, ...] = ()
    carried: tuple[Sql, ...] = ()

    @property
    def by_name(self) -> Mapping[str, Sql]:
        """The expression of each column by its KQL name."""
        return dict(zip(self.schema.names, self.columns, strict=True))

    @property
    def is_plain(self) -> bool:
        """Whether every column may be repeated at no cost."""
        return all(map(is_cheap, self.columns))

    @property
    def has_windows(self) -> bool:
        """Whether a column or the order is computed from other rows, so that no row may be filtered away beside it."""
        return any(contains(sql, Window) for sql in (*self.columns, *(key.expression for key in self.order or ())))

    @property
    def hidden(self) -> tuple[tuple[str, Sql], ...]:
        """The hidden columns by name, without order keys that are visible columns."""
        order = () if self.order is None else tuple(key.expression for key in self.order)
        return (
            *((f"$order_{n}", each) for n, each in enumerate(order) if each not in self.columns),
            *((f"$group_{n}", each) for n, each in enumerate(self.groups)),
            *((f"$carried_{n}", each) for n, each in enumerate(self.carried)),
        )

    @property
    def condition(self) -> Sql | None:
        """The WHERE clause so far."""
        return and_(self.where) if self.where else None

    @property
    def items(self) -> tuple[Item, ...]:
        """The select list: visible columns under their physical names, then hidden ones."""
        names = physical_names(self.schema)
        items = [Item(column, name) for name, column in zip(names, self.columns, strict=True)]
        items.extend(Item(sql, name) for name, sql in self.hidden)
        # A SELECT needs at least one column.
        return tuple(items) or (Item(Literal(1), "$row"),)

    def select(self, *computed: tuple[str, Sql]) -> Select:
        """Close the SELECT, with further hidden columns."""
        items = (*self.items, *(Item(sql, name) for name, sql in computed))
        return Select(items, self.source, self.condition)


def closed(relation: Relation, select: Select, alias: str) -> Relation:
    """Return the rows of `select`, a SELECT made from `relation.select`, as a relation over a subquery."""
    return over(relation, SubqueryRef(select, alias), alias)


def over(relation: Relation, source: From, alias: str) -> Relation:
    """Return a relation whose columns are those that `relation.items` names, read from `source`."""
    names = physical_names(relation.schema)
    order = None
    if relation.order is not None:
        order = tuple(
            replace(key, expression=ColumnRef(_order_name(relation, n, key.expression), alias))
            for n, key in enumerate(relation.order)
        )
    return Relation(
        relation.schema,
        tuple(ColumnRef(name, alias) for name in names),
        source,
        order=order,
        is_total=relation.is_total,
        groups=tuple(ColumnRef(f"$group_{n}", alias) for n in range(len(relation.groups))),
        carried=tuple(ColumnRef(f"$carried_{n}", alias) for n in range(len(relation.carried))),
    )


def _order_name(relation: Relation, position: int, sql: Sql) -> str:
    if sql in relation.columns:
        return physical_names(relation.schema)[relation.columns.index(sql)]
    return f"$order_{position}"
