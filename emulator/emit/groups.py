"""`partition` and `mv-apply`: a subplan runs on all groups at once, told apart by hidden group columns.

Aggregates add them to their keys, windows partition by them, limits count per group and joins match within a group, so
that no group costs a query of its own.
"""

from dataclasses import replace

from emulator.binder.plan import ForEachGroup
from emulator.emit.context import Emission, GroupScope
from emulator.emit.relation import Relation
from emulator.emit.scalars import computed
from emulator.errors import EngineFault


def for_each_group(emission: Emission, plan: ForEachGroup, rows: Relation) -> Relation:
    """Emit a subplan over the groups of `rows`, and the concatenation of its results."""
    outer_groups, outer_carried = len(rows.groups), len(rows.carried)
    if plan.carry is None:
        rows, keys = computed(emission, emission.closed(rows), plan.keys)
        rows = replace(rows, groups=(*rows.groups, *keys), is_total=False)
    else:
        rows = emission.with_ordinal(emission.closed(rows))
        (ordinal,) = rows.order or ()
        columns = rows.by_name
        rows = replace(
            rows,
            groups=(*rows.groups, ordinal.expression),
            carried=(*rows.carried, *(columns[name] for name in plan.carry)),
            order=None,
            is_total=False,
        )
    emission.groups.append(GroupScope(rows, emission.cte(rows.select(), "g")))
    result = emission.plan(plan.subplan)
    emission.groups.pop()
    if not result.groups:
        raise EngineFault("a subplan that does not read its group", "TH0905")
    own = result.carried[outer_carried:]
    return replace(
        result,
        schema=plan.schema,
        columns=(*own, *result.columns),
        order=None,
        is_total=False,
        groups=result.groups[:outer_groups],
        carried=result.carried[:outer_carried],
    )


def group_input(emission: Emission) -> Relation:
    """Emit the rows of all groups of the innermost subplan."""
    if not emission.groups:
        raise EngineFault("rows of a group outside of a subplan", "TH0906")
    scope = emission.groups[-1]
    return emission.read(scope.rows, scope.cte)
