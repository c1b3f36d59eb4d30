"""`mv-expand`: lists become rows."""

from dataclasses import replace

from emulator.binder.plan import Expand, Expansion, GroupInput
from emulator.emit.context import Emission, GroupScope
from emulator.emit.expressions import Scope, value
from emulator.emit.relation import Relation, closed
from emulator.emit.scalar_types import duckdb_type
from emulator.emit.scalars import computed
from emulator.functions.physical import convert
from emulator.sql.ast import ColumnRef, Field, ListLiteral, OrderBy, Sql
from emulator.sql.build import NULL, call, case, cast, coalesce, lambda_, lit, op, try_cast
from emulator.types import DYNAMIC, KqlType, Scalar


def expand(emission: Emission, plan: Expand, rows: Relation) -> Relation:
    """Emit rows × items: the lists side by side, the shorter ones padded with nulls."""
    if rows.order:
        rows = emission.with_ordinal(rows)
    rows, arrays = computed(emission, emission.closed(rows), tuple(each.expression for each in plan.expansions))
    limit = None if plan.row_limit is None else value(emission, Scope(()), plan.row_limit)
    lists = tuple(_list(sql, each, limit, plan) for sql, each in zip(arrays, plan.expansions, strict=True))
    opened = emission.alias()
    rows = closed(rows, rows.select(*((f"$list_{n}", sql) for n, sql in enumerate(lists))), opened)
    refs = tuple(ColumnRef(f"$list_{n}", opened) for n in range(len(lists)))
    unnested: list[tuple[str, Sql]] = [(f"$item_{n}", call("unnest", ref)) for n, ref in enumerate(refs)]
    # Rows in arrival order stay so: unnesting keeps it.
    is_ordered = bool(rows.order) or not plan.keep_empty
    if plan.item_index is not None or is_ordered:
        longest = call("greatest", *(call("len", ref) for ref in refs))
        unnested.append(("$index", call("unnest", call("range", lit(0, "BIGINT"), longest))))
    items = emission.alias()
    rows = closed(rows, rows.select(*unnested), items)
    if is_ordered:
        keys = (*(rows.order or ()), OrderBy(ColumnRef("$index", items)))
        rows = replace(rows, order=keys, is_total=len(keys) == 1)
    result = replace(rows, schema=plan.schema, columns=_columns(plan, rows, items))
    if plan.keep_empty or not isinstance(plan.input, GroupInput):
        return result
    # A record without items has no subtable: the groups of mv-apply are the ones that are left.
    cte = emission.cte(result.select(), "g")
    emission.groups[-1] = GroupScope(result, cte)
    return emission.read(result, cte)


def _columns(plan: Expand, rows: Relation, items: str) -> tuple[Sql, ...]:
    by_name = dict(rows.by_name)
    for n, expansion in enumerate(plan.expansions):
        item = ColumnRef(f"$item_{n}", items)
        by_name[expansion.column.name] = convert(item, _item_type(expansion.expression.type), expansion.column.type)
    if plan.item_index is not None:
        by_name[plan.item_index] = ColumnRef("$index", items)
    return tuple(by_name[column.name] for column in plan.schema)


def _item_type(type_: KqlType) -> KqlType:
    return KqlType(type_.element) if type_.element is not None else type_


def _list(sql: Sql, expansion: Expansion, limit: Sql | None, plan: Expand) -> Sql:
    type_ = expansion.expression.type
    items = _items(sql, type_, as_arrays=plan.bag_as_arrays)
    if limit is not None:
        items = call("list_slice", items, lit(1), limit)
    if plan.keep_empty:
        name = duckdb_type(_item_type(type_))
        empty = cast(ListLiteral(()), f"{name}[]")
        return coalesce(call("nullif", items, empty), ListLiteral((cast(NULL, name),)))
    return items


def _items(sql: Sql, type_: KqlType, *, as_arrays: bool) -> Sql:
    if type_.is_typed_list:
        return sql
    if type_.scalar is not Scalar.DYNAMIC:
        return ListLiteral((sql,))
    entry = ColumnRef("e")
    make = "json_array" if as_arrays else "json_object"
    property_ = call(make, Field(entry, "key"), Field(entry, "value"))
    properties = call(
        "list_transform", call("map_entries", try_cast(sql, "MAP(VARCHAR, JSON)")), lambda_("e", property_)
    )
    kind = call("json_type", sql)
    return case(
        (op("=", kind, lit("ARRAY")), try_cast(sql, "JSON[]")),
        (op("=", kind, lit("OBJECT")), try_cast(properties, "JSON[]")),
        (op("<>", kind, lit("NULL")), ListLiteral((sql,))),
        otherwise=cast(ListLiteral(()), f"{duckdb_type(DYNAMIC)}[]"),
    )
