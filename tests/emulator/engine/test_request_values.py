"""Values that a request computes from its parameters, lets and subqueries: exact in every type, and once."""

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from emulator.context import ParameterValue, RequestProperties
from emulator.engine.running.execute import execute
from emulator.engine.session.workload import Workload
from emulator.errors import LimitFault, SemanticFault
from tests.emulator.prices import NOON, Prices

EXACT: list[tuple[str, ParameterValue, object]] = [
    ("bool", True, True),
    ("bool", None, None),
    ("int", -(2**31), -(2**31)),
    ("int", None, None),
    ("long", 2**63 - 1, 2**63 - 1),
    ("long", None, None),
    ("real", 0.1, 0.1),
    ("real", "real(-inf)", -math.inf),
    ("real", 5e-324, 5e-324),
    ("real", None, None),
    ("decimal", "decimal(12345678901234567890.12345678901234567)", Decimal("12345678901234567890.12345678901234567")),
    ("decimal", None, None),
    ("string", 'it\'s "q"\0 ü\U0001f600', 'it\'s "q"\0 ü\U0001f600'),
    ("string", "", ""),
    ("datetime", "datetime(2026-01-02T03:04:05.678901Z)", datetime(2026, 1, 2, 3, 4, 5, 678901)),  # noqa: DTZ001 - naive UTC
    ("datetime", datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1)),  # noqa: DTZ001 - naive UTC
    ("datetime", None, None),
    ("timespan", "-1.02:03:04.5678901", -937_845_678_901),
    ("timespan", None, None),
    ("guid", "74be27de-1e4e-49d9-b579-fe0b331d3642", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
    ("guid", None, None),
    ("dynamic", 'dynamic({"a": [1, null, "x"]})', '{"a":[1,null,"x"]}'),
    ("dynamic", None, None),
]


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


@pytest.mark.parametrize(("type_", "sent", "expected"), EXACT)
def test_a_value_passes_exactly(prices: Prices, type_: str, sent: ParameterValue, expected: object) -> None:
    query = f"declare query_parameters(p: {type_}); let v = toscalar(print v = p); Days | take 1 | project v"
    assert prices.rows(query, p=sent) == [(expected,)]


def test_a_value_is_computed_once(prices: Prices) -> None:
    text = "let r = toscalar(print rand()); Days | extend a = r, b = r | summarize dcount(a), countif(a == b)"
    assert prices.rows(text) == [(1, 10)]


@pytest.mark.parametrize("call", ["rand()", "new_guid()"])
def test_what_differs_from_row_to_row_stays_there(prices: Prices, call: str) -> None:
    assert prices.rows(f"Days | extend a = {call} | summarize dcount(a)") == [(10,)]


def test_subqueries_may_need_each_other(prices: Prices) -> None:
    text = (
        "let top = toscalar(Days | summarize max(Size));"
        "let next = toscalar(range n from 1 to 100 step 1 | where n > top | summarize min(n));"
        "Days | where Size < next - top | project Size, next, top"
    )
    assert prices.rows(text) == [(0, 10, 9)]


@pytest.mark.slow
def test_a_request_sees_its_own_parameters_moment_and_rows() -> None:
    prices = Prices()
    query = prices.compiled(
        "declare query_parameters(least: string, factor: real = 1.0);"
        "let size = toint(least) * 2; let isNegative = 1 / factor < 0; let day = startofday(now());"
        "let known = toscalar(Days | count);"
        "Days | where Size >= size | summarize Rows = count() by IsNegative = isNegative, Day = day, Known = known"
    )
    today = NOON.replace(hour=0)
    assert prices.rows(query, least="4") == [(False, today, 10, 2)]
    assert prices.rows(query, least="4") == [(False, today, 10, 2)]
    assert prices.rows(query, least="3") == [(False, today, 10, 4)]
    assert prices.rows(query, least="3", factor=0.0) == [(False, today, 10, 4)]
    assert prices.rows(query, least="3", factor=-0.0) == [(True, today, 10, 4)]
    prices.connection.execute('INSERT INTO "Days" SELECT * FROM "Days" LIMIT 1')
    assert prices.rows(query, least="4")[0][2] == 11


def test_results_of_one_request_see_the_same_rows() -> None:
    prices = Prices()
    writer = prices.connection.cursor()
    query = prices.compiled("Days | count; Days | count")

    @contextmanager
    def meanwhile(_: Workload) -> Iterator[None]:
        """Another connection commits a row after each statement."""
        yield
        writer.execute('INSERT INTO "Days" SELECT * FROM "Days" LIMIT 1')

    found = execute(query, prices.connection, now=NOON, fit=meanwhile)
    assert [list(each.rows()) for each in found] == [[(10,)], [(10,)]]
    assert prices.rows("Days | count") == [(12,)]


