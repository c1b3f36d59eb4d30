"""Marks as they travel over the Kusto wire, beside what Kusto itself says: a request header of our own, and a route.

`x-th-marks: {"<source>": [<since or null>, <until>]}` with a streaming ingestion; `GET /v1/rest/marks?name=<source>`
answers `{"position": <mark or null>}`. A real Eventhouse has no such route, by which it is told apart.
"""

import json
from collections.abc import Mapping

from emulator.engine.writing.marks import Stretch
from emulator.errors import KustoError

MARKS_HEADER = "x-th-marks"
MARKS_PATH = "/v1/rest/marks"


def write_marks(marks: Mapping[str, Stretch]) -> str:
    """Return the header's value, which is plain ASCII."""
    return json.dumps({name: [stretch.since, stretch.until] for name, stretch in marks.items()})


def read_marks(header: str | None) -> dict[str, Stretch]:
    """Read the header's value; none is sent by those who keep no marks. Raises KustoError."""
    if header is None:
        return {}
    try:
        return {name: _stretch(value) for name, value in json.loads(header).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise KustoError(
            f"The header '{MARKS_HEADER}' cannot be read: {error}",
            "TH_Mark",
            hint='it is JSON such as {"source": [null, 10]}',
        ) from error


def _stretch(value: object) -> Stretch:
    match value:
        case [None | int() as since, int() as until] if not isinstance(since, bool) and not isinstance(until, bool):
            return Stretch(since, until)
        case _:
            raise ValueError(f"{json.dumps(value)} is no stretch")
