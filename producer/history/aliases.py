"""Names of companies in files and answers, brought to the symbols that the database keeps its bars under."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from kql.reference import Company
from producer.sources.files.reading import FileBars


def canonical_names(names: Iterable[str], companies: tuple[Company, ...]) -> Mapping[str, str]:
    """Return the symbol for every name that needs another one.

    A file that tells two spellings of a company apart, like the share classes GOOG and GOOGL, means two things by
    them: then none of the two is renamed.
    """
    found = set(names)
    renamed = {}
    for company in companies:
        spellings = found.intersection(company.spellings)
        if len(spellings) == 1 and company.symbol not in spellings:
            renamed[spellings.pop()] = company.symbol
    return renamed


def with_canonical_names(content: FileBars, companies: tuple[Company, ...]) -> FileBars:
    """Return bars and actions under canonical symbols."""
    symbols = content.bars["Symbol"]
    renamed = canonical_names(pc.unique(symbols).to_pylist(), companies)
    if not renamed:
        return content
    old, new = pa.array(list(renamed)), pa.array(list(renamed.values()))
    canonical = pc.coalesce(new.take(pc.index_in(symbols, old)), symbols)
    index = content.bars.schema.get_field_index("Symbol")
    return FileBars(
        content.bars.set_column(index, "Symbol", canonical),
        tuple(replace(action, symbol=renamed.get(action.symbol, action.symbol)) for action in content.actions),
    )
