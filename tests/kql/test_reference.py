from pathlib import Path

import pytest

from kql.errors import DefinitionError
from kql.reference import REFERENCE_FOLDER, canonical_symbol, load_companies, rendered_files


@pytest.mark.parametrize(("name", "text"), rendered_files(load_companies()).items())
def test_the_committed_file_is_the_rendering_of_the_reference_data(name: str, text: str) -> None:
    assert (REFERENCE_FOLDER / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("AAPL", "AAPL"), ("google", "GOOGL"), ("gOOg", "GOOGL"), ("Alphabet", "GOOGL"), ("TSLA", None), ("", None)],
)
def test_a_symbol_or_alias_in_any_case_stands_for_one_company(name: str, symbol: str | None) -> None:
    assert canonical_symbol(name) == symbol


def company(symbol: str, aliases: str = "[]") -> str:
    others = "".join(f'{field} = "X"\n' for field in ("name", "exchange", "currency", "sector"))
    return f'[[company]]\nsymbol = "{symbol}"\n{others}aliases = {aliases}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no \\[\\[company\\]\\] entry found"),
        ("[[company]", "not valid TOML"),
        ('[[company]]\nsymbol = "A"', "company A: 'name' is missing"),
        (company("A", '["x"]'), "aliases are a list of words in upper case"),
        (company("A", '["Z"]') + company("B", '["Z"]'), "'Z' stands for both A and B"),
    ],
)
def test_a_mistake_in_the_reference_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "companies.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match=message):
        load_companies(file)
