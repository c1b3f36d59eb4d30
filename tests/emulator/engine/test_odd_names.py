"""Names and texts that DuckDB cannot hold as they are: half a surrogate pair, and NUL."""

import pytest

from emulator import Eventhouse

HALF, SHOWN = "\ud800", "\ufffd"


@pytest.mark.parametrize("half", [HALF, r"\ud800"], ids=["sent", "escaped"])
def test_half_of_a_surrogate_pair_is_the_replacement_character_wherever_it_stands(
    empty_database: Eventhouse, half: str
) -> None:
    run = empty_database.command
    run(f".create table ['T{half}'] (['c{half}']: string) with (docstring = '{half}')")
    run(f".create function ['F{half}']() {{ print x = '{half}' }}")
    run(f".set-or-append ['T{half}'] <| print '{half}'")
    assert empty_database.query(f"['T{half}'] | extend ['d{half}'] = '{half}'")[0].records() == [
        {f"c{SHOWN}": SHOWN, f"d{SHOWN}": SHOWN}
    ]
    assert empty_database.query(f"['F{SHOWN}']()")[0].records() == [{"x": SHOWN}]
    shown = run(".show tables").records()
    assert [(row["TableName"], row["DocString"]) for row in shown] == [(f"T{SHOWN}", SHOWN)]


def test_halves_of_one_pair_are_joined(empty_database: Eventhouse) -> None:
    assert empty_database.query(r"print x = '\ud83d\ude00', n = strlen('\ud83d\ude00')")[0].records() == [
        {"x": "\U0001f600", "n": 1}
    ]


def test_a_view_may_have_a_column_whose_name_holds_a_nul(empty_database: Eventhouse) -> None:
    empty_database.command(r".create table T (Id: long, ['a\0b']: long)")
    query = r"T | summarize take_any(*), ['n\0'] = count() by Id"
    for name, text in (("V", r"T | summarize ['n\0'] = count() by Id"), ("W", "T | summarize take_any(*) by Id")):
        empty_database.command(f".create materialized-view {name} on table T {{ {text} }}")
    empty_database.ingest("T", b"1,2\n1,2", format="csv")
    assert empty_database.query("V")[0].records() == [{"Id": 1, "n\0": 2}]
    assert empty_database.query("W")[0].records() == [{"Id": 1, "a\0b": 2}]
    assert empty_database.query(query)[0].records() == [{"Id": 1, "a\0b": 2, "n\0": 2}]
