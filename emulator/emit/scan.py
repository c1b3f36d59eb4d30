"""`scan`: a state machine over serialized rows."""

from emulator.binder.plan import ScanMatch
from emulator.emit.context import Emission
from emulator.emit.relation import Relation


def scan_match(emission: Emission, plan: ScanMatch, rows: Relation) -> Relation:
    """Emit the state machine."""
    raise NotImplementedError
