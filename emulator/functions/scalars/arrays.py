"""Arrays. A typed list stays one; a dynamic array is worked on as a list of its JSON items."""

from collections.abc import Callable

from emulator.functions.function import Emit, Function, Operand, Parameter, ResultName, Signature
from emulator.functions.overloads import common_type
from emulator.functions.physical import as_json, as_list, as_type, duckdb_type, to_json
from emulator.functions.shorthand import (
    BOOLS,
    DATETIMES,
    DYNAMICS,
    NUMBERS,
    TIMESPANS,
    WHOLE,
    first_type,
    param,
    repeated,
    simple,
)
from emulator.sql.ast import Cast, ColumnRef, ListLiteral, Sql, StructLiteral
from emulator.sql.build import call, case, cast, coalesce, fail, lambda_, lit, op
from emulator.types import BOOL, DYNAMIC, LONG, MAX_ITEMS, MAX_REPEATED, REAL, TICKS_PER_HOUR, KqlType, Scalar, list_of

_ARRAY = (param("array", DYNAMICS),)


def items(operand: Operand) -> Sql:
    """Emit the items of an array as a list: typed where the type is known, else of JSON; null if it is no array."""
    return operand.sql if operand.type.is_typed_list else as_list(operand, Scalar.DYNAMIC)


def packed(list_sql: Sql, type_: KqlType) -> Sql:
    """Emit a list of items in the representation of an array type."""
    return list_sql if type_.is_typed_list else call("to_json", list_sql)


def _item_type(type_: KqlType) -> KqlType:
    return KqlType(type_.element or Scalar.DYNAMIC)


def _keeping(
    name: str, description: str, parameters: tuple[Parameter, ...], build: Callable[..., Sql], example: tuple[str, str]
) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        array, *rest = operands
        return packed(build(items(array), *(operand.sql for operand in rest)), array.type)

    signature = Signature((*_ARRAY, *parameters), first_type, emit)
    return Function(name, description, (signature,), example=example)


def _length(operands: tuple[Operand, ...]) -> Sql:
    array = operands[0]
    if array.type.is_typed_list:
        return cast(call("len", array.sql), "BIGINT")
    return call("kql_array_length", array.sql)


def _pack_type(types: tuple[KqlType, ...]) -> KqlType:
    common = common_type(types) if types else None
    same = common is not None and common.scalar is not Scalar.DYNAMIC and common.scalar is not Scalar.DECIMAL
    if (
        same
        and common is not None
        and len({type_.scalar.is_numeric and type_.scalar is Scalar.REAL for type_ in types}) == 1
    ):
        return list_of(common.scalar)
    return DYNAMIC


def _pack(operands: tuple[Operand, ...]) -> Sql:
    type_ = _pack_type(tuple(operand.type for operand in operands))
    if type_.is_typed_list:
        item = _item_type(type_)
        return Cast(ListLiteral(tuple(as_type(operand, item) for operand in operands)), duckdb_type(type_))
    return call("json_array", *(as_json(operand) for operand in operands))


def _concat_type(types: tuple[KqlType, ...]) -> KqlType:
    return types[0] if len(set(types)) == 1 else DYNAMIC


def _concat(operands: tuple[Operand, ...]) -> Sql:
    type_ = _concat_type(tuple(operand.type for operand in operands))
    joined = items(operands[0]) if type_.is_typed_list else as_list(operands[0], Scalar.DYNAMIC)
    for operand in operands[1:]:
        joined = call(
            "list_concat", joined, items(operand) if type_.is_typed_list else as_list(operand, Scalar.DYNAMIC)
        )
    return packed(joined, type_)


def _slice(array: Sql, start: Sql, end: Sql) -> Sql:
    return call("kql_slice", array, start, end)


def _shift(sign: int) -> Emit:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        array, count = operands[0], operands[1].sql
        item = _item_type(array.type)
        # Without a default, null; for strings the empty string.
        missing = lit("") if array.type.element is Scalar.STRING else cast(lit(None), duckdb_type(item))
        fill = as_type(operands[2], item) if len(operands) > 2 else missing
        moved = count if sign > 0 else op("-", count)
        return packed(call("kql_shift", items(array), moved, fill), array.type)

    return emit


def _shifting(name: str, sign: int, example: str) -> Function:
    side = "left" if sign > 0 else "right"
    return Function(
        name,
        f"The array with its items moved to the {side}; free places take a default or null.",
        (
            Signature(
                (*_ARRAY, param("shift_count", WHOLE), param("default_value", optional=True)), first_type, _shift(sign)
            ),
        ),
        example=(f"print {name}(dynamic([1, 2, 3]), 1, 0)", example),
    )


