"""Large values in functions in Python: gone through by pieces, between which the work may end, up to a limit."""

import base64
import csv
import gc
import gzip
import json
import math
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator import Eventhouse
from emulator.engine.udf import (
    bags,
    decomposition,
    encodings,
    hashing,
    json_parts,
    lifting,
    limits,
    networks,
    registry,
    statistics,
    texts,
)
from emulator.engine.udf.lifting import lifted
from emulator.engine.udf.limits import ValueTooLarge
from emulator.errors import CancelFault, LargeValueFault, LimitFault
from emulator.sql.engine_functions import ENGINE_FUNCTIONS, EngineFunction
from emulator.work import Work, doing
from tests.emulator.engine.endless import PROMPT_SECONDS

FUNCTIONS = {function.name: function for function in ENGINE_FUNCTIONS}


class Leaving(Work):
    """Work whose owner leaves at a look at the clock; counts the looks."""

    def __init__(self, at: float = math.inf) -> None:
        super().__init__()
        self.looks = 0
        self._at = at

    @property
    def is_over(self) -> bool:
        self.looks += 1
        if self.looks >= self._at:
            self.cancel("left")
        return super().is_over


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    make_pieces_small(monkeypatch)


def make_pieces_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_parts, "GROUP", 40)
    for module in (json_parts, bags):
        monkeypatch.setattr(module, "MANY", 10)
    for module in (limits, texts, encodings, networks):
        monkeypatch.setattr(module, "PIECE", 100)
    monkeypatch.setattr(encodings, "_CSV_AT_ONCE", 100)
    monkeypatch.setattr(encodings, "_CSV_FIELDS", 10)
    monkeypatch.setattr(networks, "_MANY", 10)
    monkeypatch.setattr(hashing, "_CHECKED", 64)
    monkeypatch.setattr(registry, "_NUMBERS", 100)
    monkeypatch.setattr(lifting, "_NUMBERS", 100)


NUMBERS = json.dumps(list(range(400)))
BAG = json.dumps({f"k{i}": i for i in range(400)})
NESTED = json.dumps({"a": {"b": [{"c": i, "a": [i]} for i in range(100)], "c": "x"}, "b": list(range(100))})
TEXT = "abc,d" * 500
ADDRESS = "1.2.3.4"
PACKED = base64.b64encode(gzip.compress(TEXT.encode())).decode()
# Calls of about 2,000 characters or 400 items, in pieces of some 40 to 100.
CALLS: dict[str, Callable[[], object]] = {
    "bag_merge": lambda: bags.merge(f"[{BAG},{BAG}]"),
    "bag_merge of many": lambda: bags.merge("[" + ",".join(f'{{"k{i}":1}}' for i in range(400)) + "]"),
    "bag_remove_keys": lambda: bags.remove_keys(NESTED, ["$.a.b", "c"]),
    "bag_set_key": lambda: bags.set_key(NESTED, "$.a.x", NUMBERS),
    "bag_has_key": lambda: bags.has_key(NESTED, "$.a.x"),
    "bag_zip": lambda: bags.zip_bag(json.dumps([str(i) for i in range(400)]), NUMBERS),
    "zip": lambda: bags.zip_arrays(f"[{NUMBERS},[1,2],{NUMBERS}]"),
    "dynamic_to_json": lambda: bags.canonical(NESTED),
    "array_sort": lambda: bags.sort_arrays(f"[{NUMBERS},{NUMBERS}]", False, True),
    "array_sort of texts": lambda: bags.sort_arrays(f"[{json.dumps([str(i) for i in range(400)])}]", True, True),
    "replace_strings": lambda: texts.replace_strings(TEXT, '["bc","a"]', '["x","y"]'),
    "translate": lambda: texts.translate(TEXT, "ab", "x"),
    "translate to nothing": lambda: texts.translate(TEXT, "ab", ""),
    "hash": lambda: hashing.hash_text(TEXT),
    "url_encode": lambda: encodings.url_encode(TEXT),
    "gzip": lambda: encodings.decompress_gzip(PACKED),
    "parse_csv": lambda: encodings.csv_fields(TEXT),
    "parse_csv of quotes": lambda: encodings.csv_fields('"' + '""' * 1000 + '"'),
    "parse_csv of one field": lambda: encodings.csv_fields("a" * 2000),
    "has_any_ipv4": lambda: networks.has_any_ipv4(TEXT, [ADDRESS]),
    "has_any_ipv4 of many": lambda: networks.has_any_ipv4("", [ADDRESS] * 400),
    "has_any_ipv4_prefix": lambda: networks.has_any_ipv4_prefix(TEXT, [ADDRESS] * 400),
    "ipv4_is_in_any_range": lambda: networks.ipv4_in_any_range(ADDRESS, ["5.6.7.8"] * 400),
    "ipv6_is_in_any_range": lambda: networks.ipv6_in_any_range(ADDRESS, ["::1"] * 400),
    "series_decompose": lambda: str(decomposition.decompose(np.arange(400.0), 100, "avg", 0)),
    "series_fit_line": lambda: registry.IMPLEMENTATIONS["kql_series_fit_line_bag"](np.arange(3000.0)),
    "a series": lambda: lifting.plain(np.array([1.0, np.nan] * 1500)),
}
# At how many places each of them can end, at least.
PLACES = 15


