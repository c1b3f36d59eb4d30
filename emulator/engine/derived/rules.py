"""What a materialized view's query may be: materialized-view-create.md, "Query parameter"."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TypeAlias

from emulator.binder.expression import (
    AggregateCall,
    ColumnReference,
    Constant,
    Conversion,
    CurrentTime,
    FunctionCall,
    InSubquery,
    ScalarSubquery,
    WindowCall,
)
from emulator.binder.plan import (
    Aggregate,
    Expand,
    Expansion,
    Filter,
    ForEachGroup,
    Join,
    JoinKey,
    Limit,
    MakeSeries,
    Materialized,
    OneRow,
    Plan,
    Project,
    Range,
    Scan,
    ScanMatch,
    Serialize,
    Sort,
    Stored,
    Union,
    Values,
)
from emulator.binder.sharing import Effort
from emulator.engine.derived.shape import Shape
from emulator.errors import SemanticFault

Spanned: TypeAlias = AggregateCall | CurrentTime | FunctionCall

_CODE = "BadRequest_MaterializedViewInvalidQuery"
# A row of the source must count alike beside whatever rows it comes. What is not listed here is refused.
ALLOWED: tuple[type, ...] = (
    *(Scan, Stored, Values, OneRow, Range, Filter, Project, Aggregate, Join, JoinKey, Union, Expand, Expansion),
    *(Materialized, ColumnReference, Constant, FunctionCall, AggregateCall, Conversion, ScalarSubquery, InSubquery),
)
_SHARED = (FunctionCall, Conversion, ScalarSubquery, InSubquery)
_REASONS: dict[type, str] = {
    CurrentTime: "now() and ago() are not allowed: the view would depend on when it ran",
    **dict.fromkeys((Sort, Serialize, Limit), "'sort', 'top', 'take' and 'serialize' are not allowed"),
    **dict.fromkeys(
        (ForEachGroup, MakeSeries, ScanMatch, WindowCall),
        "'partition', 'make-series', 'scan' and window functions are not allowed",
    ),
}


def check_view(name: str, plan: Plan, shape: Shape, source: str, dimension_tables: tuple[str, ...]) -> None:
    """Raise SemanticFault where a view's query breaks a rule of materialized views."""
    for call in shape.aggregate.aggregates:
        if not call.aggregate.in_views:
            raise _refused(name, f"aggregation function '{call.aggregate.name}' is not supported", call)
    sources: list[str] = []
    effort = Effort()
    for node in _nodes(plan):
        effort.spend()
        if not isinstance(node, ALLOWED):
            reason = _REASONS.get(type(node), f"{type(node).__name__} is not supported")
            raise _refused(name, reason, node if isinstance(node, CurrentTime) else None)
        match node:
            case FunctionCall(function) if not function.deterministic:
                raise _refused(name, f"'{function.name}' is not deterministic", node)
            case Scan(stored):
                sources.append(stored.name)
            case _:
                pass
    if sources.count(source) != 1:
        raise _refused(name, f"the query must reference its source '{source}' exactly once")
    for other in sources:
        if other != source and other not in dimension_tables:
            raise _refused(
                name, f"'{other}' is neither its source nor declared as a dimension table in 'dimensionTables'"
            )
    if any(_aggregates(node, source) for node in _nodes(shape.aggregate.input)):
        raise _refused(name, f"rows of its source '{source}' may be aggregated only once, by its last operator")


def _aggregates(node: object, source: str) -> bool:
    return isinstance(node, Aggregate) and any(
        isinstance(below, Scan) and below.stored.name == source for below in _nodes(node.input)
    )


def _refused(name: str, problem: str, at: Spanned | None = None) -> SemanticFault:
    fault = SemanticFault(f"Cannot create materialized view '{name}': {problem}.", _CODE)
    if at is not None:
        fault.span = at.span
    return fault


def _nodes(node: object, seen: set[int] | None = None) -> Iterator[object]:
    """Yield everything that the binder has made of a query; what several expressions share once."""
    seen = set() if seen is None else seen
    if isinstance(node, tuple):
        for each in node:
            yield from _nodes(each, seen)
    elif is_dataclass(node) and type(node).__module__.startswith("emulator.binder."):
        if isinstance(node, _SHARED):
            if id(node) in seen:
                return
            seen.add(id(node))
        yield node
        for field in fields(node):
            yield from _nodes(getattr(node, field.name), seen)
