"""Values that a request needs once: computed once, on the snapshot of the rows, and exact in every type."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest

from emulator.binder.expression import Constant
from emulator.context import ParameterValue
from emulator.engine.running.execute import compile_query, execute
from emulator.engine.running.prelude import Prelude, PreparedStep
from emulator.engine.running.prepared import Run
from emulator.errors import LimitFault, SemanticFault
from emulator.optimize import invariants
from emulator.optimize.invariants import Invariant
from emulator.text import NOWHERE
from emulator.types import LONG
from tests.emulator import test_cases as operators
from tests.emulator.optimize.prices import NOON, Prices

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
    query = prices.compiled(
        f"declare query_parameters(p: {type_}); let v = toscalar(print v = p); Days | take 1 | project v"
    )
    assert len(query.prelude.steps) == 1
    assert prices.rows(query, p=sent) == [(expected,)]


@pytest.mark.parametrize("case", operators.read_cases(), ids=str)
def test_rows_are_the_same_however_little_is_computed_first(
    case: operators.Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "_WORTHWHILE", 1)
    operators.assert_answer(case, operators.answer_of(case, operators.load_tables(case.path)))


@pytest.mark.parametrize("case", operators.read_cases(), ids=str)
def test_rows_are_the_same_where_nothing_can_be_computed_first(case: operators.Case) -> None:
    class Failing(Prelude):
        """Every value of the request is out of reach."""

        def run(
            self,
            steps: Sequence[PreparedStep],
            cursor: duckdb.DuckDBPyConnection,
            values: dict[str, object],
            run: Run,
        ) -> Invariant | None:
            return Invariant("$0", Constant(None, LONG, NOWHERE), NOWHERE)

    if case.answer.startswith(operators.FAULT):
        return
    tables = operators.load_tables(case.path)
    query = compile_query(case.query, tables, tables)
    ordered = "-- rows in order --" in case.answer
    (general,) = execute(replace(query, prelude=Failing((), tables)), tables.connection, now=operators.NOW)
    (found,) = execute(query, tables.connection, now=operators.NOW)
    one, other = list(map(repr, general.rows())), list(map(repr, found.rows()))
    assert one == other if ordered else sorted(one) == sorted(other)


def test_a_value_is_computed_once(prices: Prices) -> None:
    text = "let r = toscalar(print rand()); Days | extend a = r, b = r | summarize dcount(a), countif(a == b)"
    assert prices.rows(text) == [(1, 10)]


def test_results_of_one_request_see_one_value(prices: Prices) -> None:
    first, second = prices.compiled("let r = toscalar(print rand()); print r; print r").results
    values: dict[str, object] = {"$0": 0.5, "$now": None, "$limit": 1}
    for result in (first, second):
        assert [given.value for given in result.statements.of(values).parameters.values()] == ["$0"]


@pytest.mark.parametrize("call", ["rand()", "new_guid()"])
def test_what_differs_from_row_to_row_stays_there(prices: Prices, call: str) -> None:
    assert prices.rows(f"Days | extend a = {call} | summarize dcount(a)") == [(10,)]


def test_subqueries_that_need_each_other_run_in_steps(prices: Prices) -> None:
    text = (
        "let top = toscalar(Days | summarize max(Size));"
        "let next = toscalar(range n from 1 to 100 step 1 | where n > top | summarize min(n));"
        "Days | where Size < next - top | project Size, next, top"
    )
    assert prices.rows(text) == [(0, 10, 9)]
    assert len(prices.planned(text).prelude) == 2


def test_the_rows_are_those_that_the_values_were_computed_from(prices: Prices) -> None:
    writer = prices.connection.cursor()
    writer.execute('CREATE TABLE "Growing" AS SELECT * FROM "Days"')

    class Interrupted(Prelude):
        """Another connection commits a row as soon as the values are known."""

        def run(
            self,
            steps: Sequence[PreparedStep],
            cursor: duckdb.DuckDBPyConnection,
            values: dict[str, object],
            run: Run,
        ) -> Invariant | None:
            failed = Prelude(self.steps, self.storage).run(steps, cursor, values, run)
            writer.execute('INSERT INTO "Growing" SELECT * FROM "Days" LIMIT 1')
            return failed

    class Growing(Prices):
        def table_names(self) -> tuple[str, ...]:
            return ("Growing",)

    growing = Growing.__new__(Growing)
    growing.connection = prices.connection
    query = growing.compiled(
        "let n = toscalar(Growing | count); Growing | summarize Rows = count(), Known = take_any(n)"
    )
    between = replace(query, prelude=Interrupted(query.prelude.steps, growing))
    assert growing.rows(between) == [(10, 10)]
    assert growing.rows(query) == [(11, 11)]


def test_what_depends_on_parameters_alone_is_computed_once() -> None:
    prices = Prices()
    query = prices.compiled(
        "declare query_parameters(least: string, factor: real = 1.0);"
        "let size = toint(least) * 2; let isNegative = 1 / factor < 0; let day = startofday(now());"
        "let known = toscalar(Days | count);"
        "Days | where Size >= size | summarize Rows = count() by IsNegative = isNegative, Day = day, Known = known"
    )
    timeless, others = query.prelude.steps
    assert {given.value for given in timeless.prepared.parameters.values()} == {"least", "factor"}
    today = NOON.replace(hour=0)
    assert prices.rows(query, least="4") == [(False, today, 10, 2)]
    assert query.prelude.recall({"least": "4", "factor": 1.0}) == (others,)
    assert prices.rows(query, least="4") == [(False, today, 10, 2)]
    assert prices.rows(query, least="3") == [(False, today, 10, 4)]
    assert prices.rows(query, least="3", factor=0.0) == [(False, today, 10, 4)]
    assert prices.rows(query, least="3", factor=-0.0) == [(True, today, 10, 4)]
    prices.connection.execute('INSERT INTO "Days" SELECT * FROM "Days" LIMIT 1')
    assert prices.rows(query, least="4")[0][2] == 11


def test_little_is_remembered(prices: Prices) -> None:
    query = prices.compiled(
        "declare query_parameters(p: string);"
        "let n = 10 + strlen(trim(' ', replace_string(strcat(p, tolower(p)), 'a', reverse(toupper(p)))));"
        "Days | where Size < n | extend Known = n | count"
    )
    (step,) = query.prelude.steps
    long = "x" * 5_000
    assert prices.rows(query, p=long) == [(10,)]
    assert query.prelude.recall({"p": long}) == (step,)
    for number in range(100):
        prices.rows(query, p=str(number))
    assert query.prelude.recall({"p": "99"}) == ()
    assert query.prelude.recall({"p": "0"}) == (step,)


def test_a_value_that_cannot_be_computed_fails_only_where_it_is_read(prices: Prices) -> None:
    let = "let most = toscalar(print n = 9223372036854775807); let beyond = most + 1;"
    assert prices.rows(f"{let} Days | where Size > 100 | extend n = Size + beyond") == []
    with pytest.raises(SemanticFault, match="cannot be computed") as raised:
        prices.rows(f"{let} Days | where Size > 1 | extend n = Size + beyond")
    assert let[raised.value.span.start : raised.value.span.end] == "most + 1"
    assert prices.rows("Days | count") == [(10,)]


def test_a_value_that_takes_too_long_is_ended(prices: Prices) -> None:
    numbers = "range x from 1 to 300000 step 1 | extend k = 1"
    text = (
        f"set servertimeout = 200ms; let t = toscalar({numbers} | join kind=inner ({numbers}) on k"
        " | summarize sum(x * x1)); Days | where Size < t | count"
    )
    with pytest.raises(LimitFault, match="timeout"):
        prices.rows(text)
    assert prices.rows("Days | count") == [(10,)]


def test_one_cheap_condition_takes_no_statement_of_its_own(prices: Prices) -> None:
    planned = prices.planned("Days | where Timestamp > ago(1d) | count")
    assert planned.prelude == ()
    assert "$now" in planned.sql


def test_a_let_is_written_once(prices: Prices) -> None:
    planned = prices.planned(
        "declare query_parameters(since: datetime);"
        "let start = startofday(coalesce(since, now() - 7d)) + 5h;"
        "Days | where Timestamp >= start | extend Age = Timestamp - start, IsFirst = Timestamp == start",
        since=None,
    )
    (prelude,) = planned.prelude
    assert prelude.count("date_trunc") == 1
    assert "date_trunc" not in planned.sql


def test_rows_kept_for_several_readers_are_not_computed_apart(prices: Prices) -> None:
    text = (
        "let days = materialize(Days | extend r = rand());"
        "let most = toscalar(days | summarize max(r));"
        "days | where r == most | count"
    )
    assert prices.rows(text) == [(1,)]
