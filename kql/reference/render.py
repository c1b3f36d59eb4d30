"""The functions of the market database that are rendered from the reference file.

An update policy under streaming ingestion may not read another table, and a materialized view calls no function that
looks anything up, so what they need to know stands in the text of functions; a test holds the committed files equal to
this rendering.
"""

from collections.abc import Iterable
from datetime import timedelta

from kql.literals import dynamic_literal, string_literal
from kql.reference.companies import Company
from kql.reference.market import Market

SIMULATED = "simulated"
"""The source of prices that are made up."""

_NOTICE = "// Rendered from companies.toml by `python -m kql.reference`: edit that file."
_SHOWN = ("symbol", "name", "exchange", "currency", "sector")
_MINUTE = timedelta(minutes=1)


def rendered_files(companies: tuple[Company, ...], market: Market) -> dict[str, str]:
    """Return the text of every rendered file by its name in the reference folder."""
    return {
        "Companies.kql": _companies(companies),
        "CanonicalSymbol.kql": _canonical_symbol(companies),
        "DayStart.kql": _function(
            f"Return how long after 00:00 UTC a trading date of {market.name} begins.",
            "DayStart()",
            [timespan_literal(market.day_starts)],
        ),
        "DayClose.kql": _function(
            f"Return how long after 00:00 UTC a trading date of {market.name} is closed, its closing auction included.",
            "DayClose()",
            [timespan_literal(market.day_closes)],
        ),
        "TradingDate.kql": _function(
            f"Return the trading date in {market.name}, at 00:00 UTC, that a UTC time belongs to.",
            "TradingDate(timestamp: datetime)",
            [f"startofday(timestamp - {timespan_literal(market.day_starts)})"],
            f"// Every session in {market.name} lies within one UTC day once that is taken off,",
            "// in summer and in winter alike; that needs no time zone table and holds in a materialized view.",
        ),
        "TradingDatesPerYear.kql": _function(
            f"Return the number of trading dates in a year of {market.name}.",
            "TradingDatesPerYear()",
            [str(market.trading_dates_per_year)],
        ),
        "WarmUp.kql": _function(
            "Return how long before a range so many bars begin, with a week to spare for holidays.",
            "WarmUp(bars: long, interval: timespan)",
            [
                "7d + bars * interval * iff(interval >= 1d,"
                f" {market.days_per_trading_date}, {market.hours_per_trading_hour})"
            ],
            "// Weekends and nights have no bars: so many days pass for one of trading, so many hours for an hour.",
        ),
        "IsSimulated.kql": _function(
            "Whether a source makes its prices up.",
            "IsSimulated(source: string)",
            [f"source == {string_literal(SIMULATED)}"],
        ),
    }


def timespan_literal(span: timedelta) -> str:
    """Return a timespan of whole minutes as KQL writes it: `5h`, or `330m`."""
    minutes = span // _MINUTE
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def _companies(companies: tuple[Company, ...]) -> str:
    columns = ", ".join(f"{field.capitalize()}: string" for field in _SHOWN)
    rows = ",\n".join(
        "    "
        + ", ".join([*(string_literal(getattr(company, field)) for field in _SHOWN), dynamic_literal(company.aliases)])
        for company in companies
    )
    table = f"datatable ({columns}, Aliases: dynamic) [\n{rows}\n]".splitlines()
    return _function("The companies that the database knows.", "Companies()", table)


def _canonical_symbol(companies: tuple[Company, ...]) -> str:
    branches = (
        f"    name in~ ({', '.join(string_literal(spelling) for spelling in company.spellings)}),"
        f" {string_literal(company.symbol)},"
        for company in companies
    )
    return _function(
        "Return the symbol that a symbol or alias stands for, empty when it is unknown.",
        "CanonicalSymbol(name: string)",
        ["case(", *branches, '    "")'],
    )


def _function(docstring: str, declaration: str, body: Iterable[str], *comments: str) -> str:
    properties = f'folder = "reference", docstring = {string_literal(docstring)}'
    head = [_NOTICE, *comments, f".create-or-alter function with ({properties})", f"{declaration} {{"]
    return "\n".join([*head, *(f"    {line}" for line in body), "}", ""])