def _rotating(name: str, sign: int, example: str) -> Function:
    return _keeping(
        name,
        f"The array rotated to the {'left' if sign > 0 else 'right'}.",
        (param("rotate_count", WHOLE),),
        lambda array, count: call("kql_rotate", array, count if sign > 0 else op("-", count)),
        (f"print {name}(dynamic([1, 2, 3]), 1)", example),
    )


def _sorted_list(array: Operand, *, ascending: bool, nulls_last: Sql) -> Sql:
    direction = "ASC" if ascending else "DESC"
    if array.type.element is not None and array.type.element is not Scalar.DYNAMIC:
        present = call("list_filter", array.sql, lambda_("e", op("IS NOT", ColumnRef("e"), lit(None))))
        ordered = call("list_sort", present, lit(direction))
    else:
        # The array stands once: written at each of the ten places, four nested calls take DuckDB 3 s to plan.
        given = ColumnRef("a")
        ordered = call("kql_with_nulls", call("kql_sorted_json", given, lit(direction)), given, nulls_last)
        return call("list_extract", call("list_transform", ListLiteral((items(array),)), lambda_("a", ordered)), lit(1))
    return call("kql_with_nulls", ordered, items(array), nulls_last)


def _sorting(name: str, *, ascending: bool, example: str) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        nulls_last = operands[1].sql if len(operands) > 1 else lit(True)
        return packed(_sorted_list(operands[0], ascending=ascending, nulls_last=nulls_last), operands[0].type)

    def emit_many(operands: tuple[Operand, ...]) -> Sql:
        arrays = operands[:-1] if operands[-1].type.scalar is Scalar.BOOL else operands
        nulls_last = operands[-1].sql if len(arrays) < len(operands) else lit(True)
        texts = cast(call("json_array", *(as_json(array) for array in arrays)), "VARCHAR")
        ordered = cast(call("kql_text_sorted_arrays", texts, lit(ascending), nulls_last), "JSON")
        return StructLiteral(
            tuple(
                (f"o{index}", call("nullif", call("json_extract", ordered, lit(index)), lit("null")))
                for index in range(len(arrays))
            )
        )

    def outputs(types: tuple[KqlType, ...]) -> tuple[tuple[str, KqlType], ...]:
        count = sum(type_.scalar is Scalar.DYNAMIC for type_ in types)
        return () if count == 1 else tuple((f"{{{index}}}_sorted", DYNAMIC) for index in range(count))

    flag = param("nulls_last", BOOLS, optional=True)
    direction = "ascending" if ascending else "descending"
    return Function(
        name,
        f"The items of an array in {direction} order, nulls last unless told otherwise; further arrays follow it.",
        (
            Signature((*_ARRAY, flag), first_type, emit),
            Signature((*_ARRAY, repeated("arrays", DYNAMICS), flag), DYNAMIC, emit_many),
        ),
        outputs=outputs,
        example=(f"print {name}(dynamic([2, 3, 1]))", example),
    )


def _index_of(operands: tuple[Operand, ...]) -> Sql:
    array, value, *rest = operands
    if array.type.element is not None and array.type.element is value.type.scalar:
        listed, wanted = array.sql, value.sql
    else:
        listed, wanted = as_list(array, Scalar.DYNAMIC), as_json(value)
    start = rest[0].sql if rest else lit(0)
    if len(rest) < 2:
        return call("kql_array_index_of", listed, wanted, start, lit(-1), lit(1))
    occurrence = rest[2].sql if len(rest) > 2 else lit(1)
    return call("kql_array_index_of", listed, wanted, start, rest[1].sql, occurrence)


def _sum(operands: tuple[Operand, ...]) -> Sql:
    return call("list_sum", as_list(operands[0], Scalar.REAL))


def _range_type(types: tuple[KqlType, ...]) -> KqlType:
    common = common_type(types[:2]) if types[0].scalar.is_numeric else types[0]
    if common is None:
        return DYNAMIC
    if len(types) > 2 and types[0].scalar.is_numeric:
        common = common_type((common, types[2])) or common
    return list_of(Scalar.LONG if common.scalar is Scalar.INT else common.scalar)


def _range_numbers(operands: tuple[Operand, ...]) -> Sql:
    element = _range_type(tuple(operand.type for operand in operands)).element
    step = operands[2] if len(operands) > 2 else Operand(lit(1, "BIGINT"), LONG)
    if element is Scalar.REAL:
        return call("kql_range_real", *(as_type(operand, REAL) for operand in (*operands[:2], step)))
    return call("kql_range_long", *(as_type(operand, LONG) for operand in (*operands[:2], step)))


