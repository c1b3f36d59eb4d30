"""What SQL a query becomes where rows alone would not tell: rows of constants as values, cells of subqueries."""

import pytest

from tests.emulator.prices import Prices


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        (
            "union (print a = 1), (print a = 2)",
            'SELECT "t1"."c0" AS "a" FROM (VALUES (CAST(1 AS BIGINT)), (CAST(2 AS BIGINT))) AS "t1"("c0")',
        ),
        # One row by itself, and one that has a subquery, are no values.
        (
            "union (print a = 1), (print a = 2), (Days | project a = Size), (print a = 3)",
            'SELECT "t3"."a" AS "a" FROM ((SELECT "t2"."c0" AS "a" FROM (VALUES (CAST(1 AS BIGINT)), (CAST(2'
            ' AS BIGINT))) AS "t2"("c0")) UNION ALL (SELECT "t1"."Size" AS "a" FROM "Days" AS "t1") UNION ALL'
            ' (SELECT CAST(3 AS BIGINT) AS "a")) AS "t3"',
        ),
        (
            "union (print a = 1), (print a = toscalar(Days | count))",
            'WITH "$v3" AS (SELECT "t2"."Count" AS "$value" FROM (SELECT count(1) AS "Count" FROM "Days" AS "t1") AS'
            ' "t2" LIMIT 1) SELECT "t5"."a" AS "a" FROM ((SELECT CAST(1 AS BIGINT) AS "a") UNION ALL (SELECT (SELECT'
            ' "t4"."$value" AS "$value" FROM "$v3" AS "t4") AS "a")) AS "t5"',
        ),
        (
            "print n = toscalar(Days | extend Unread = Price * 2 | project Symbol, Unread)",
            'WITH "$v2" AS (SELECT "t1"."Symbol" AS "$value" FROM "Days" AS "t1" LIMIT 1) SELECT coalesce((SELECT'
            ' "t3"."$value" AS "$value" FROM "$v2" AS "t3"), \'\') AS "n"',
        ),
        (
            "Days | where Symbol in ((Minutes | extend Unread = Price * 2 | project Symbol, Unread)) | count",
            'SELECT "t3"."Count" AS "Count" FROM (SELECT count(1) AS "Count" FROM "Days" AS "t1" WHERE ("t1"."Symbol"'
            ' IN (SELECT "t2"."Symbol" AS "$value" FROM "Minutes" AS "t2" WHERE ("t2"."Symbol" IS NOT NULL)))) AS "t3"',
        ),
        # Two columns are looked through as one text.
        (
            'Days | project Symbol, Other = strcat(Symbol, "x") | where * contains "A"',
            'SELECT "t2"."Symbol" AS "Symbol", "t2"."Other" AS "Other" FROM (SELECT "t1"."Symbol" AS "Symbol",'
            ' ("t1"."Symbol" || \'x\') AS "Other" FROM "Days" AS "t1") AS "t2" WHERE'
            ' contains(lower(concat_ws(\'\n\', "t2"."Symbol", "t2"."Other")), \'a\')',
        ),
    ],
)
def test_a_query_becomes_sql(prices: Prices, text: str, sql: str) -> None:
    assert prices.sql(text).removesuffix(" LIMIT CAST($limit AS BIGINT)") == sql
