"""`make-series`: a grid of bins per group, with arrays as typed lists."""

from emulator.binder.plan import MakeSeries
from emulator.emit.context import Emission
from emulator.emit.relation import Relation


def make_series(emission: Emission, plan: MakeSeries, rows: Relation) -> Relation:
    """Emit the arrays of every group over one grid of bins."""
    raise NotImplementedError
