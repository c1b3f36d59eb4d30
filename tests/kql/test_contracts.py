import re
from pathlib import Path

import pytest

from emulator.binder.bind import bind_query
from emulator.optimize.sharing import shared
from emulator.schema.subjects import Kind
from emulator.syntax.commands import DefineFunction
from emulator.syntax.parser import parse_query
from emulator.types import DATETIME, INT, REAL, STRING, TIMESPAN
from kql.binding import DatabaseBinder, check_database
from kql.errors import DefinitionError
from kql.loader import DATABASE_FOLDER, load_database
from tests.kql.language_service import check

RELEASED = sorted(path.stem for path in (DATABASE_FOLDER / "functions").glob("*.kql"))


@pytest.fixture(scope="module")
def binder() -> DatabaseBinder:
    return DatabaseBinder(load_database())


@pytest.mark.slow
def test_every_view_and_function_binds(binder: DatabaseBinder) -> None:
    binder.check()


def test_a_contract_is_what_the_text_of_the_function_says(binder: DatabaseBinder) -> None:
    contract = binder.contract("RollingAverage_v1")
    assert contract.docstring == "Rolling average of a company's closes."
    described = {each.name: (each.type, each.default_text, each.default) for each in contract.parameters}
    assert described == {
        "symbol": (STRING, None, None),
        "method": (STRING, '"sma"', "sma"),
        "window": (INT, "20", 20),
        "interval": (TIMESPAN, "1d", "1d"),
        "startTime": (DATETIME, "datetime(null)", None),
        "endTime": (DATETIME, "datetime(null)", None),
        "adjusted": (contract.parameters[6].type, "true", True),
        "asOf": (DATETIME, "datetime(null)", None),
    }
    assert [each.name for each in contract.parameters if each.is_required] == ["symbol"]
    assert [(column.name, column.type) for column in contract.result] == [
        ("Symbol", STRING),
        ("Timestamp", DATETIME),
        ("Close", REAL),
        ("Average", REAL),
        ("Source", STRING),
    ]


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_function_describes_itself_its_parameters_and_columns(binder: DatabaseBinder, name: str) -> None:
    contract = binder.contract(name)
    assert contract.docstring.endswith(".")
    undescribed = [each.name for each in (*contract.parameters, *contract.result) if not each.docstring.endswith(".")]
    assert undescribed == []


@pytest.mark.slow
def test_a_released_function_carries_its_version_in_name_and_folder() -> None:
    for name in RELEASED:
        assert re.fullmatch(r"[A-Z][A-Za-z]+_v[1-9][0-9]*", name)
        made = load_database().find(Kind.FUNCTION, name)
        assert made is not None
        assert isinstance(made[1].command, DefineFunction)
        properties = {each.name: each.text for each in made[1].command.properties}
        assert properties["folder"] == name.rpartition("_")[2]


def test_a_released_function_of_what_changes_takes_the_moment(binder: DatabaseBinder) -> None:
    timeless = [name for name in RELEASED if binder.contract(name).parameter("asOf") is None]
    assert [name for name in timeless if "Timestamp" in binder.contract(name).result.names] == []


@pytest.mark.slow
def test_result_columns_are_those_that_the_language_service_infers(binder: DatabaseBinder) -> None:
    database = load_database()
    inferred = {
        checked.file.stem: checked.columns
        for checked in check([script.file for script in database.scripts])
        if "Function" in checked.command and checked.columns
    }
    derived = {
        name: tuple((column.name, str(column.type)) for column in binder.contract(name).result) for name in inferred
    }
    assert derived == inferred
    assert set(RELEASED) <= set(inferred)


def test_views_are_bound_with_their_columns(binder: DatabaseBinder) -> None:
    latest = binder.table("LatestTrade")
    assert latest is not None
    assert latest.kind == "materialized-view"
    assert latest.stored.schema.names == (
        *("Symbol", "Source", "Timestamp"),
        *("EventId", "Price", "Size", "Venue", "ReceivedAt"),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (".create-or-alter function F() {\n    Bars\n    | where Clsoe > 1\n}\n", 3, "Clsoe"),
        ("// @param windw Bars.\n.create-or-alter function F(window: int) { print window }\n", 1, "parameter 'windw'"),
        ("// @column Nothing Text.\n.create-or-alter function F() { print x = 1 }\n", 1, "column 'Nothing'"),
        ("// @inherit Nobody\n.create-or-alter function F() { print x = 1 }\n", 1, "no function 'Nobody'"),
        (".create-or-alter materialized-view F on table Trades {\n    Trades | summarize max(Prise)\n}\n", 2, "Prise"),
    ],
)
def test_a_fault_is_reported_at_its_file_and_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    (tmp_path / "F.kql").write_text(text.replace("Bars\n", 'Bars("AAPL")\n'), encoding="utf-8")
    with pytest.raises(DefinitionError, match=message) as caught:
        check_database(load_database(DATABASE_FOLDER, tmp_path))
    assert (caught.value.file.name, caught.value.line) == ("F.kql", line)


def test_scalar_functions_have_a_contract_of_one_column(binder: DatabaseBinder) -> None:
    assert binder.contract("TradingDate").result.csl() == "TradingDate:datetime"
    assert load_database().find(Kind.FUNCTION, "TradingDate") is not None


@pytest.mark.parametrize("name", RELEASED)
def test_nothing_of_a_function_is_computed_apart(binder: DatabaseBinder, name: str) -> None:
    # DuckDB sees through what is written where it is read, but not through a table of its own.
    parameters = [f"p{n}: {each.type}" for n, each in enumerate(binder.contract(name).parameters)]
    declared = f"declare query_parameters({', '.join(parameters)});" if parameters else ""
    call = f"{declared} {name}({', '.join(f'p{n}' for n in range(len(parameters)))})"
    (plan,) = bind_query(parse_query(call), binder).results
    assert shared(plan) is plan
