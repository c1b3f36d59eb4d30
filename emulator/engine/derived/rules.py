"""What a materialized view's query may be: materialized-view-create.md, "Query parameter"."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from emulator.binder.expression import AggregateCall, CurrentTime, FunctionCall, WindowCall
from emulator.binder.plan import ForEachGroup, Limit, MakeSeries, Plan, Scan, ScanMatch, Serialize, Sort
from emulator.engine.derived.shape import Shape
from emulator.errors import SemanticFault

ALLOWED_AGGREGATES = frozenset(
    {
        *("count", "countif", "dcount", "dcountif", "min", "max", "avg", "avgif", "sum", "sumif", "arg_max", "arg_min"),
        *("take_any", "take_anyif", "hll", "make_set", "make_list", "make_bag", "percentile", "percentiles", "tdigest"),
    }
)
_CODE = "BadRequest_MaterializedViewInvalidQuery"


def check_view(name: str, plan: Plan, shape: Shape, source: str, dimension_tables: tuple[str, ...]) -> None:
    """Raise SemanticFault where a view's query breaks a rule of materialized views."""
    for call in shape.aggregate.aggregates:
        if call.aggregate.name not in ALLOWED_AGGREGATES:
            raise _refused(name, f"aggregation function '{call.aggregate.name}' is not supported", call)
    sources: list[str] = []
    for node in _nodes(plan):
        match node:
            case CurrentTime():
                raise _refused(name, "now() and ago() are not allowed: the view would depend on when it ran", node)
            case FunctionCall(function) if not function.deterministic:
                raise _refused(name, f"'{function.name}' is not deterministic", node)
            case Sort() | Serialize() | Limit():
                raise _refused(name, "'sort', 'top', 'take' and 'serialize' are not allowed")
            case ForEachGroup() | MakeSeries() | ScanMatch() | WindowCall():
                raise _refused(name, "'partition', 'make-series', 'scan' and window functions are not allowed")
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


def _refused(name: str, problem: str, at: AggregateCall | CurrentTime | FunctionCall | None = None) -> SemanticFault:
    fault = SemanticFault(f"Cannot create materialized view '{name}': {problem}.", _CODE)
    if at is not None:
        fault.span = at.span
    return fault


def _nodes(node: object) -> Iterator[object]:
    if isinstance(node, tuple):
        for each in node:
            yield from _nodes(each)
    elif is_dataclass(node) and type(node).__module__.startswith("emulator.binder."):
        yield node
        for field in fields(node):
            yield from _nodes(getattr(node, field.name))
