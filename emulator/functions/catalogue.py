"""All rows together."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from emulator.functions.aggregates import AGGREGATES
from emulator.functions.arrays import ARRAYS
from emulator.functions.collecting import COLLECTING
from emulator.functions.conditionals import CONDITIONALS
from emulator.functions.conversions import CONVERSIONS
from emulator.functions.datetimes import DATETIME_FUNCTIONS
from emulator.functions.decomposition import DECOMPOSITION
from emulator.functions.dynamics import BAGS
from emulator.functions.encodings import ENCODINGS
from emulator.functions.formatting import FORMATTING
from emulator.functions.function import Catalogue
from emulator.functions.hashing import HASHING
from emulator.functions.math import MATH
from emulator.functions.networks import NETWORKS
from emulator.functions.operators import OPERATORS
from emulator.functions.searching import SEARCHING
from emulator.functions.series import SERIES
from emulator.functions.statistics import STATISTICS
from emulator.functions.strings import STRINGS
from emulator.functions.text_operators import TEXT_OPERATORS
from emulator.functions.windows import WINDOWS


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=_Named)


def _by_name(rows: Iterable[Row]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in rows:
        if row.name in found:
            raise ValueError(f"two rows are named {row.name}")
        found[row.name] = row
    return found


CATALOGUE = Catalogue(
    functions=_by_name(
        (
            *OPERATORS,
            *TEXT_OPERATORS,
            *CONDITIONALS,
            *CONVERSIONS,
            *MATH,
            *STRINGS,
            *SEARCHING,
            *ENCODINGS,
            *DATETIME_FUNCTIONS,
            *ARRAYS,
            *BAGS,
            *NETWORKS,
            *FORMATTING,
            *HASHING,
            *SERIES,
            *DECOMPOSITION,
        )
    ),
    aggregates=_by_name((*AGGREGATES, *STATISTICS, *COLLECTING)),
    windows=_by_name(WINDOWS),
)
