"""The values of a column as functions get them, however large a list is."""

import pyarrow as pa
import pytest

from emulator.engine.udf import lifting


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([[1, 2, 3], [4]], pa.list_(pa.int64())),
        ([[1, None, 3, 4, 5]], pa.list_(pa.int64())),
        ([None], pa.list_(pa.int64())),
        ([[]], pa.list_(pa.int64())),
        ([], pa.list_(pa.int64())),
        ([1], pa.int64()),
        ([None, [1]], pa.list_(pa.int64())),
    ],
)
def test_a_large_list_by_parts_is_the_list(
    monkeypatch: pytest.MonkeyPatch, values: list[object], type_: pa.DataType
) -> None:
    column = pa.chunked_array([pa.array(values, type_)])
    monkeypatch.setattr(lifting, "_NUMBERS", 2)
    for at_once in (0, 1 << 20):
        monkeypatch.setattr(lifting, "AT_ONCE", at_once)
        assert lifting._values(column) == values
