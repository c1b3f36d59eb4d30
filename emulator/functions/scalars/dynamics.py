"""Property bags."""

from emulator.errors import SemanticFault
from emulator.functions.function import Function, Operand, Signature
from emulator.functions.physical import as_json, as_list
from emulator.functions.shorthand import DYNAMICS, TEXT, param, repeated, simple
from emulator.sql.ast import Sql
from emulator.sql.build import call, case, cast, coalesce, lit, op
from emulator.types import BOOL, DYNAMIC, STRING, Scalar, list_of


def _pack(operands: tuple[Operand, ...]) -> Sql:
    if len(operands) % 2:
        raise SemanticFault("bag_pack(): function expects an even number of argument(s)", "SEM0219")
    pairs = zip(operands[::2], operands[1::2], strict=True)
    return call("json_object", *(part for key, value in pairs for part in (key.sql, as_json(value))))


def _packing(name: str) -> Function:
    parameters = (repeated("key", TEXT), repeated("value"))
    return Function(
        name,
        "A property bag of keys and values.",
        (Signature(parameters, DYNAMIC, _pack),),
        example=(f"print {name}('a', 1, 'b', 'x')", '{"a":1,"b":"x"}'),
    )


def _keys(operands: tuple[Operand, ...]) -> Sql:
    bag = as_json(operands[0])
    return case((op("=", call("json_type", bag), lit("OBJECT")), call("json_keys", bag)))


def _on_text(function: str, *arguments: Sql) -> Sql:
    # The engine's functions take and give JSON as text.
    first, *rest = arguments
    return cast(call(function, cast(first, "VARCHAR"), *rest), "JSON")


BAGS: tuple[Function, ...] = (
    _packing("bag_pack"),
    _packing("pack"),
    _packing("pack_dictionary"),
    simple(
        "bag_keys",
        "The names of a bag's members.",
        (param("object", DYNAMICS),),
        list_of(Scalar.STRING),
        _keys,
        ("print bag_keys(dynamic({'a': 1, 'b': 2}))", '["a","b"]'),
    ),
    simple(
        "bag_merge",
        "One bag of the members of several; of members of one name the first bag's stays.",
        (param("first", DYNAMICS), repeated("next", DYNAMICS)),
        DYNAMIC,
        lambda o: _on_text("kql_text_bag_merge", call("json_array", *(as_json(each) for each in o))),
        ("print bag_merge(dynamic({'a': 1}), dynamic({'a': 2, 'b': 3}))", '{"a":1,"b":3}'),
    ),
    simple(
        "bag_remove_keys",
        "The bag without some members; '$.a.b' names a member of a member.",
        (param("bag", DYNAMICS), param("keys", DYNAMICS)),
        DYNAMIC,
        lambda o: _on_text("kql_text_bag_remove_keys", as_json(o[0]), as_list(o[1], Scalar.STRING)),
        ("print bag_remove_keys(dynamic({'a': 1, 'b': 2}), dynamic(['a']))", '{"b":2}'),
    ),
    simple(
        "bag_set_key",
        "The bag with a member set; '$.a.b' names a member of a member.",
        (param("bag", DYNAMICS), param("key", TEXT), param("value")),
        DYNAMIC,
        lambda o: _on_text("kql_text_bag_set_key", as_json(o[0]), o[1].sql, cast(as_json(o[2]), "VARCHAR")),
        ("print bag_set_key(dynamic({'a': 1}), 'a', 2)", '{"a":2}'),
    ),
    simple(
        "bag_has_key",
        "Whether a bag has a member; '$.a.b' names a member of a member.",
        (param("bag", DYNAMICS), param("key", TEXT)),
        BOOL,
        lambda o: call("kql_bag_has_key", cast(as_json(o[0]), "VARCHAR"), o[1].sql),
        ("print bag_has_key(dynamic({'a': 1}), 'a')", "True"),
    ),
    simple(
        "bag_zip",
        "A bag of keys from one array and values from another.",
        (param("keys", DYNAMICS), param("values", DYNAMICS)),
        DYNAMIC,
        lambda o: _on_text("kql_text_bag_zip", as_json(o[0]), cast(as_json(o[1]), "VARCHAR")),
        ("print bag_zip(dynamic(['a', 'b']), dynamic([1, 2]))", '{"a":1,"b":2}'),
    ),
    simple(
        "zip",
        "The array of the arrays of first, second, … items.",
        (repeated("array", DYNAMICS),),
        DYNAMIC,
        lambda o: _on_text("kql_text_zip", call("json_array", *(as_json(each) for each in o))),
        ("print zip(dynamic([1, 2]), dynamic([3, 4]))", "[[1,3],[2,4]]"),
    ),
    simple(
        "dynamic_to_json",
        "The JSON text of a dynamic value in canonical order.",
        (param("dynamic"),),
        STRING,
        lambda o: coalesce(call("kql_canonical_json", cast(as_json(o[0]), "VARCHAR")), lit("")),
        ("print dynamic_to_json(dynamic({'b': 1, 'a': 2}))", '{"a":2,"b":1}'),
    ),
)