def _range_times(operands: tuple[Operand, ...]) -> Sql:
    start, stop = (call("kql_ticks", operand.sql) for operand in operands[:2])
    step = operands[2].sql if len(operands) > 2 else lit(TICKS_PER_HOUR, "BIGINT")
    ticks = call("kql_range_long", start, stop, step)
    return call("list_transform", ticks, lambda_("e", call("kql_datetime_of_ticks", ColumnRef("e"))))


def _range_spans(operands: tuple[Operand, ...]) -> Sql:
    step = operands[2].sql if len(operands) > 2 else lit(TICKS_PER_HOUR, "BIGINT")
    return call("kql_range_long", operands[0].sql, operands[1].sql, step)


def _repeat_type(types: tuple[KqlType, ...]) -> KqlType:
    plain = types[0].scalar is Scalar.DYNAMIC
    return DYNAMIC if plain else list_of(types[0].scalar)


def _repeat(operands: tuple[Operand, ...]) -> Sql:
    value, count = operands
    type_ = _repeat_type((value.type,))
    item = value.sql if type_.is_typed_list else as_json(value)
    number: Sql = cast(count.sql, "BIGINT")
    most: Sql = lit(MAX_ITEMS)
    if type_.element in (None, Scalar.STRING, Scalar.GUID):
        # Of long texts fewer: all of them would be in memory at once, uncounted where they are constant.
        most = call("least", most, op("//", lit(MAX_REPEATED), op("+", call("strlen", cast(item, "VARCHAR")), lit(1))))
        fault = cast(fail(lit(f"repeat: more than {MAX_REPEATED} bytes")), "BIGINT")
        number = case((op(">", call("least", number, lit(MAX_ITEMS)), most), fault), otherwise=number)
    copies = call("list_transform", call("range", call("least", number, lit(MAX_ITEMS))), lambda_("e", item))
    return case((op(">=", number, lit(0)), packed(copies, type_)))


def _iff(operands: tuple[Operand, ...]) -> Sql:
    condition, then, otherwise = operands
    sides = []
    for side in (then, otherwise):
        is_array = side.type.scalar is Scalar.DYNAMIC
        sides.append(as_json(side) if is_array else call("json_array", to_json(side.sql, side.type)))
        sides.append(lit(is_array))
    return call("kql_array_iff", as_json(condition), *sides)


def _has_element(operands: tuple[Operand, ...]) -> Sql:
    array, value = operands
    if array.type.element is not None and array.type.element is value.type.scalar:
        return coalesce(call("list_contains", array.sql, value.sql), lit(False))
    return coalesce(call("list_contains", as_list(array, Scalar.DYNAMIC), as_json(value)), lit(False))


def _sets(name: str, description: str, combine: Callable[[Sql, Sql], Sql], example: str) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        type_ = _concat_type(tuple(operand.type for operand in operands))
        lists = [items(each) if type_.is_typed_list else as_list(each, Scalar.DYNAMIC) for each in operands]
        result = lists[0]
        for other in lists[1:]:
            result = combine(result, other)
        return packed(call("kql_distinct", result), type_)

    return Function(
        name,
        description,
        (Signature((param("first", DYNAMICS), repeated("next", DYNAMICS)), _concat_type, emit),),
        example=(f"print array_sort_asc({name}(dynamic([1, 2, 2]), dynamic([2, 3])))", example),
    )


def _split(operands: tuple[Operand, ...]) -> Sql:
    array, places = operands
    positions = (
        call("list_value", places.sql) if places.type.scalar is not Scalar.DYNAMIC else as_list(places, Scalar.LONG)
    )
    return call("kql_array_split", as_list(array, Scalar.DYNAMIC), positions)


