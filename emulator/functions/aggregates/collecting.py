"""Aggregates that collect values: lists, sets and bags. Without values they are empty, never null."""

from emulator.functions.aggregates.basic import PREDICATE, Accumulate, single
from emulator.functions.function import Aggregate, AggregateSignature, Operand
from emulator.functions.physical import duckdb_type, to_json
from emulator.functions.shorthand import ANY, DYNAMICS, WHOLE, param
from emulator.sql.ast import Call, Sql
from emulator.sql.build import and_, call, case, cast, coalesce, is_not_null, list_literal, lit, op, try_cast
from emulator.types import DYNAMIC, MAX_ITEMS, KqlType, Scalar, list_of

_AS_JSON = (Scalar.DYNAMIC, Scalar.DECIMAL)


def _collected(value: Sql, kept: Sql, predicate: Sql | None, *, distinct: bool) -> Call:
    condition = kept if predicate is None else and_((kept, coalesce(predicate, lit(False))))
    return Call("list", (value,), distinct=distinct, filter=condition)


def _options(operands: tuple[Operand, ...], *, conditional: bool) -> tuple[Sql | None, Sql | None]:
    """Return the predicate and the maximal size, where given."""
    rest = operands[1:]
    predicate = rest[0].sql if conditional else None
    sizes = rest[1:] if conditional else rest
    return predicate, sizes[0].sql if sizes else None


def _limited(collected: Sql, size: Sql | None, type_: str) -> Sql:
    filled = coalesce(cast(collected, type_), cast(list_literal(), type_))
    most = lit(MAX_ITEMS) if size is None else call("least", size, lit(MAX_ITEMS))
    return call("list_slice", filled, lit(1), most)


def _collect(*, distinct: bool, conditional: bool) -> Accumulate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        value = operands[0]
        predicate, size = _options(operands, conditional=conditional)
        if value.type.scalar not in _AS_JSON:
            collected = _collected(value.sql, is_not_null(value.sql), predicate, distinct=distinct)
            return _limited(collected, size, f"{duckdb_type(value.type)}[]")
        item = to_json(value.sql, value.type)
        if not distinct:
            collected = _collected(item, is_not_null(value.sql), predicate, distinct=False)
            return call("to_json", _limited(collected, size, "JSON[]"))
        # A set takes in the items of arrays, not the arrays.
        items = case(
            (op("=", call("json_type", item), lit("ARRAY")), try_cast(item, "JSON[]")), otherwise=list_literal(item)
        )
        nested = _collected(items, is_not_null(value.sql), predicate, distinct=True)
        return call("to_json", _limited(call("list_distinct", call("flatten", nested)), size, "JSON[]"))

    return emit


def _collected_type(types: tuple[KqlType, ...]) -> tuple[KqlType, ...]:
    return (DYNAMIC if types[0].scalar in _AS_JSON else list_of(types[0].scalar),)


def _collecting(
    name: str, prefix: str, *, distinct: bool = False, conditional: bool = False, in_views: bool = False
) -> Aggregate:
    parameters = (
        param("expr", ANY),
        *((PREDICATE,) if conditional else ()),
        param("maxSize", WHOLE, optional=True, constant=True),
    )
    emit = single(_collect(distinct=distinct, conditional=conditional))
    return Aggregate(
        name,
        f"The array of the {'different ' if distinct else ''}values that are not null"
        + (" and for which a predicate is true." if conditional else "."),
        (AggregateSignature(parameters, _collected_type, emit),),
        prefix,
        in_views=in_views,
        example=(
            f"range x from 1 to 3 step 1 | summarize xs = {name}(x{', x < 3' if conditional else ''})"
            " | project array_sort_asc(xs)",
            "[1,2]" if conditional else "[1,2,3]",
        ),
    )


def _list_with_nulls(operands: tuple[Operand, ...]) -> Sql:
    value = operands[0]
    items = coalesce(call("list", to_json(value.sql, value.type)), list_literal())
    return call("to_json", call("list_slice", items, lit(1), lit(MAX_ITEMS)))


def _bagging(name: str, prefix: str, *, conditional: bool = False, in_views: bool = False) -> Aggregate:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        bag = operands[0]
        predicate, size = _options(operands, conditional=conditional)
        bags = _collected(to_json(bag.sql, bag.type), is_not_null(bag.sql), predicate, distinct=False)
        merged = cast(
            call("kql_text_bag_merge", cast(call("to_json", _limited(bags, size, "JSON[]")), "VARCHAR")), "JSON"
        )
        return coalesce(merged, lit("{}", "JSON"))

    parameters = (
        param("expr", DYNAMICS),
        *((PREDICATE,) if conditional else ()),
        param("maxSize", WHOLE, optional=True, constant=True),
    )
    return Aggregate(
        name,
        "One bag of the members of all bags" + (" for which a predicate is true." if conditional else "."),
        (AggregateSignature(parameters, DYNAMIC, single(emit)),),
        prefix,
        in_views=in_views,
        example=(
            f"datatable(k:string, v:long)['a', 1, 'b', 2] | summarize {name}(bag_pack(k, v)"
            f"{', v < 2' if conditional else ''})",
            '{"a":1}' if conditional else '{"a":1,"b":2}',
        ),
    )


COLLECTING: tuple[Aggregate, ...] = (
    _collecting("make_list", "list", in_views=True),
    _collecting("make_list_if", "list", conditional=True),
    _collecting("makelist", "list"),
    _collecting("make_set", "set", distinct=True, in_views=True),
    _collecting("make_set_if", "set", distinct=True, conditional=True),
    _collecting("makeset", "set", distinct=True),
    _bagging("make_bag", "bag", in_views=True),
    _bagging("make_bag_if", "bag", conditional=True),
    _bagging("make_dictionary", "dictionary"),
    Aggregate(
        "make_list_with_nulls",
        "The array of all values, nulls included.",
        (AggregateSignature((param("expr", ANY),), DYNAMIC, single(_list_with_nulls)),),
        "list",
        example=("datatable(x:long)[1, long(null)] | summarize make_list_with_nulls(x)", "[1,null]"),
    ),
)
