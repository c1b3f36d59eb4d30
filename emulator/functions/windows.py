"""Functions of serialized rows: neighbors, numbers, running sums and ranks."""

from emulator.functions.function import Parameter, WindowFunction, WindowOperands, WindowSignature
from emulator.functions.physical import as_type, duckdb_type, null_of
from emulator.functions.shorthand import BOOLS, NUMBERS, TIMESPANS, WHOLE, first_type, param
from emulator.sql.ast import Call, OrderBy, Sql, Window
from emulator.sql.build import FALSE, call, case, cast, coalesce, lit, op
from emulator.types import LONG, KqlType

_UP_TO_HERE = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


def _over(window: WindowOperands, function: Sql, frame: str = "") -> Sql:
    return Window(function, window.partition_by, (OrderBy(window.ordinal),), frame)


def _neighbor(function: str, name: str, sign: str) -> WindowFunction:
    def emit(window: WindowOperands) -> Sql:
        value, *rest = window.operands
        offset = cast(rest[0].sql, "BIGINT") if rest else lit(1)
        fallback = as_type(rest[1], value.type) if len(rest) > 1 else null_of(value.type)
        return _over(window, call(function, value.sql, offset, fallback))

    parameters = (param("column"), param("offset", WHOLE, optional=True), param("default_value", optional=True))
    return WindowFunction(
        name,
        f"The value of a column some rows {'before' if function == 'lag' else 'after'} this one.",
        (WindowSignature(parameters, first_type, emit),),
        example=(
            f"range x from 1 to 2 step 1 | project y = {name}(x, 1, {sign})",
            f"{sign}\n1" if function == "lag" else f"2\n{sign}",
        ),
    )


def _restarts(window: WindowOperands, position: int) -> Sql | None:
    if len(window.operands) <= position:
        return None
    begins = coalesce(window.operands[position].sql, FALSE)
    return _over(window, Call("count", (lit(1),), filter=begins), _UP_TO_HERE)


def _within_restarts(window: WindowOperands, position: int) -> WindowOperands:
    run = _restarts(window, position)
    if run is None:
        return window
    return WindowOperands(window.operands, (*window.partition_by, run), window.ordinal)


def _row_number(window: WindowOperands) -> Sql:
    counted = _over(_within_restarts(window, 1), call("row_number"))
    if not window.operands:
        return counted
    return op("+", counted, op("-", cast(window.operands[0].sql, "BIGINT"), lit(1)))


def _row_cumsum(window: WindowOperands) -> Sql:
    term = window.operands[0]
    total = coalesce(_over(_within_restarts(window, 1), call("sum", term.sql), _UP_TO_HERE), lit(0))
    return cast(total, duckdb_type(term.type))


def _changed(window: WindowOperands) -> Sql:
    term = window.operands[0].sql
    before = _over(window, call("lag", term))
    first = op("=", _over(window, call("row_number")), lit(1))
    return op("OR", op("IS DISTINCT FROM", term, before), first)


def _row_rank_dense(window: WindowOperands) -> Sql:
    window = _within_restarts(window, 1)
    return _over(window, Call("count", (lit(1),), filter=_changed(window)), _UP_TO_HERE)


def _row_rank_min(window: WindowOperands) -> Sql:
    window = _within_restarts(window, 1)
    number = _over(window, call("row_number"))
    return _over(window, call("max", case((_changed(window), number))), _UP_TO_HERE)


def _cumsum_type(types: tuple[KqlType, ...]) -> KqlType:
    return types[0]


_RESTART = param("restart", BOOLS, optional=True)
_TERM: tuple[Parameter, ...] = (param("term"), _RESTART)

WINDOWS: tuple[WindowFunction, ...] = (
    _neighbor("lag", "prev", "0"),
    _neighbor("lead", "next", "0"),
    WindowFunction(
        "row_number",
        "The number of the row, from a start index, beginning anew where a condition is true.",
        (WindowSignature((param("StartingIndex", WHOLE, optional=True), _RESTART), LONG, _row_number),),
        example=("range x from 5 to 6 step 1 | project n = row_number()", "1\n2"),
    ),
    WindowFunction(
        "row_cumsum",
        "The sum of the column up to this row, beginning anew where a condition is true.",
        (WindowSignature((param("term", NUMBERS | TIMESPANS), _RESTART), _cumsum_type, _row_cumsum),),
        example=("range x from 1 to 3 step 1 | project s = row_cumsum(x)", "1\n3\n6"),
    ),
    WindowFunction(
        "row_rank_dense",
        "How many different values the column has shown up to this row.",
        (WindowSignature(_TERM, LONG, _row_rank_dense),),
        example=("datatable(x:long)[5, 5, 7] | serialize r = row_rank_dense(x) | project r", "1\n1\n2"),
    ),
    WindowFunction(
        "row_rank_min",
        "The number of the first row that shows this row's value.",
        (WindowSignature(_TERM, LONG, _row_rank_min),),
        example=("datatable(x:long)[5, 5, 7] | serialize r = row_rank_min(x) | project r", "1\n1\n3"),
    ),
)