ARRAYS: tuple[Function, ...] = (
    simple(
        "array_length",
        "How many items an array has, null if it is no array.",
        _ARRAY,
        LONG,
        _length,
        ("print array_length(dynamic([1, 2, 3]))", "3"),
    ),
    Function(
        "pack_array",
        "An array of the values.",
        (Signature((repeated("value", optional=True),), _pack_type, _pack),),
        example=("print pack_array(1, 'a')", '[1,"a"]'),
    ),
    Function(
        "array_concat",
        "The items of several arrays in one array.",
        (Signature((repeated("array", DYNAMICS),), _concat_type, _concat),),
        example=("print array_concat(dynamic([1]), dynamic([2, 3]))", "[1,2,3]"),
    ),
    _keeping(
        "array_slice",
        "The items from a start to an end position, both included, negative from the end.",
        (param("start", WHOLE), param("end", WHOLE)),
        _slice,
        ("print array_slice(dynamic([1, 2, 3, 4, 5]), 2, -1)", "[3,4,5]"),
    ),
    _keeping(
        "array_reverse",
        "The items in reverse order.",
        (),
        lambda array: call("list_reverse", array),
        ("print array_reverse(dynamic([1, 2, 3]))", "[3,2,1]"),
    ),
    _shifting("array_shift_left", 1, "[2,3,0]"),
    _shifting("array_shift_right", -1, "[0,1,2]"),
    _rotating("array_rotate_left", 1, "[2,3,1]"),
    _rotating("array_rotate_right", -1, "[3,1,2]"),
    _sorting("array_sort_asc", ascending=True, example="[1,2,3]"),
    _sorting("array_sort_desc", ascending=False, example="[3,2,1]"),
    simple(
        "array_index_of",
        "The position of a value in an array, -1 where it is not.",
        (
            *_ARRAY,
            param("value"),
            param("start", WHOLE, optional=True),
            param("length", WHOLE, optional=True),
            param("occurrence", WHOLE, optional=True),
        ),
        LONG,
        _index_of,
        ("print array_index_of(dynamic([5, 6, 7]), 6)", "1"),
    ),
    simple(
        "array_sum",
        "The sum of the numbers in an array.",
        _ARRAY,
        REAL,
        _sum,
        ("print array_sum(dynamic([1, 2, 3]))", "6.0"),
    ),
    simple(
        "array_iff",
        "Item by item one of two arrays' or values, by an array of conditions.",
        (param("condition_array", DYNAMICS), param("when_true"), param("when_false")),
        DYNAMIC,
        _iff,
        ("print array_iff(dynamic([true, false]), 1, 2)", "[1,2]"),
    ),
    simple(
        "array_iif",
        "Item by item one of two arrays' or values, by an array of conditions.",
        (param("condition_array", DYNAMICS), param("when_true"), param("when_false")),
        DYNAMIC,
        _iff,
        ("print array_iif(dynamic([true, false]), 1, 2)", "[1,2]"),
    ),
    simple(
        "array_split",
        "The parts of an array before, between and after positions.",
        (*_ARRAY, param("index", WHOLE | DYNAMICS)),
        DYNAMIC,
        _split,
        ("print array_split(dynamic([1, 2, 3]), 1)", "[[1],[2,3]]"),
    ),
    Function(
        "range",
        "The array from a start to an end by a step; times by the hour without a step.",
        (
            Signature(
                (param("start", NUMBERS), param("stop", NUMBERS), param("step", NUMBERS, optional=True)),
                _range_type,
                _range_numbers,
            ),
            Signature(
                (param("start", DATETIMES), param("stop", DATETIMES), param("step", TIMESPANS, optional=True)),
                _range_type,
                _range_times,
            ),
            Signature(
                (param("start", TIMESPANS), param("stop", TIMESPANS), param("step", TIMESPANS, optional=True)),
                _range_type,
                _range_spans,
            ),
        ),
        example=("print range(1, 8, 3)", "[1,4,7]"),
    ),
    Function(
        "repeat",
        "The array of a value a number of times.",
        (Signature((param("value"), param("count", WHOLE)), _repeat_type, _repeat),),
        ResultName.PREFIX,
        example=("print repeat(1, 3)", "[1,1,1]"),
    ),
    simple(
        "set_has_element",
        "Whether an array holds a value.",
        (param("set", DYNAMICS), param("value")),
        BOOL,
        _has_element,
        ("print set_has_element(dynamic([1, 2]), 2)", "True"),
    ),
    _sets(
        "set_union", "The distinct items of any of several arrays.", lambda a, b: call("list_concat", a, b), "[1,2,3]"
    ),
    _sets("set_intersect", "The distinct items that all arrays hold.", lambda a, b: call("kql_intersect", a, b), "[2]"),
    _sets(
        "set_difference",
        "The distinct items of the first array that no other holds.",
        lambda a, b: call("kql_except", a, b),
        "[1]",
    ),
    simple(
        "set_equals",
        "Whether two arrays hold the same items.",
        (param("set1", DYNAMICS), param("set2", DYNAMICS)),
        BOOL,
        lambda o: call("kql_same_items", as_list(o[0], Scalar.DYNAMIC), as_list(o[1], Scalar.DYNAMIC)),
        ("print set_equals(dynamic([1, 2, 2]), dynamic([2, 1]))", "True"),
    ),
    simple(
        "jaccard_index",
        "How many distinct items two arrays share, as a part of all distinct items.",
        (param("set1", DYNAMICS), param("set2", DYNAMICS)),
        REAL,
        lambda o: call("kql_jaccard", as_list(o[0], Scalar.DYNAMIC), as_list(o[1], Scalar.DYNAMIC)),
        ("print jaccard_index(dynamic([1, 2, 3]), dynamic([1, 2, 3, 4]))", "0.75"),
    ),
)