@pytest.mark.parametrize("name", CALLS)
def test_a_value_in_pieces_gives_the_same_and_may_end_between_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = CALLS[name]()
    make_pieces_small(monkeypatch)
    lengths = [0]
    read_at_once = json_parts._READER.decode

    def decode(text: str) -> object:
        lengths.append(len(text))
        return read_at_once(text)

    monkeypatch.setattr(json_parts._READER, "decode", decode)
    watching = Leaving()
    with doing(watching):
        assert CALLS[name]() == expected
    assert watching.looks >= PLACES
    assert max(lengths) <= 2 * json_parts.GROUP + len("[]")
    for at in (1, PLACES // 2, watching.looks):
        leaving = Leaving(at)
        with pytest.raises(CancelFault), doing(leaving):
            CALLS[name]()
        assert leaving.looks == at


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=60), inner, max_size=8),
    max_leaves=60,
)


@pytest.mark.slow
@given(JSON, st.booleans(), st.integers(16, 60))
def test_json_in_groups_is_read_and_written_as_at_once(value: object, blanks: bool, group: int) -> None:
    text = json.dumps(value, indent=1 if blanks else None, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    expected = json_parts.write(json_parts.read(text)), bags.canonical(text)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(json_parts, "GROUP", group)
        assert (json_parts.write(json_parts.read(text)), bags.canonical(text)) == expected


@pytest.mark.parametrize("run", range(1, 40))
def test_backslashes_across_blocks(run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_parts, "GROUP", 16)
    value = ["a" * 11 + "\\" * run, '"' * run, "]", "\\" * 3 + '"']
    assert json.loads(json_parts.write(json_parts.read(json.dumps(value)))) == value


@pytest.mark.parametrize("text", ['["' + "a" * 99, "[[" + "1," * 50 + "1]", '{"a":1' + ' "b":2' * 20 + "}"])
def test_what_is_no_json_is_refused_in_groups_as_well(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_parts, "GROUP", 16)
    with pytest.raises(ValueError, match=r"JSON|delimiter"):
        bags.canonical(text)


def test_no_number_is_an_object_for_the_garbage_collector() -> None:
    assert [gc.is_tracked(number) for number in json_parts.read("[1,2.5,-1e5]")] == [False, False, False]  # type: ignore[union-attr] # a list


@pytest.mark.slow
@given(st.text('a,"\n\v\u2028', max_size=30))
def test_fields_of_a_long_line_are_those_of_csv(text: str) -> None:
    expected = next(csv.reader(text.splitlines()), [""])
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(encodings, "_CSV_AT_ONCE", 0)
        monkeypatch.setattr(encodings, "PIECE", 3)
        monkeypatch.setattr(limits, "PIECE", 3)
        assert encodings.csv_fields(text) == expected


def test_a_field_may_be_longer_than_csv_takes_by_default() -> None:
    long = "a" * 140_000
    assert encodings.csv_fields(f'"{long}",b') == [long, "b"]


@pytest.mark.slow
@given(st.text("ab", max_size=40), st.text("ab", min_size=1, max_size=5), st.integers(1, 6))
def test_a_text_split_in_pieces(text: str, separator: str, piece: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(texts, "PIECE", piece)
        assert list(texts._split(text, separator)) == text.split(separator)


@pytest.mark.slow
@given(st.text("12.a ", max_size=60), st.integers(1, 20))
def test_addresses_found_in_pieces(text: str, piece: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(networks, "PIECE", piece)
        assert list(networks._addresses_in(text)) == networks._IPV4_IN_TEXT.findall(text)


def test_rows_become_values_a_megabyte_at_a_time() -> None:
    lengths = [600_000, 400_000, 100_000, 3, 3_000_000, 1, 0]
    column = pa.chunked_array([["x" * length for length in lengths[:2]], ["x" * length for length in lengths[2:]]])
    flags = pa.chunked_array([[True] * 7])
    found = [
        [len(part) for part in parts] for parts in lifting._slices((column, flags), limits.LONGEST, lifting.AT_ONCE)
    ]
    assert found == [[2, 2], [2, 2], [1, 1], [2, 2]]
    leaving = Leaving(3)
    with pytest.raises(CancelFault), doing(leaving):
        list(lifting._slices((column, flags), limits.LONGEST, lifting.AT_ONCE))
    assert leaving.looks == 3


def column(values: list[object], type_: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, type_)])


@pytest.mark.parametrize(
    ("type_", "value", "small"),
    [
        ("VARCHAR", "é" * 8, 16),
        ("DOUBLE[]", [1.0, None], 16),
        ("BIGINT[]", [1, 2], 16),
        ("VARCHAR[]", ["abc", None, "é"], 29),
    ],
)
def test_a_value_may_have_so_many_bytes_and_no_more(type_: str, value: object, small: int) -> None:
    function = EngineFunction("f", (type_,), "BIGINT")
    arguments = (column([None, value, value], lifting._TYPES[type_]), column([None] * 3, pa.int64()))
    assert lifted(function, len, lambda _: None, small)(*arguments).to_pylist() == [None, len(value), len(value)]  # type: ignore[arg-type] # texts and lists have a length
    with pytest.raises(ValueTooLarge):
        lifted(function, len, lambda _: None, small - 1)(*arguments)


def test_series_of_a_sliced_column() -> None:
    rows = [[1.0], [2.0, None], None, [], [3.0]]
    given = pa.chunked_array([pa.array(rows, pa.list_(pa.float64()))[1:], pa.array(rows[:1], pa.list_(pa.float64()))])
    found = [None if each is None else [str(value) for value in each] for each in lifting._series(given)]
    assert found == [["2.0", "nan"], None, [], ["3.0"], ["1.0"]]


def test_the_items_of_a_large_array_become_values_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifting, "AT_ONCE", 100)
    monkeypatch.setattr(lifting, "_NUMBERS", 10)
    values = [None if i % 7 == 0 else str(i) for i in range(100)]
    array = pa.array([["x"], values, None], pa.list_(pa.string()))
    watching = Leaving()
    with doing(watching):
        found = [lifting._values(pa.chunked_array([array.slice(row, 1)])) for row in range(3)]
    assert found == [[["x"]], [values], [None]]
    assert watching.looks == 10


