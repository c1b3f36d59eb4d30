"""The market database where a command needs it: deployed when it is missing."""

from emulator.schema.subjects import Kind
from kql.client import Eventhouse
from kql.deploy import deploy
from kql.loader import load_database

_SHOWN = {
    Kind.TABLE: ".show tables | project TableName",
    Kind.VIEW: ".show materialized-views | project Name",
    Kind.FUNCTION: ".show functions | project Name",
}


async def require_market(eventhouse: Eventhouse) -> None:
    """Deploy the market database where it is missing, or was cut off on the way; any other is left as it is.

    A deployment runs in order: what one leaves that was cut off are the first of its entities, without a gap. Whoever
    made some of them on purpose, such as the landing tables alone, has others of them before those missing.
    """
    standard = load_database()
    found = {kind: await _names(eventhouse, kind) for kind in _SHOWN}
    is_there = [each.name in found[each.kind] for each in standard.statements if each.kind in found]
    is_cut_off = not is_there[-1] and not any(is_there[is_there.index(False) :])
    if is_cut_off:
        await deploy(eventhouse, standard)


async def _names(eventhouse: Eventhouse, kind: Kind) -> set[str]:
    return {str(row[0]) for row in (await eventhouse.command(_SHOWN[kind])).rows()}
