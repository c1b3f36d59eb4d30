"""A finished query on its way to a client: rendered rows, what was cut off, and the figures about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from emulator.result import ResultTable
from emulator.server.errors import TruncationFault
from emulator.server.properties import Truncation
from emulator.server.values import rows_json

_NO_VISUALIZATION: dict[str, object] = dict.fromkeys(
    (
        "Visualization",
        "Title",
        "XColumn",
        "Series",
        "YColumns",
        "AnomalyColumns",
        "XTitle",
        "YTitle",
        "XAxis",
        "YAxis",
        "Legend",
        "YSplit",
    )
) | {
    "Accumulate": False,
    "IsQuerySorted": False,
    "Kind": None,
    "Ymin": "NaN",
    "Ymax": "NaN",
    "Xmin": None,
    "Xmax": None,
}


@dataclass(frozen=True, slots=True)
class RenderedTable:
    """One primary table and its rows as JSON text."""

    table: ResultTable
    rows: bytes
    visualization: str


@dataclass(frozen=True, slots=True)
class Answer:
    """All primary tables of a query, and the fault that cut them short, if any."""

    tables: tuple[RenderedTable, ...]
    client_request_id: str
    activity_id: str
    seconds: float
    fault: TruncationFault | None = None


def render(
    tables: Sequence[ResultTable], truncation: Truncation
) -> tuple[tuple[RenderedTable, ...], TruncationFault | None]:
    """Render primary tables up to the request's limits."""
    rendered: list[RenderedTable] = []
    fault: TruncationFault | None = None
    records, size = truncation.records, truncation.size
    for table in tables:
        if records is not None and len(table) > records:
            table = _head(table, records)
            fault = TruncationFault(
                f"The results of this query exceed the set limit of {truncation.records} records",
                code="E_QUERY_RESULT_SET_TOO_LARGE",
            )
        rows = rows_json(table)
        if size is not None and len(rows) > size:
            table = _head(table, int(len(table) * size / len(rows)))
            rows = rows_json(table)
            fault = TruncationFault(
                f"The results of this query exceed the set limit of {truncation.size} bytes",
                code="E_QUERY_RESULT_SET_TOO_LARGE",
            )
        records = None if records is None else records - len(table)
        size = None if size is None else max(0, size - len(rows))
        rendered.append(RenderedTable(table, rows, _visualization(table)))
    return tuple(rendered), fault


def _head(table: ResultTable, count: int) -> ResultTable:
    return ResultTable(table.schema, table.arrow.slice(0, count), table.name, table.visualization)


def _visualization(table: ResultTable) -> str:
    return orjson.dumps(_NO_VISUALIZATION | table.visualization).decode()
