"""Conditions that are known before the rows are read: legs, joins and columns that nobody needs are not planned."""

import itertools

import pytest

from tests.emulator.optimize.prices import Prices

BARS = (
    "declare query_parameters(interval: timespan, since: datetime = datetime(null), until: datetime = datetime(null));"
    "let start = coalesce(since, datetime(2026-01-01)); let stop = coalesce(until, now());"
    "union (Days | where interval >= 1d), (Minutes | where interval < 1d)"
    "| where Timestamp >= start and Timestamp < stop and stop - start > 0s"
)


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


def test_a_leg_whose_condition_is_false_is_left_out(prices: Prices) -> None:
    days, minutes = (prices.planned(BARS, interval=interval).sql for interval in ("1d", "1m"))
    assert '"Days"' in days
    assert '"Minutes"' not in days
    assert '"Days"' not in minutes
    assert '"Minutes"' in minutes


def test_a_range_without_values_reads_nothing(prices: Prices) -> None:
    empty = prices.planned(BARS, interval="1d", since="datetime(2026-01-03)", until="datetime(2026-01-02)").sql
    assert '"Days"' not in empty
    assert prices.rows(BARS, interval="1d", since="datetime(2026-01-03)", until="datetime(2026-01-02)") == []
    assert prices.rows(BARS, interval="1d", since="datetime(2026-01-03)", until="datetime(2026-01-03)") == []
    assert len(prices.rows(BARS, interval="1d", since="datetime(2026-01-02)", until="datetime(2026-01-03)")) == 1


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


def test_constants_decide_at_once(prices: Prices) -> None:
    sql = prices.planned(
        "let f = (interval: timespan, symbol: string) {"
        " union (Days | where interval >= 1d), (Minutes | where interval < 1d)"
        " | where isempty(symbol) or Symbol == symbol | extend v = iff(1h + 1h == 2h, Price, 0.0) };"
        " f(1d, '')"
    ).sql
    assert '"Minutes"' not in sql
    assert "CASE" not in sql
    assert "WHERE" not in sql
