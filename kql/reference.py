"""The companies of the market database: one reference file, and the two functions rendered from it.

An update policy under streaming ingestion may not read another table, so the known symbols and aliases stand in
the text of a function; a test holds the committed files equal to this rendering.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from kql.errors import DefinitionError
from kql.literals import dynamic_literal, string_literal

REFERENCE_FOLDER = Path(__file__).parent / "database" / "reference"
COMPANIES_FILE = REFERENCE_FOLDER / "companies.toml"
_FIELDS = ("symbol", "name", "exchange", "currency", "sector")
_NOTICE = "// Rendered from companies.toml by `python -m kql.reference`: edit that file."


@dataclass(frozen=True, slots=True)
class Company:
    """A company whose shares are tracked; aliases are other spellings of its symbol, in upper case."""

    symbol: str
    name: str
    exchange: str
    currency: str
    sector: str
    aliases: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """The symbol and its aliases."""
        return (self.symbol, *self.aliases)


def load_companies(file: Path = COMPANIES_FILE) -> tuple[Company, ...]:
    """Read the reference file; a missing field or a spelling used twice is a `DefinitionError`."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"not valid TOML: {error}", file) from error
    entries = document.get("company")
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


def canonical_symbol(name: str, companies: tuple[Company, ...] | None = None) -> str | None:
    """Return the symbol that a symbol or alias in any case stands for, or None; the same rule as in KQL."""
    wanted = name.upper()
    for company in load_companies() if companies is None else companies:
        if wanted in company.spellings:
            return company.symbol
    return None


def render_companies(companies: tuple[Company, ...]) -> str:
    """Render the file of `Companies()`, which serves the reference data as a table."""
    columns = ", ".join(f"{field.capitalize()}: string" for field in _FIELDS)
    rows = ",\n".join(
        "        "
        + ", ".join([*(string_literal(getattr(company, field)) for field in _FIELDS), dynamic_literal(company.aliases)])
        for company in companies
    )
    return (
        f"{_NOTICE}\n"
        '.create-or-alter function with (folder = "reference", docstring = "The companies that the database knows.")\n'
        "Companies() {\n"
        f"    datatable ({columns}, Aliases: dynamic) [\n{rows}\n    ]\n"
        "}\n"
    )


def render_canonical_symbol(companies: tuple[Company, ...]) -> str:
    """Render the file of `CanonicalSymbol()`, which the update policies call."""
    branches = "\n".join(
        f"        name in~ ({', '.join(string_literal(spelling) for spelling in company.spellings)}),"
        f" {string_literal(company.symbol)},"
        for company in companies
    )
    return (
        f"{_NOTICE}\n"
        '.create-or-alter function with (folder = "reference", '
        'docstring = "Return the symbol that a symbol or alias stands for, empty when it is unknown.")\n'
        "CanonicalSymbol(name: string) {\n"
        f'    case(\n{branches}\n        "")\n'
        "}\n"
    )


def rendered_files(companies: tuple[Company, ...]) -> dict[str, str]:
    """Return the text of every rendered file by its name in the reference folder."""
    return {
        "Companies.kql": render_companies(companies),
        "CanonicalSymbol.kql": render_canonical_symbol(companies),
    }


def main() -> None:
    """Write the rendered files beside the reference file."""
    for name, text in rendered_files(load_companies()).items():
        (REFERENCE_FOLDER / name).write_text(text, encoding="utf-8")


def _company(entry: object, file: Path) -> Company:
    if not isinstance(entry, dict):
        raise DefinitionError("every company is a [[company]] table", file)
    for field in _FIELDS:
        if not isinstance(entry.get(field), str) or not entry[field].strip():
            raise DefinitionError(f"company {entry.get('symbol', '?')}: '{field}' is missing", file)
    aliases = entry.get("aliases", [])
    if not isinstance(aliases, list) or any(not isinstance(alias, str) or alias != alias.upper() for alias in aliases):
        raise DefinitionError(f"company {entry['symbol']}: aliases are a list of words in upper case", file)
    return Company(**{field: entry[field] for field in _FIELDS}, aliases=tuple(aliases))


if __name__ == "__main__":
    main()
