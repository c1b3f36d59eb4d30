"""Parquet files that are small on disk and large in memory."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emulator.parquet_sizes import ParquetTooLarge, read_parquet

LIMIT = 4_000_000
TEXT = "x" * 100_000


def written(columns: dict[str, pa.Array], **options: object) -> pa.Buffer:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return pa.py_buffer(buffer.getvalue())


BOMBS: dict[str, tuple[dict[str, pa.Array], dict[str, object]]] = {
    "a long text": ({"a": pa.array(["x" * LIMIT])}, {"compression": "gzip"}),
    "equal numbers": ({"a": pa.repeat(1, 600_000)}, {}),
    "nulls": ({"a": pa.nulls(600_000, pa.string())}, {}),
    "row groups": ({"a": pa.repeat(1, 600_000)}, {"row_group_size": 10_000}),
    "a dictionary": ({"a": pa.array([TEXT] * 50)}, {}),
    "a dictionary in lists": ({"a": pa.array([[TEXT] * 50])}, {}),
    "a dictionary in structs": ({"a": pa.array([{"b": {"c": TEXT}}] * 50)}, {}),
    "a dictionary in row groups": ({"a": pa.array([TEXT] * 50)}, {"row_group_size": 1}),
    "a list": ({"a": pa.array([[1] * 600_000])}, {}),
    "common beginnings": (
        {"a": pa.array([TEXT] * 50)},
        {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}},
    ),
    "values of a fixed length": ({"a": pa.array([b"x" * 100_000] * 50, pa.binary(100_000))}, {}),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_takes_more_than_the_limit_is_refused(bomb: str) -> None:
    columns, options = BOMBS[bomb]
    data = written(columns | {"other": pa.nulls(len(columns["a"]), pa.int64())}, **options)
    assert len(data) < LIMIT / 10
    with pytest.raises(ParquetTooLarge, match=f"its columns take more than {LIMIT} bytes"):
        read_parquet(data, ["a"], LIMIT)
    # It is not read at all where nobody asks for it.
    if len(columns["a"]) < LIMIT // 10:
        assert read_parquet(data, ["other"], LIMIT)[0].equals(
            pa.table({"other": pa.nulls(len(columns["a"]), pa.int64())})
        )


def test_texts_that_repeat_below_the_limit_are_read_as_they_were_written() -> None:
    columns = {
        "a": pa.array([TEXT, None, "b"] * 10),
        "b": pa.array([["x" * 1_000, "y"], [], None] * 10),
        "c": pa.array([{"d": TEXT[:1_000]}, None, {"d": None}] * 10),
        "e": pa.array(range(30)),
    }
    for options in ({}, {"row_group_size": 7}, {"use_dictionary": False}):
        data = written(columns, **options)
        assert read_parquet(data, None, LIMIT)[0].equals(pa.table(columns))
        found, rows = read_parquet(data, {"e", "a", "missing"}, LIMIT)
        assert (found.equals(pa.table({"a": columns["a"], "e": columns["e"]})), rows) == (True, 30)


def test_a_footer_that_says_less_than_its_pages_is_not_believed() -> None:
    data = written({"a": pa.array(["x" * LIMIT])}, compression="gzip").to_pybytes()
    chunk = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0)
    told = _zigzag(chunk.total_uncompressed_size)
    assert data.count(told) == 2  # The chunk's size, and that of its row group.
    lying = data.replace(told, _zigzag(1 << (7 * (len(told) - 1))))
    assert pq.ParquetFile(io.BytesIO(lying)).metadata.row_group(0).column(0).total_uncompressed_size < LIMIT
    with pytest.raises(ParquetTooLarge):
        read_parquet(pa.py_buffer(lying), None, LIMIT)


def _zigzag(number: int) -> bytes:
    value, parts = number << 1, []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


# A pool has to outlive what it gave out.
COUNTING = pa.proxy_memory_pool(pa.default_memory_pool())


def test_many_texts_that_differ_are_in_memory_a_few_times_only() -> None:
    texts = pa.array([f"event:{number}" for number in range(60_000)])
    # If all were as long as all of them together, they would take more than the limit.
    data = written({"a": texts})
    usual = pa.default_memory_pool()
    pa.set_memory_pool(COUNTING)
    try:
        table, rows = read_parquet(data, ["a"], 40_000_000)
    finally:
        pa.set_memory_pool(usual)
    assert (table, rows) == (pa.table({"a": texts}), 60_000)
    assert COUNTING.max_memory() < 20 * texts.nbytes