def test_what_a_call_makes_is_limited_and_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    function = EngineFunction("f", ("VARCHAR",), "VARCHAR")
    values: list[object] = ["a", None, "", "bc" * 10, "d"]
    columns = (column(values, pa.string()), column([None] * 5, pa.int64()))

    def doubled(text: str) -> str:
        return text * 2

    run = lifted(function, doubled, lambda _: None, 20, 10)
    expected = ["aa", None, "", "bc" * 20, "dd"]
    assert run(*columns).to_pylist() == expected
    monkeypatch.setattr(lifting, "_MOST_MADE", 40)
    with pytest.raises(ValueTooLarge):
        run(*columns)


def test_what_a_function_makes_is_limited_as_well(small_pieces: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LONGEST", 1_000)
    packed = [base64.b64encode(gzip.compress(b"a" * size)).decode() for size in (1_000, 1_001)]
    assert encodings.decompress_gzip(packed[0]) == "a" * 1_000
    with pytest.raises(ValueTooLarge):
        encodings.decompress_gzip(packed[1])
    assert texts.replace_strings("ab" * 100, '["a"]', f'["{"x" * 9}"]') == ("x" * 9 + "b") * 100
    with pytest.raises(ValueTooLarge):
        texts.replace_strings("ab" * 100, '["a"]', f'["{"x" * 10}"]')


def test_counts_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MOST_PARTS", 20)
    assert texts.replace_strings("ab" * 9, '["a"]', '["x"]') == "xb" * 9
    with pytest.raises(ValueTooLarge):
        texts.replace_strings("ab" * 11, '["a"]', '["x"]')
    monkeypatch.setattr(bags, "_SORTED_ITEMS", 3)
    assert bags.sort_arrays("[[3,1,2]]", True, True) == "[[1,2,3]]"
    with pytest.raises(ValueTooLarge):
        bags.sort_arrays("[[3,1,2,4]]", True, True)
    monkeypatch.setattr(statistics, "_MOST_POWERS", 20)
    assert statistics.fit_polynomial(np.arange(5.0), None, 3) is not None
    with pytest.raises(ValueTooLarge):
        statistics.fit_polynomial(np.arange(6.0), None, 3)


@pytest.mark.parametrize("end", ["", "rest"])
def test_a_compressed_text_may_have_something_behind_it(end: str) -> None:
    packed = gzip.compress(b"1234567890")
    assert encodings.decompress_gzip(base64.b64encode(packed + end.encode()).decode()) == "1234567890"
    assert encodings.decompress_gzip(base64.b64encode(packed[:-9]).decode()) is None


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    yield opened
    opened.close()


def test_a_larger_value_is_a_fault_of_its_own(eventhouse: Eventhouse) -> None:
    with pytest.raises(LargeValueFault) as raised:
        eventhouse.query("print url_decode(strcat(strrep(strrep('a', 1024), 1024), 'a'))")
    assert (raised.value.code, raised.value.permanent, raised.value.message) == (
        "E_RUNAWAY_QUERY",
        True,
        "A value is too large to be computed with: a function is given a value of more than 1 MB",
    )


HEAVY = {
    "one bag": """print b = toscalar(range x from 1 to 300000 step 1 | summarize make_bag(bag_pack(tostring(x), x)))
        | project bag_merge(b, b, b, b, b, b)""",
    "eight arrays": "print a = range(1, 1000000) | project tostring(zip(a, a, a, a, a, a, a, a))",
    "three arrays": "print a = range(1, 1000000) | project tostring(zip(a, a, a))",
    "many arrays": """range x from 1 to 20 step 1 | extend a = range(x, x + 50000) | extend z = zip(a, a, a, a)
        | summarize sum(array_length(z))""",
    "sorted arrays": "print a = range(1, 1000000) | project z = array_sort_desc(a, a) | project array_length(z)",
    "one line": "print s = strrep(strrep('abc,', 1000), 1000) | project tostring(parse_csv(s))",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_others_are_answered_beside_one_large_value(eventhouse: Eventhouse, name: str) -> None:
    eventhouse.query("print 1")
    faults: list[LimitFault] = []

    def run() -> None:
        try:
            eventhouse.query(HEAVY[name], work=Work(1.5))
        except LimitFault as fault:
            faults.append(fault)

    heavy = threading.Thread(target=run)
    started = time.monotonic()
    heavy.start()
    worst = 0.0
    while heavy.is_alive():
        asked = time.monotonic()
        assert eventhouse.query("print 1")[0].records() == [{"print_0": 1}]
        worst = max(worst, time.monotonic() - asked)
        time.sleep(0.02)
    assert worst < 2.0
    assert time.monotonic() - started < PROMPT_SECONDS
    assert [fault.code for fault in faults] in ([], ["E_QUERY_TIMEOUT"], ["E_RUNAWAY_QUERY"])
