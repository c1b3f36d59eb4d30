"""A registry of two routes on a database of few functions: all it says, and all that can be wrong with it."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from emulator.types import DATETIME, LONG, REAL, STRING, Column, Schema
from kql.contracts import FunctionContract, FunctionParameter
from kql.errors import DefinitionError
from kql.loader import MarketDatabase, load_database
from kql.registry import ApiTexts, Endpoint, EndpointParameter, Registry, SourceColumn, load_registry
from tests.casefiles import PAYLOAD, Case, cases_in
from tests.conftest import CheckCase

CASES = cases_in("registry")

FILES = {
    "Prices": ".create-merge table Prices (Symbol: string, Timestamp: datetime, Range: real, Source: string)",
    "Spread_v1": (
        '.create-or-alter function with (docstring = "D.") Spread_v1(symbol: string, days: long = 5) '
        "{ Prices | where Symbol == symbol | top days by Timestamp | project Symbol, Timestamp, Range }"
    ),
    "Summary_v1": (
        '.create-or-alter function with (docstring = "S.") '
        'Summary_v1(mode: string = "all", asOf: datetime = datetime(null), startTime: datetime = datetime(null)) '
        "{ Prices | where Timestamp between (startTime .. asOf) and Symbol != mode | project Symbol, Source }"
    ),
    "Typed_v1": (
        ".create-or-alter function Typed_v1(small: int = 1, ratio: real = 1.0, step: timespan = 1h, flag: bool = true, "
        "id: guid = guid(null), day: datetime = datetime(null), end: datetime = datetime(null), "
        "at: datetime = datetime(null)) { print small, ratio, step, flag, id, day, end, at }"
    ),
    "Dated_v1": ".create-or-alter function Dated_v1(day: datetime, at: datetime) { print day, at }",
    "Odd_v1": ".create-or-alter function Odd_v1(['a b']: long = 1) { print ['a b'] }",
    "Table_v1": ".create-or-alter function Table_v1(T: (a: long)) { T }",
    "Dynamic_v1": ".create-or-alter function Dynamic_v1(d: dynamic) { print d }",
    "Decimal_v1": ".create-or-alter function Decimal_v1(d: decimal) { print d }",
    "Every": ".create-or-alter function Every() { Prices | project Range }",
    "Every_v1": '.create-or-alter function with (docstring = "E.") Every_v1() { Prices | project Range }',
}
HEAD = """
[api]
title = " A "
summary = "B."
description = "C."
[source]
column = "Source"
separator = "+"
description = "D."
[parameter.symbol]
symbol = true
example = "AAPL"
[parameter.mode]
list = true
allowed = ["all", "one"]
example = "one"
[parameter.days]
minimum = 1
maximum = 9
example = 2
[parameter.startTime]
name = "from"
before = "asOf"
[parameter.asOf]
moment = true
[example]
Symbol = "AAPL"
Source = "yahoo"
"""
SPREAD = """
[[endpoint]]
route = "/v1/spreads/{symbol}"
function = "Spread_v1"
"""
SUMMARY = """
[[endpoint]]
route = "/v1/summary"
function = "Summary_v1"
tags = ["a", "b"]
max_age = 30
deprecated = "Use another."
"""


@cache
def database() -> MarketDatabase:
    with TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / f"{name}.kql").write_text(text + "\n", encoding="utf-8")
        return load_database(Path(folder))


def registry(folder: Path, text: str) -> Registry:
    file = folder / "registry.toml"
    file.write_text(text, encoding="utf-8")
    return load_registry(file, database())


def test_all_that_a_registry_says(tmp_path: Path) -> None:
    own = '[endpoint.parameter.days]\nname = "count"\nmaximum = 7\n[endpoint.example]\nRange = 7.5\nSymbol = "MSFT"\n'
    made = registry(tmp_path, HEAD + SPREAD + own + SUMMARY)
    spread = FunctionContract(
        "Spread_v1",
        "D.",
        (FunctionParameter("symbol", STRING, None, None, ""), FunctionParameter("days", LONG, "5", 5, "")),
        Schema((Column("Symbol", STRING), Column("Timestamp", DATETIME), Column("Range", REAL))),
    )
    summary = FunctionContract(
        "Summary_v1",
        "S.",
        (
            FunctionParameter("mode", STRING, '"all"', "all", ""),
            FunctionParameter("asOf", DATETIME, "datetime(null)", None, ""),
            FunctionParameter("startTime", DATETIME, "datetime(null)", None, ""),
        ),
        Schema((Column("Symbol", STRING), Column("Source", STRING))),
    )
    source = SourceColumn("Source", "+", "D.", "yahoo")
    spreads = Endpoint(
        "/v1/spreads/{symbol}",
        spread,
        (
            EndpointParameter("symbol", "symbol", "path", STRING, True, None, "", example="AAPL", is_symbol=True),
            EndpointParameter("count", "days", "query", LONG, False, 5, "", minimum=1, maximum=7, example=2),
        ),
        examples={"Symbol": "MSFT", "Range": 7.5},
        source=source,
    )
    summaries = Endpoint(
        "/v1/summary",
        summary,
        (
            EndpointParameter(
                "mode", "mode", "query", STRING, False, "all", "", ("all", "one"), example="one", is_list=True
            ),
            EndpointParameter("as_of", "asOf", "query", DATETIME, False, None, "", is_moment=True),
            EndpointParameter("from", "startTime", "query", DATETIME, False, None, "", before="as_of"),
        ),
        ("a", "b"),
        30,
        "Use another.",
        {"Symbol": "AAPL", "Source": "yahoo"},
        source,
    )
    assert made == Registry((spreads, summaries), ApiTexts("A", "B.", "C."))
    assert [made.find(route) for route in ("/v1/summary", "/v1")] == [made.endpoints[1], None]
    first, second = made.endpoints
    assert [first.parameter("count"), first.parameter("days")] == [first.parameters[1], None]
    assert [first.moment, second.moment] == [None, second.parameters[1]]
    assert [first.query_text, second.query_text] == [
        "declare query_parameters(symbol: string, days: long = 5);\nSpread_v1(symbol, days)",
        'declare query_parameters(mode: string = "all", asOf: datetime = datetime(null), '
        "startTime: datetime = datetime(null));\nSummary_v1(mode, asOf, startTime)",
    ]


def test_the_least_that_a_registry_says(tmp_path: Path) -> None:
    made = registry(tmp_path, '[[endpoint]]\nroute = "/v1/all"\nfunction = "Every_v1"\n')
    every = FunctionContract("Every_v1", "E.", (), Schema((Column("Range", REAL),)))
    assert made == Registry((Endpoint("/v1/all", every, ()),))
    assert made.endpoints[0].query_text == "Every_v1()"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_mistake_is_told_at_its_line(tmp_path: Path, case: Case, check_case: CheckCase) -> None:
    for position, step in enumerate(case.steps):
        before = SPREAD + SUMMARY if step.kind == PAYLOAD else ""
        with pytest.raises(DefinitionError) as caught:
            registry(tmp_path, f"{before}{step.text}\n{HEAD if before else ''}")
        fault = caught.value
        line = "none" if fault.line is None else fault.line - before.count("\n")
        assert fault.file == tmp_path / "registry.toml"
        check_case(case, " | ".join(filter(None, [str(line), fault.message, fault.hint])), position)


def test_limits_may_be_met_and_may_be_one_number(tmp_path: Path) -> None:
    own = 'minimum = 5\nmaximum = 5\nexample = 5\n[endpoint.parameter.symbol]\nallowed = ["A"]\nexample = "A"\n'
    made = registry(tmp_path, f"{HEAD}{SUMMARY}{SPREAD}[endpoint.parameter.days]\n{own}")
    symbol, days = made.endpoints[1].parameters
    assert (symbol.allowed, days.minimum, days.maximum, days.default, days.example) == (("A",), 5, 5, 5, 5)


@pytest.mark.parametrize(
    ("text", "line"), [('[api]\ntitle = "A"."\n', 2), ("[api]\ntitle = [1,\n", None)], ids=["amid", "at its end"]
)
def test_what_is_no_toml_has_the_line_of_its_fault(tmp_path: Path, text: str, line: int | None) -> None:
    with pytest.raises(DefinitionError, match="not valid TOML") as caught:
        registry(tmp_path, text)
    assert (caught.value.line, caught.value.hint) == (line, "strings stand in double quotes")


def test_what_is_more_special_stands_before_what_is_less(tmp_path: Path) -> None:
    today = '[[endpoint]]\nroute = "/v1/spreads/today"\nfunction = "Every_v1"\nmax_age = 31536000\n'
    made = registry(tmp_path, f'{HEAD}{SUMMARY}{today}{SPREAD}[endpoint.parameter.days]\nname = "no-of.days_1"\n')
    assert [each.route for each in made.endpoints] == ["/v1/summary", "/v1/spreads/today", "/v1/spreads/{symbol}"]
    assert [each.name for each in made.endpoints[2].parameters] == ["symbol", "no-of.days_1"]


def test_examples_and_limits_of_each_type(tmp_path: Path) -> None:
    own = (
        "[endpoint.parameter.small]\nminimum = -2147483648\nmaximum = 2147483647\nexample = 2147483647\n"
        "[endpoint.parameter.ratio]\nminimum = 1\nmaximum = 2.5\nexample = 2\n"
        '[endpoint.parameter.step]\nallowed = ["1h", "1.5h"]\nexample = "1.5h"\n'
        "[endpoint.parameter.flag]\nexample = false\n"
        '[endpoint.parameter.id]\nexample = "123e4567-e89b-12d3-a456-426614174000"\n'
        '[endpoint.parameter.day]\nbefore = "end"\nexample = "2024-01-01"\n'
        '[endpoint.parameter.end]\nexample = "2024-01-01T00:00:00.1Z"\n'
    )
    made = registry(tmp_path, f'[[endpoint]]\nroute = "/v1/x"\nfunction = "Typed_v1"\n{own}')
    assert [
        (each.minimum, each.maximum, each.allowed, each.example, each.before) for each in made.endpoints[0].parameters
    ] == [
        (-(2**31), 2**31 - 1, (), 2**31 - 1, None),
        (1, 2.5, (), 2, None),
        (None, None, ("1h", "1.5h"), "1.5h", None),
        (None, None, (), False, None),
        (None, None, (), "123e4567-e89b-12d3-a456-426614174000", None),
        (None, None, (), "2024-01-01", "end"),
        (None, None, (), "2024-01-01T00:00:00.1Z", None),
        (None, None, (), None, None),
    ]
