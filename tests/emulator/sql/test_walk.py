"""Walks over SQL trees."""

from emulator.sql.ast import Cte, Item, Parameter, Select, SubqueryRef, With
from emulator.sql.build import op
from emulator.sql.render import render
from emulator.sql.walk import with_own_parameters


def test_no_parameter_stands_in_a_statement_twice() -> None:
    now, least = Parameter("now", "TIMESTAMP"), Parameter("least", "BIGINT")
    inner = Select((Item(now, "a"), Item(op("+", least, least), "b")))
    query = With((Cte("c", inner),), Select((Item(least, "d"),), SubqueryRef(inner, "t"), limit=now))
    own, found = with_own_parameters(query)
    assert render(own) == (
        'WITH "c" AS (SELECT CAST($now AS TIMESTAMP) AS "a", '
        '(CAST($least AS BIGINT) + CAST($least_2 AS BIGINT)) AS "b") '
        'SELECT CAST($least_3 AS BIGINT) AS "d" FROM (SELECT CAST($now_2 AS TIMESTAMP) AS "a", '
        '(CAST($least_4 AS BIGINT) + CAST($least_5 AS BIGINT)) AS "b") AS "t" LIMIT CAST($now_3 AS TIMESTAMP)'
    )
    assert {name: parameter.name for name, parameter in found.items()} == {
        "least": "least",
        "least_2": "least",
        "least_3": "least",
        "least_4": "least",
        "least_5": "least",
        "now": "now",
        "now_2": "now",
        "now_3": "now",
    }
