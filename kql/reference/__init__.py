"""What the market database takes as given: the companies, and the market that they trade in.

Both stand in one file, `kql/database/reference/companies.toml`. Functions of the database are rendered from it, the
producer reads it.
"""

from kql.reference.companies import Company, Usual, canonical_symbol, known_symbols, load_companies
from kql.reference.document import COMPANIES_FILE
from kql.reference.market import Market, load_market
from kql.reference.render import SIMULATED

__all__ = [
    "COMPANIES_FILE",
    "SIMULATED",
    "Company",
    "Market",
    "Usual",
    "canonical_symbol",
    "known_symbols",
    "load_companies",
    "load_market",
]
