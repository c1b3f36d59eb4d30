"""Property bags and arrays as JSON texts."""

import pytest

from emulator.engine.udf import bags, json_parts

NESTED = '{"a":1,"b":{"c":2.0,"d":{"e":"x"}},"f.g":3}'


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1.0,"b":[1,2.50,-1e5,true,false,null],"c":{"d":"é\\"\\n"}}',
        "[]",
        '"1.0"',
        "null",
        "NaN",
    ],
)
def test_json_is_written_as_it_was_read(text: str) -> None:
    assert json_parts.write(json_parts.read(text)) == text


@pytest.mark.parametrize(
    ("given", "merged"),
    [
        ('[{"a":1,"b":2},{"b":3,"c":4}]', '{"a":1,"b":2,"c":4}'),
        ('[{"a":1},null,5,[2],{"a":2}]', '{"a":1}'),
        ("[]", "{}"),
        ('{"a":1}', None),
    ],
)
def test_merging(given: str, merged: str | None) -> None:
    assert bags.merge(given) == merged


@pytest.mark.parametrize(
    ("bag", "keys", "left"),
    [
        (NESTED, ["a", "f.g"], '{"b":{"c":2.0,"d":{"e":"x"}}}'),
        (NESTED, ["$.b.d.e", "$.a"], '{"b":{"c":2.0,"d":{}},"f.g":3}'),
        (NESTED, ["b.c", "$.a.x", "$.x.y", "x", None], NESTED),
        ('{"":1}', [None], "{}"),
        ("[1]", ["a"], None),
    ],
)
def test_removing_keys(bag: str, keys: list[str | None], left: str | None) -> None:
    assert bags.remove_keys(bag, keys) == left


@pytest.mark.parametrize(
    ("bag", "key", "value", "changed"),
    [
        ('{"a":1}', "b", "[2]", '{"a":1,"b":[2]}'),
        ('{"a":1}', "a", None, '{"a":null}'),
        ('{"a":{"b":1}}', "$.a.c", "2", '{"a":{"b":1,"c":2}}'),
        ("{}", "$.a.b.c", "2", '{"a":{"b":{"c":2}}}'),
        ("{}", "a.b", "2", '{"a.b":2}'),
        ('{"a":1}', "$.a.b", "2", None),
        ("5", "a", "2", None),
    ],
)
def test_setting_a_key(bag: str, key: str, value: str | None, changed: str | None) -> None:
    assert bags.set_key(bag, key, value) == changed


@pytest.mark.parametrize(
    ("key", "has"),
    [("a", True), ("c", False), ("$.b.c", True), ("$.b.d.e", True), ("$.b.x", False), ("$.a.x", False), ("f.g", True)],
)
def test_looking_for_a_key(key: str, has: bool) -> None:
    assert bags.has_key(NESTED, key) is has
    assert bags.has_key("[1]", key) is None


@pytest.mark.parametrize(
    ("keys", "values", "bag"),
    [
        ('["a","b"]', "[1,2.0]", '{"a":1,"b":2.0}'),
        ('["a","b"]', "[1]", '{"a":1,"b":null}'),
        ('["a"]', "[1,2]", '{"a":1}'),
        ('["a",5,null,"b"]', "[1,2,3,4]", '{"a":1,"b":4}'),
        ("5", "[1]", None),
        ('["a"]', "5", None),
    ],
)
def test_a_bag_of_keys_and_values(keys: str, values: str, bag: str | None) -> None:
    assert bags.zip_bag(keys, values) == bag


@pytest.mark.parametrize(
    ("arrays", "zipped"),
    [
        ('[[1,2],["a","b"]]', '[[1,"a"],[2,"b"]]'),
        ("[[1],[2,3],[]]", "[[1,2,null],[null,3,null]]"),
        ("[]", "[]"),
        ("[[1],2]", None),
        ("5", None),
    ],
)
def test_arrays_side_by_side(arrays: str, zipped: str | None) -> None:
    assert bags.zip_arrays(arrays) == zipped


def test_members_in_the_order_of_their_names() -> None:
    assert bags.canonical('{"b":[{"d":1.0,"c":2}],"a":{"f":null,"e":"x"}}') == (
        '{"a":{"e":"x","f":null},"b":[{"c":2,"d":1.0}]}'
    )


@pytest.mark.parametrize(
    ("arrays", "ascending", "nulls_last", "ordered"),
    [
        ("[[2,10,1.5]]", True, True, "[[1.5,2,10]]"),
        ("[[2,10,1.5]]", False, True, "[[10,2,1.5]]"),
        ('[["b",2,null,"a",1],["q","w","e","r","t"]]', True, True, '[[1,2,"a","b",null],["t","w","r","q","e"]]'),
        ('[["b",2,null,"a",1]]', False, False, '[[null,2,1,"b","a"]]'),
        ("[[null,1]]", True, False, "[[null,1]]"),
        ("[[2,1],[5],7,[3,4]]", True, True, "[[1,2],null,null,[4,3]]"),
        ('[[[2],{"a":1},"x"]]', True, True, '[[[2],"x",{"a":1}]]'),
        ("[]", True, True, None),
        ("[5]", True, True, None),
        ("5", True, True, None),
    ],
)
def test_arrays_in_the_order_of_the_first(arrays: str, ascending: bool, nulls_last: bool, ordered: str | None) -> None:
    assert bags.sort_arrays(arrays, ascending, nulls_last) == ordered
