import re
from dataclasses import replace
from pathlib import Path

import pytest

from kql.errors import DefinitionError
from kql.loader import load_database
from kql.reference import COMPANIES_FILE, SIMULATED, canonical_symbol, load_companies, load_market
from kql.reference.__main__ import main as render
from kql.reference.document import REFERENCE_FOLDER
from kql.reference.render import rendered_files
from tests.companies import UNKNOWN


@pytest.mark.parametrize(("name", "text"), rendered_files(load_companies(), load_market()).items())
def test_the_committed_file_is_the_rendering_of_the_reference_data(name: str, text: str) -> None:
    assert (REFERENCE_FOLDER / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("AAPL", "AAPL"), ("google", "GOOGL"), ("gOOg", "GOOGL"), ("Alphabet", "GOOGL"), (UNKNOWN, None), ("", None)],
)
def test_a_symbol_or_alias_in_any_case_stands_for_one_company(name: str, symbol: str | None) -> None:
    assert canonical_symbol(name) == symbol


MARKET = COMPANIES_FILE.read_text(encoding="utf-8").partition("[[company]]")[0]


def company(symbol: str, aliases: str = "[]", more: str = "") -> str:
    others = "".join(f'{field} = "NASDAQ"\n' for field in ("name", "exchange", "currency", "sector"))
    return f'[[company]]\nsymbol = "{symbol}"\n{others}aliases = {aliases}\n{more}\n'


def changed(line: str, to: str = "") -> str:
    assert line in MARKET
    return MARKET.replace(line, to) + company("A")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no \\[\\[company\\]\\] entry found"),
        ("[[company]", "not valid TOML"),
        ('[[company]]\nsymbol = "A"', "company A: 'name' is missing"),
        (company("A,B"), "symbol and aliases are words in upper case"),
        (company("A/B"), "symbol and aliases are words in upper case"),
        (company("A", '["A"]'), "'A' stands twice"),
        (company("A") + "[marke]\nx = 1", "'marke' is unknown"),
        (company("A", '["x"]'), "symbol and aliases are words in upper case"),
        (company("A", "[1]"), "company A: 'aliases' is not a list of texts"),
        (company("A", '["Z"]') + company("B", '["Z"]'), "'Z' stands for both A and B"),
        (company("A", more="alias = []"), "company A: 'alias' is unknown"),
        (company("A", more="usual = { price = 1 }"), "company A, usual: 'daily_volatility' is missing"),
        (
            company("A", more="usual = { price = 0, daily_volatility = 0.1, daily_volume = 1 }"),
            "price, volatility and volume are above zero",
        ),
    ],
)
def test_a_mistake_in_the_reference_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "companies.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match=message):
        load_companies(file)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (company("A") + company("b"), 9),
        (company("A") + company("B", '["A"]'), 9),
        (company("A") + "[[compani]]\n", 9),
        (company("A") + "x = x\n", 9),
        ("[market]\nopen = 1\n" + company("A"), 1),
    ],
)
def test_a_mistake_in_the_reference_file_has_its_line(tmp_path: Path, text: str, line: int) -> None:
    file = tmp_path / "companies.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        load_market(file) if text.startswith("[market]") else load_companies(file)
    assert caught.value.line == line


def test_rendering_names_a_mistake_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DefinitionError("'x' is unknown", Path("companies.toml"), 3, "is 'y' meant?")

    monkeypatch.setattr("kql.reference.__main__.load_companies", fail)
    with pytest.raises(SystemExit) as caught:
        render()
    assert caught.value.code == "error: companies.toml:3: 'x' is unknown\nhint: is 'y' meant?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (company("A"), "no \\[market\\] found"),
        (changed("09:30:00", "true"), "market: 'opens' is not a time such as 09:30:00"),
        (changed("252", "300"), "'trading_dates_per_year' is from 128 to 256"),
        (changed("America/New_York", "America/New_Work"), "no time zone is named 'America/New_Work'"),
        (changed('"NASDAQ", '), "A is listed at NASDAQ, which is none of its exchanges"),
        (changed("closes =", "closing ="), "market: 'closing' is unknown"),
    ],
)
def test_a_mistake_in_the_market_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "companies.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match=message):
        load_market(file)


def test_another_market_renders_other_functions(tmp_path: Path) -> None:
    file = tmp_path / "companies.toml"
    file.write_text(changed("day_starts = 05:00:00", "day_starts = 17:30:00"), encoding="utf-8")
    market = replace(load_market(file), trading_dates_per_year=245, days_per_trading_date=1.75)
    before, after = (rendered_files(load_companies(file), each) for each in (load_market(), market))
    bodies = {name: text.splitlines()[-2].strip() for name, text in after.items() if text != before[name]}
    assert bodies == {
        "DayStart.kql": "1050m",
        "TradingDate.kql": "startofday(timestamp - 1050m)",
        "TradingDatesPerYear.kql": "245",
        "WarmUp.kql": "7d + bars * interval * iff(interval >= 1d, 1.75, 8.0)",
    }


def test_no_number_of_the_market_stands_in_another_file() -> None:
    numbers = re.compile(r"\b(252|1\.6|5h|3h|21h)\b")
    found = {
        script.file.name: numbers.findall(statement.text)
        for script in load_database().scripts
        for statement in script.statements
        if script.file.parent != REFERENCE_FOLDER and numbers.search(statement.text)
    }
    assert found == {}


@pytest.mark.slow
def test_the_name_of_the_simulated_source_stands_in_one_function() -> None:
    texts = {script.file.name: script.entities[0].text for script in load_database().scripts}
    assert [name for name, text in texts.items() if f'"{SIMULATED}"' in text] == ["IsSimulated.kql"]
