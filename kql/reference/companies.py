"""The companies whose shares are tracked."""

import re
from dataclasses import dataclass
from pathlib import Path

from kql.errors import DefinitionError
from kql.reference.document import COMPANIES_FILE, Entry, read_document

# Commas separate symbols in requests, slashes the parts of a route.
_SPELLING = re.compile(r"[A-Z0-9.-]+")
_KNOWN = ("symbol", "name", "exchange", "currency", "sector", "aliases", "usual")
_USUAL = ("price", "daily_volatility", "daily_volume")


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual for a symbol: price level, volatility of a day as a fraction, shares of a day."""

    price: float = 100.0
    daily_volatility: float = 0.02
    daily_volume: float = 5e6


@dataclass(frozen=True, slots=True)
class Company:
    """A company whose shares are tracked; aliases are other spellings of its symbol, in upper case."""

    symbol: str
    name: str
    exchange: str
    currency: str
    sector: str
    aliases: tuple[str, ...] = ()
    usual: Usual = Usual()

    @property
    def spellings(self) -> tuple[str, ...]:
        """The symbol and its aliases."""
        return (self.symbol, *self.aliases)


def load_companies(file: Path = COMPANIES_FILE) -> tuple[Company, ...]:
    """Read the reference file; a missing field or a spelling used twice is a `DefinitionError`."""
    document = read_document(file)
    entries = document.companies
    if not isinstance(entries, list) or not entries:
        raise DefinitionError("no [[company]] entry found", file)
    places = [document.lines.of(("company", number)) for number in range(len(entries))]
    companies = tuple(_company(entry, file, line) for entry, line in zip(entries, places, strict=True))
    seen: dict[str, str] = {}
    for company, line in zip(companies, places, strict=True):
        for spelling in company.spellings:
            if spelling in seen:
                twice = f"stands for both {seen[spelling]} and {company.symbol}"
                message = "stands twice" if seen[spelling] == company.symbol else twice
                raise DefinitionError(f"'{spelling}' {message}", file, line)
            seen[spelling] = company.symbol
    return companies


def known_symbols(file: Path = COMPANIES_FILE) -> tuple[str, ...]:
    """Return the symbols of all companies, in the order of the reference file."""
    return tuple(company.symbol for company in load_companies(file))


def canonical_symbol(name: str, companies: tuple[Company, ...] | None = None) -> str | None:
    """Return the symbol that a symbol or alias in any case stands for, or None; the same rule as in KQL."""
    wanted = name.upper()
    for company in load_companies() if companies is None else companies:
        if wanted in company.spellings:
            return company.symbol
    return None


def _company(values: object, file: Path, line: int | None) -> Company:
    if not isinstance(values, dict):
        raise DefinitionError("every company is a [[company]] table", file, line)
    entry = Entry(values, f"company {values.get('symbol', '?')}", file, _KNOWN, line)
    symbol, name, exchange, currency, sector = (entry.value(field, str) for field in _KNOWN[:5])
    aliases = entry.words("aliases") if "aliases" in entry else ()
    if any(not _SPELLING.fullmatch(spelling) for spelling in (symbol, *aliases)):
        raise entry.error("symbol and aliases are words in upper case", "of letters, digits, '.' and '-'")
    usual = _usual(entry.value("usual", dict), symbol, file, line) if "usual" in entry else Usual()
    return Company(symbol, name, exchange, currency, sector, aliases, usual)


def _usual(values: dict[str, object], symbol: str, file: Path, line: int | None) -> Usual:
    entry = Entry(values, f"company {symbol}, usual", file, _USUAL, line)
    price, volatility, volume = (entry.value(name, float) for name in _USUAL)
    if not (price > 0 and volatility > 0 and volume > 0):
        raise entry.error("price, volatility and volume are above zero")
    return Usual(price, volatility, volume)
