"""The companies whose shares are tracked."""

from dataclasses import dataclass
from pathlib import Path

from kql.errors import DefinitionError
from kql.reference.document import COMPANIES_FILE, Entry, read_document

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
    entries = read_document(file).get("company")
    if not isinstance(entries, list) or not entries:
        raise DefinitionError("no [[company]] entry found", file)
    companies = tuple(_company(entry, file) for entry in entries)
    seen: dict[str, str] = {}
    for company in companies:
        for spelling in company.spellings:
            if spelling in seen:
                raise DefinitionError(f"'{spelling}' stands for both {seen[spelling]} and {company.symbol}", file)
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


def _company(values: object, file: Path) -> Company:
    if not isinstance(values, dict):
        raise DefinitionError("every company is a [[company]] table", file)
    entry = Entry(values, f"company {values.get('symbol', '?')}", file, _KNOWN)
    symbol, name, exchange, currency, sector = (entry.value(field, str) for field in _KNOWN[:5])
    aliases = entry.words("aliases") if "aliases" in entry else ()
    if any(spelling != spelling.upper() for spelling in (symbol, *aliases)):
        raise entry.error("symbol and aliases are words in upper case")
    usual = _usual(entry.value("usual", dict), symbol, file) if "usual" in entry else Usual()
    return Company(symbol, name, exchange, currency, sector, aliases, usual)


def _usual(values: dict[str, object], symbol: str, file: Path) -> Usual:
    entry = Entry(values, f"company {symbol}, usual", file, _USUAL)
    price, volatility, volume = (entry.value(name, float) for name in _USUAL)
    if not (price > 0 and volatility > 0 and volume > 0):
        raise entry.error("price, volatility and volume are above zero")
    return Usual(price, volatility, volume)
