"""A small SQL tree for DuckDB: queries, which the emitter builds and `render` writes; it knows nothing of KQL."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """None, bool, int, float, str, Decimal; `type` adds a cast (`TIMESTAMP`, `DOUBLE`, `JSON`, `BIGINT[]`)."""

    value: object
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named prepared-statement parameter, `$name`, cast to `type`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """`"table"."column"`."""

    name: str
    table: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`, optionally `DISTINCT`, `ORDER BY` and `FILTER (WHERE …)` for aggregates."""

    function: str
    arguments: tuple["Sql", ...]
    distinct: bool = False
    order_by: tuple["OrderBy", ...] = ()
    filter: "Sql | None" = None


@dataclass(frozen=True, slots=True)
class Operation:
    """A prefix (one operand) or infix operator; always rendered in parentheses."""

    operator: str
    operands: tuple["Sql", ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """`CAST(x AS type)`, or `TRY_CAST`."""

    operand: "Sql"
    type: str
    is_try: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE WHEN … THEN … ELSE … END`."""

    branches: tuple[tuple["Sql", "Sql"], ...]
    otherwise: "Sql"


@dataclass(frozen=True, slots=True)
class IsNull:
    """`x IS NULL`, or `IS NOT NULL`."""

    operand: "Sql"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InList:
    """`x IN (a, b)`."""

    operand: "Sql"
    elements: tuple["Sql", ...]


@dataclass(frozen=True, slots=True)
class InQuery:
    """`x IN (SELECT …)`."""

    operand: "Sql"
    query: "Query"


@dataclass(frozen=True, slots=True)
class Lambda:
    """`lambda x, i: body`."""

    parameters: tuple[str, ...]
    body: "Sql"


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """`[a, b]`."""

    elements: tuple["Sql", ...]


@dataclass(frozen=True, slots=True)
class StructLiteral:
    """`{'a': x}`."""

    fields: tuple[tuple[str, "Sql"], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """`(x).name` of a struct."""

    operand: "Sql"
    name: str


@dataclass(frozen=True, slots=True)
class OrderBy:
    """One key of an ORDER BY."""

    expression: "Sql"
    ascending: bool = True
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """`call OVER (PARTITION BY … ORDER BY … frame)`; `frame` is the text of a frame clause."""

    call: "Sql"
    partition_by: tuple["Sql", ...] = ()
    order_by: tuple[OrderBy, ...] = ()
    frame: str = ""
    ignore_nulls: bool = False


@dataclass(frozen=True, slots=True)
class Exists:
    """`EXISTS (SELECT …)`."""

    query: "Query"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Subquery:
    """A scalar subquery."""

    query: "Query"


@dataclass(frozen=True, slots=True)
class Star:
    """`*` or `"t".*`."""

    table: str | None = None


Sql: TypeAlias = (
    Literal
    | Parameter
    | ColumnRef
    | Call
    | Operation
    | Cast
    | Case
    | IsNull
    | InList
    | InQuery
    | Lambda
    | ListLiteral
    | StructLiteral
    | Field
    | Window
    | Exists
    | Subquery
    | Star
)


@dataclass(frozen=True, slots=True)
class TableRef:
    """A stored relation or a CTE, with an alias."""

    parts: tuple[str, ...]
    alias: str


@dataclass(frozen=True, slots=True)
class SubqueryRef:
    """`(SELECT …) AS alias(columns)`; `lateral` where it reads earlier tables."""

    query: "Query"
    alias: str
    lateral: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValuesRef:
    """`(VALUES …) AS alias(columns)`."""

    rows: tuple[tuple[Sql, ...], ...]
    columns: tuple[str, ...]
    alias: str


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A table function with column aliases: `range(1, 10) AS t(x)`, `unnest(…)`."""

    call: Call
    alias: str
    columns: tuple[str, ...] = ()
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class JoinRef:
    """`left KIND JOIN right ON condition`; kinds `INNER LEFT RIGHT FULL CROSS SEMI ANTI POSITIONAL ASOF`."""

    kind: str
    left: "From"
    right: "From"
    condition: Sql | None


From: TypeAlias = TableRef | SubqueryRef | ValuesRef | FunctionRef | JoinRef


@dataclass(frozen=True, slots=True)
class Item:
    """`expression AS alias` of a select list."""

    expression: Sql
    alias: str


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT; `distinct_on` keeps the first row per combination of its expressions."""

    items: tuple[Item | Star, ...]
    source: From | None = None
    where: Sql | None = None
    group_by: tuple[Sql, ...] = ()
    having: Sql | None = None
    qualify: Sql | None = None
    order_by: tuple[OrderBy, ...] = ()
    limit: Sql | None = None
    distinct: bool = False
    distinct_on: tuple[Sql, ...] = ()
    offset: Sql | None = None


@dataclass(frozen=True, slots=True)
class UnionAll:
    """`a UNION ALL b …`."""

    queries: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Cte:
    """`name AS [MATERIALIZED] (query)`; a `recursive_step` makes it recursive, with `query` as the anchor."""

    name: str
    query: "Query"
    materialized: bool = False
    recursive_step: "Query | None" = None


@dataclass(frozen=True, slots=True)
class With:
    """`WITH ctes query`."""

    ctes: tuple[Cte, ...]
    query: "Select | UnionAll"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What `render` wrote before, to stand in further statements: a text that is kept is not written again."""

    sql: str


Query: TypeAlias = Select | UnionAll | With | Rendered