def test_a_value_that_cannot_be_computed_fails_only_where_it_is_read(prices: Prices) -> None:
    let = "let most = toscalar(print n = 9223372036854775807); let beyond = most + 1;"
    assert prices.rows(f"{let} Days | where Size > 100 | extend n = Size + beyond") == []
    with pytest.raises(SemanticFault, match="cannot be computed"):
        prices.rows(f"{let} Days | where Size > 1 | extend n = Size + beyond")
    assert prices.rows("Days | count") == [(10,)]


@pytest.mark.slow
def test_a_value_that_takes_too_long_is_ended(prices: Prices) -> None:
    numbers = "range x from 1 to 300000 step 1 | extend k = 1"
    text = (
        f"let t = toscalar({numbers} | join kind=inner ({numbers}) on k"
        " | summarize sum(x * x1)); Days | where Size < t | count"
    )
    with pytest.raises(LimitFault, match="timeout"):
        execute(prices.compiled(text), prices.connection, RequestProperties(options={"servertimeout": "200ms"}))
    assert prices.rows("Days | count") == [(10,)]


def test_rows_kept_for_several_readers_are_computed_once(prices: Prices) -> None:
    text = (
        "let days = materialize(Days | extend r = rand());"
        "let most = toscalar(days | summarize max(r));"
        "days | where r == most | count"
    )
    assert prices.rows(text) == [(1,)]


BARS = (
    "declare query_parameters(interval: timespan, since: datetime = datetime(null), until: datetime = datetime(null));"
    "let start = coalesce(since, datetime(2026-01-01)); let stop = coalesce(until, now());"
    "union (Days | where interval >= 1d), (Minutes | where interval < 1d)"
    "| where Timestamp >= start and Timestamp < stop and stop - start > 0s"
)


def test_a_range_without_values_has_no_rows(prices: Prices) -> None:
    assert prices.rows(BARS, interval="1d", since="datetime(2026-01-03)", until="datetime(2026-01-02)") == []
    assert prices.rows(BARS, interval="1d", since="datetime(2026-01-03)", until="datetime(2026-01-03)") == []
    day = "Days | where Timestamp >= datetime(2026-01-02) and Timestamp < datetime(2026-01-03)"
    found = prices.rows(BARS, interval="1d", since="datetime(2026-01-02)", until="datetime(2026-01-03)")
    assert len(found) == 1
    assert found == prices.rows(day)


FLAGS = "declare query_parameters(a: bool, b: bool, x: long);"
BODIES = [
    "Days | where a and Size > 3 | count",
    "Days | where a or Size > 3 | count",
    "Days | where not(a) or (b and Size > x) | count",
    "Days | where a == b | count",
    "Days | where (a and b) or Size == x | count",
    "Days | extend v = iff(a, 1, 2), w = case(a, 'a', Size > 5, 'b', b, 'c', 'd'), n = not(a), o = a or b, m = a and b",
    "Days | extend v = case(Size > 5, 1, a, 2, 3), w = iff(Size > x, a, b) | summarize count() by v, w",
    "union (Days | where a), (Minutes | where b) | summarize count()",
    "union withsource=t (Days | where a | take 1), (Minutes | where b | take 1) | project t",
    "Days | where a | summarize count(), max(Price)",
    "Days | where a | summarize count() by Symbol | sort by Symbol asc",
    "Days | where a | top 2 by Size | extend n = row_number(), p = prev(Size)",
    "Days | where a | sort by Size asc | extend s = row_cumsum(Size) | where b | project s",
    "Days | where a | make-series n = count() on Timestamp from datetime(2026-01-01) to datetime(2026-01-04) step 1d",
    "Days | where Symbol in ((Minutes | where a | project Symbol)) | count",
    "Days | where Size > toscalar(Minutes | where a | summarize max(Size)) - 3 | count",
    "Days | where a | mv-expand n = range(1, Size) to typeof(long) | summarize sum(n)",
    "Days | partition by Symbol (where a | summarize n = count() | extend v = iff(b, n, 0))",
    *(
        f"Days | where a | join kind={kind} (Minutes | where b | take 5) on Symbol | summarize count()"
        for kind in ("inner", "leftouter", "rightouter", "fullouter", "leftanti", "rightanti", "leftsemi", "rightsemi")
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES)
def test_rows_do_not_depend_on_what_is_known(prices: Prices, body: str) -> None:
    query = prices.compiled(FLAGS + body)
    for a, b, x in itertools.product((True, False, None), (True, False, None), (4, None)):
        # Behind a column the flags are known to nobody.
        hidden = "Days | take 1 | project a = {a}, b = {b}, x = {x}"
        literals = {"a": f"bool({a})".lower(), "b": f"bool({b})".lower(), "x": f"long({x})".lower()}
        values = {name: literal.replace("none", "null") for name, literal in literals.items()}
        unknown = "".join(
            f"let {name} = toscalar({hidden.format(**values)} | project {name});" for name in ("a", "b", "x")
        )
        assert sorted(map(repr, prices.rows(query, a=a, b=b, x=x))) == sorted(map(repr, prices.rows(unknown + body)))
