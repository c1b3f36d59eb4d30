"""The producer's records and the landing tables of the market database are the same columns."""

import json
import re
from pathlib import Path

import orjson
import pytest

import kql
from emulator.binder.bind import bind_query
from emulator.syntax.parser import parse_query
from kql.binding import DatabaseBinder
from kql.loader import load_database
from producer.history.store import compared_columns, stored_query
from producer.landing import CORPORATE_ACTIONS, DAILY_BARS, INTRADAY_BARS, TRADES, Landing
from producer.model import Trade, encode_trade
from tests.producer.clock import START

TABLES = Path(kql.__file__).parent / "database" / "tables"
KUSTO = {"string": "string", "double": "real", "int64": "long", "timestamp[us]": "datetime"}


@pytest.mark.parametrize("landing", [TRADES, DAILY_BARS, INTRADAY_BARS, CORPORATE_ACTIONS], ids=lambda it: it.table)
def test_records_have_the_columns_and_types_of_their_table(landing: Landing) -> None:
    text = (TABLES / f"{landing.table}.kql").read_text(encoding="utf-8")
    definition = re.search(r"\.create-merge table \w+ \((.*?)\n\)", text, re.DOTALL)
    assert definition
    declared = dict(re.findall(r"(\w+): (\w+)", definition[1]))
    assert {field.name: KUSTO[str(field.type)] for field in landing.schema} == declared


@pytest.mark.parametrize("landing", [TRADES, DAILY_BARS, INTRADAY_BARS, CORPORATE_ACTIONS], ids=lambda it: it.table)
def test_fields_have_the_paths_of_the_mapping(landing: Landing) -> None:
    text = (TABLES / f"{landing.table}.kql").read_text(encoding="utf-8")
    mapping = re.search(rf'ingestion json mapping "{landing.mapping}"\n```\n(.*?)\n```', text, re.DOTALL)
    assert mapping
    paths = {entry["column"]: entry["Properties"]["Path"] for entry in json.loads(mapping[1])}
    assert {column: f"$.{name}" for name, column in landing.columns.items()} == paths


def test_a_trade_is_json_with_utc_times() -> None:
    trade = Trade("e1", "AAPL", START, 189.5, 100.0, "SIM", "simulated", START)
    assert orjson.loads(encode_trade(trade)) == {
        "event_id": "e1",
        "symbol": "AAPL",
        "timestamp": "2024-03-01T15:00:00Z",
        "price": 189.5,
        "size": 100.0,
        "venue": "SIM",
        "source": "simulated",
        "received_at": "2024-03-01T15:00:00Z",
    }


@pytest.mark.slow
@pytest.mark.parametrize("landing", [TRADES, DAILY_BARS, INTRADAY_BARS, CORPORATE_ACTIONS], ids=lambda it: it.table)
def test_the_query_for_stored_rows_fits_the_market_database(landing: Landing) -> None:
    bound = bind_query(parse_query(stored_query(landing)), DatabaseBinder(load_database()))
    schema = bound.results[0].schema
    assert {column.name: str(column.type) for column in schema} == {
        name: KUSTO[str(landing.schema.field(name).type)] for name in compared_columns(landing)
    }
