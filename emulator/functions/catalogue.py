"""All rows together."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from emulator.functions.aggregates.basic import AGGREGATES
from emulator.functions.aggregates.collecting import COLLECTING
from emulator.functions.aggregates.statistics import STATISTICS
from emulator.functions.function import Catalogue
from emulator.functions.scalars.arrays import ARRAYS
from emulator.functions.scalars.conditionals import CONDITIONALS
from emulator.functions.scalars.conversions import CONVERSIONS
from emulator.functions.scalars.datetimes import DATETIME_FUNCTIONS
from emulator.functions.scalars.dynamics import BAGS
from emulator.functions.scalars.encodings import ENCODINGS
from emulator.functions.scalars.formatting import FORMATTING
from emulator.functions.scalars.hashing import HASHING
from emulator.functions.scalars.math import MATH
from emulator.functions.scalars.networks import NETWORKS
from emulator.functions.scalars.operators import OPERATORS
from emulator.functions.scalars.searching import SEARCHING
from emulator.functions.scalars.strings import STRINGS
from emulator.functions.scalars.text_operators import TEXT_OPERATORS
from emulator.functions.series.decomposition import DECOMPOSITION
from emulator.functions.series.elements import SERIES
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
