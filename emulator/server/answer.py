"""A finished query on its way to a client: rendered rows, and the fault that cut them short."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from emulator.result import ResultTable, TruncationFault
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


def render(tables: Sequence[ResultTable]) -> tuple[RenderedTable, ...]:
    """Render primary tables."""
    return tuple(RenderedTable(table, rows_json(table), _visualization(table)) for table in tables)


def _visualization(table: ResultTable) -> str:
    return orjson.dumps(_NO_VISUALIZATION | table.visualization).decode()
